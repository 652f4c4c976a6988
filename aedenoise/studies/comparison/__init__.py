"""Comparison over a grid of decoders, datasets, noise levels and seeds, paired by seed."""
