"""A trained network at work: restored from a checkpoint, and applied to images of any size."""
