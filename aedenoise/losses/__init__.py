"""Per-example losses, training objectives and penalties on the code."""
