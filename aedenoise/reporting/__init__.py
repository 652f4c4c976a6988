"""Reporting: console, metrics files, TensorBoard, figures. Shows results; computes none."""
