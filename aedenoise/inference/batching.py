"""Batched application of a network to many images."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from aedenoise.models import Generator
from aedenoise.ops.images import to_image
from aedenoise.training.task import Params

# Limits of one batch, for memory: images, and pixels per channel.
_IMAGES, _PIXELS = 500, 2**19


def generate_fn(model: Generator) -> Callable[[Params, Any], Any]:
    """Compiles ``(params, latents [N, L]) -> images [N, H, W, C]`` in [0, 1]."""

    def generate(params: Params, latents: Any) -> Any:
        logits: Any = model.apply({"params": params}, latents)
        return to_image(logits)

    return jax.jit(generate)


def fit_batch_size(image_shape: tuple[int, int, int]) -> int:
    """Returns the number of images per batch for this image shape."""
    height, width, _ = image_shape
    return min(_IMAGES, max(8, _PIXELS // (height * width)))


def in_batches(function: Callable[[Any], Any], rows: np.ndarray, size: int) -> np.ndarray:
    """Applies ``function`` to batches of equal ``size`` and drops the padding of the last one."""
    # Equal sizes: a shorter last batch would compile a second program.
    after = [(0, -len(rows) % size), *[(0, 0)] * (rows.ndim - 1)]
    filled = np.pad(rows, after)
    parts = [
        np.asarray(function(filled[start : start + size])) for start in range(0, len(filled), size)
    ]
    return np.concatenate(parts)[: len(rows)]
