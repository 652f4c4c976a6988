"""Inference: networks restored from a checkpoint and applied to images of any size."""
