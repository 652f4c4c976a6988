"""Metrics on arrays: image quality, checkerboards, label flips, distributions, intervals."""
