"""Probing: classification from the code of a trained encoder."""
