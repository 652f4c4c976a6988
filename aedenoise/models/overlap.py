"""Evenness of the kernel overlap of a decoder, computed from its geometry."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from aedenoise.config import Layer
from aedenoise.ops import phases


def overlap_map(layers: Iterable[Layer], size: int) -> np.ndarray:
    """Computes the output for a code of ones if every weight is one.

    Along one axis a layer maps c to the sums ``c'(n) = sum_t c(i(n, t))`` over the taps t that
    fall on a pixel of the code (``ops.phases``); both axes are equal and independent, so the map
    is an outer product (Odena, Dumoulin & Olah 2016 draw it for one layer). It is uneven where
    kernels of transposed convolutions overlap unevenly: where the stride does not divide the
    kernel size. Fixed upsampling is even (``resize``: the weights sum to one; the argmax indices
    of ``max_unpool`` depend on the image, so each pixel counts equally); ``corner`` inserts zeros.

    Args:
      layers: layers of a decoder, such as ``ModelConfig.decoder_layers``.
      size: side of the code in pixels.

    Returns:
      float64 ``[S, S]``, S the side of the output; its mean is 1.

    Raises:
      ValueError: for a kind of layer that no decoder has.
    """
    profile = np.ones(size)
    for layer in layers:
        profile = _sums(profile, layer)
    whole: np.ndarray = np.outer(profile, profile)
    whole /= whole.mean()
    return whole


def _sums(profile: np.ndarray, layer: Layer) -> np.ndarray:
    kind, kernel, factor = layer
    match kind:
        case "resize":
            return np.repeat(profile, factor)
        case "corner":
            return np.kron(profile, np.eye(1, factor)[0])
        case "conv" | "smooth":
            axis, length = phases.convolution(len(profile), kernel, factor)
        case "transpose":
            axis, _ = phases.transposed_convolution(kernel, factor)
            length = len(profile) * factor
        case "transpose_valid":
            axis, _ = phases.transposed_convolution(kernel, factor, "VALID")
            length = len(profile) * factor + max(kernel - factor, 0)
        case _:
            raise ValueError(f"a decoder has no layer of kind {kind!r}")
    sums = np.zeros(length)
    for n in range(length):
        step, phase = divmod(n, axis.out_stride)
        for shift in axis.shifts[phase]:
            read = axis.in_stride * step + shift
            if 0 <= read < len(profile):
                sums[n] += profile[read]
    return sums
