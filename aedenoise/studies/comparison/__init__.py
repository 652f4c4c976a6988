"""Comparisons of decoders: matched networks, a grid of cells with seeds, intervals, reports."""
