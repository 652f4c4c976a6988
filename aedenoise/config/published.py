"""Specifications of the published networks: valid sizes of images, and layers.

To add one, add its ``PublishedSpec`` here and its linen modules to ``models.published``.
"""

from __future__ import annotations

from typing import NamedTuple

from aedenoise.config.decoders import Layer


class PublishedSpec(NamedTuple):
    """Specification of a published network, without its modules.

    Attributes:
      stages: number of halvings of an image in the encoder.
      decoder: layers from the code, or from the map after dense layers, to the image.
      encoder: layers from the image to the code; None if each element of the code depends on the
        whole image.
      rest: remainder of the sides of an image when divided by ``2**stages``.
      only: only valid side, if there is just one.
    """

    stages: int
    decoder: tuple[Layer, ...]
    encoder: tuple[Layer, ...] | None = None
    rest: int = 0
    only: int | None = None


_HALVING = Layer("conv", 3, 2)
_DOUBLING = Layer("transpose", 3, 2)
_CONV = Layer("conv", 3, 1)

PUBLISHED_SPECS: dict[str, PublishedSpec] = {
    "keras_2018": PublishedSpec(2, (_DOUBLING, _DOUBLING, _CONV), only=28),
    "net_sure": PublishedSpec(2, (_DOUBLING, _DOUBLING), (_HALVING, _HALVING)),
    "udacity": PublishedSpec(
        3,
        (*(Layer("transpose_valid", side, 2) for side in (3, 2, 2)), _CONV),
        (_CONV, Layer("pool", 0, 2)) * 3,
        rest=4,
    ),
}
