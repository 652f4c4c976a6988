"""Many images through a network, some at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from aedenoise.models import Generator
from aedenoise.ops.images import to_image
from aedenoise.training.task import Params

# So many images at once, or so many pixels.
_IMAGES, _PIXELS = 500, 2**19


def generate_fn(model: Generator) -> Callable[[Params, Any], Any]:
    """The compiled function ``(params, latents [N, L]) -> images [N, H, W, C]`` in [0, 1]."""

    def generate(params: Params, latents: Any) -> Any:
        logits: Any = model.apply({"params": params}, latents)
        return to_image(logits)

    return jax.jit(generate)


def fit_batch_size(image_shape: tuple[int, int, int]) -> int:
    """How many images go through a network at once."""
    height, width, _ = image_shape
    return min(_IMAGES, max(8, _PIXELS // (height * width)))


def in_batches(function: Callable[[Any], Any], rows: np.ndarray, size: int) -> np.ndarray:
    """``function`` over batches of one ``size``; what fills the last up is left out."""
    after = [(0, -len(rows) % size), *[(0, 0)] * (rows.ndim - 1)]
    filled = np.pad(rows, after)
    parts = [
        np.asarray(function(filled[start : start + size])) for start in range(0, len(filled), size)
    ]
    return np.concatenate(parts)[: len(rows)]
