"""A trained network to export."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from aedenoise.exports.forward import Source, rebuilt


@dataclass(frozen=True)
class Network:
    """A network with what travels with it.

    Attributes:
      source: the denoiser, or the generator of a GAN.
      facts: metadata, see ``facts.describe``.
      image_shape: shape ``[H, W, C]`` of its training images, or another that it takes.
      parts: names of user-defined parts, see ``Components.names``.
    """

    source: Source
    facts: Mapping[str, str]
    image_shape: tuple[int, int, int]
    parts: Mapping[str, str] = field(default_factory=dict)

    def in_float32(self) -> Network:
        """Returns the network with float32 arithmetic, for formats without bfloat16."""
        if self.source.experiment.model.precision != "bfloat16":
            return self
        source = copy.copy(self.source)
        source.model = rebuilt(self.source.model, precision="float32")
        return replace(self, source=source)
