"""Datasets of letters from fonts: metadata of fonts, rendering, and packing."""
