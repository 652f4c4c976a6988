"""Files in which a trained network leaves JAX: ONNX, StableHLO, safetensors, a page."""
