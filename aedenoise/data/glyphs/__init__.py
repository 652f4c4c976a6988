"""Letters cut from fonts: what a font says of itself, drawing, and packing into a dataset."""
