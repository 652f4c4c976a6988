"""Checkerboards of any model: which layer makes them, and the smallest change that cures it."""
