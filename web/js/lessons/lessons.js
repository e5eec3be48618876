// The lessons beside the picture. Loaded when first wanted.
