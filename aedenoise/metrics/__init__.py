"""Measures on arrays: image quality, checkerboards, classes, distributions, intervals."""
