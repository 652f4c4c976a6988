"""Layer of a network, an operation that the page computes.

Operations and their options, on one image ``[H, W, C]``:

- ``conv``: ``SAME`` convolution of ``stride``; ``upsample_conv`` and ``unpool_conv``: nearest
  upsampling or unpooling by ``factor``, and a convolution; ``conv_transpose``: transposed
  convolution of ``stride`` and ``padding``. All have a kernel ``[k, k, C, O]`` and a bias.
- ``dense``: flattens, then ``x @ kernel + bias``; ``reshape`` to ``shape``.
- ``relu``, ``sigmoid``; ``level``: appends the noise level as a channel.
- ``max_pool`` over ``window``, without incomplete blocks; with ``keep`` its argmax indices go to
  the next ``max_unpool``, the last kept first.
- ``resize`` by ``factor`` and ``method``; ``sum_channels`` in groups of ``group``;
  ``depth_to_space`` by ``factor``; ``smooth``: means over ``side`` x ``side`` pixels;
  ``reassemble`` by ``factor``: ``ops.reassemble`` with the logits of a 1x1 kernel and a bias.
- ``keep`` keeps the map for the next ``join``, the last kept first. ``join`` adds the kept map (by
  ``method`` ``add``, after its 1x1 kernel if it has one) or appends its channels (``concat``).
- ``subtract``: the noisy image minus the estimated noise, clipped to [0, 1].
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Option = int | str | bool | tuple[int, ...]
Shape = tuple[int, int, int]


@dataclass(frozen=True)
class Layer:
    """An operation of the page.

    Attributes:
      op: name of the operation.
      options: its options.
      kernel, bias: float32 parameters, or None.
    """

    op: str
    options: Mapping[str, Option] = field(default_factory=dict)
    kernel: np.ndarray | None = None
    bias: np.ndarray | None = None


Layers = Iterator[Layer]
RELU, SIGMOID = Layer("relu"), Layer("sigmoid")


def weighted(op: str, params: Mapping[str, Any], **options: Option) -> Layer:
    """Returns a layer with the kernel and the bias of a linen module."""
    kernel, bias = (np.asarray(params[name], np.float32) for name in ("kernel", "bias"))
    return Layer(op, options, kernel, bias)
