"""Losses per example, the objectives of training, and penalties on the code."""
