"""How evenly a decoder's kernels overlap, computed from its geometry alone."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from aedenoise.config import TAIL_SIDE, ModelConfig
from aedenoise.ops import phases

# Kind of stage, kernel side, factor.
Stage = tuple[str, int, int]


def decoder_stages(config: ModelConfig) -> list[Stage]:
    """The decoder of ``config`` as stages for ``overlap_map``."""
    k, s = config.kernel_size, config.stride
    enlarge: Stage = ("spread" if config.decoder == "unpool" else "repeat", 0, s)
    conv: Stage = ("conv", k, 1)
    count = len(config.decoder_features)
    tail: list[Stage] = [("conv", TAIL_SIDE, 1)] if config.tail else []
    if config.decoder == "transpose":
        return [("transpose", k, s)] * count + tail
    if config.decoder in ("subpixel", "max_unpool"):
        return [conv, enlarge] * count + tail
    if config.decoder == "bilinear_additive" or config.order == "resize_conv":
        return [enlarge, conv] * count + tail
    return [conv, enlarge] * count + [conv]


def overlap_map(stages: Iterable[Stage], size: int) -> np.ndarray:
    """How much reaches each output pixel of a code of ones if every weight is one.

    Along one axis a stage makes of c the sums ``c'(n) = sum_t c(i(n, t))`` over the taps t that
    meet a pixel of the code (``ops.phases``); both axes are alike and independent, so the map is
    the outer product (Odena, Dumoulin & Olah 2016 draw it for one layer). It is uneven where
    kernels of transposed convolutions overlap unevenly: where the stride does not divide the
    kernel. Fixed enlargements are even (``repeat``: of the sums of ones; which place ``max_unpool``
    chooses depends on the image, each counts alike); ``spread`` puts zeros between.

    Args:
      stages: (``conv``, k, 1), (``transpose``, k, s), (``repeat``, 0, s) or (``spread``, 0, s).
      size: side of the code in pixels.

    Returns:
      float64 ``[S, S]``, S the side of the output; its mean is 1.
    """
    profile = np.ones(size)
    for kind, kernel, factor in stages:
        if kind == "repeat":
            profile = np.repeat(profile, factor)
        elif kind == "spread":
            profile = np.kron(profile, np.eye(1, factor)[0])
        elif kind == "transpose":
            axis, _ = phases.transposed_convolution(kernel, factor)
            profile = _sums(profile, axis, len(profile) * factor)
        else:
            axis, length = phases.convolution(len(profile), kernel, 1)
            profile = _sums(profile, axis, length)
    whole: np.ndarray = np.outer(profile, profile)
    whole /= whole.mean()
    return whole


def _sums(profile: np.ndarray, axis: phases.Axis, length: int) -> np.ndarray:
    sums = np.zeros(length)
    for place in range(length):
        step, phase = divmod(place, axis.out_stride)
        for shift in axis.shifts[phase]:
            read = axis.in_stride * step + shift
            if 0 <= read < len(profile):
                sums[place] += profile[read]
    return sums
