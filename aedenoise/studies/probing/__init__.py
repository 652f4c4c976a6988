"""What the code of a trained encoder is good for."""
