"""Measures the speed of aedenoise and of its peers."""
