"""Console, metrics files, TensorBoard, figures and report pages. Computes no results."""
