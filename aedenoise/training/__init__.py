"""Training on arrays: the pure step, how devices carry it out, the loop, checkpoints, signals."""
