"""Hallucination: denoised images that show another class than the original."""
