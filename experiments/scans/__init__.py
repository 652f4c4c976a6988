"""Pairs of a clean page and its scan: type, layout, text, and the damage of paper and scanner."""
