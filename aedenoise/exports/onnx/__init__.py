"""Translation of a traced JAX function to an ONNX model."""
