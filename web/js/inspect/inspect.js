// What was chosen in the picture, closely: its figures, its settings, and what can be done with it. Loaded when first wanted.
