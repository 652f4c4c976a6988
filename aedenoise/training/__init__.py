"""Training on arrays: pure steps, sharding over devices, the loop, and checkpoints."""
