// The editor, and the place where its code runs. Loaded when first wanted.
