"""What the doctor found: strengths, causes and remedies."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aedenoise.metrics.grid_strength import Period

if TYPE_CHECKING:
    from aedenoise.exports.grids.layers import Layer
    from aedenoise.exports.grids.network import Arrays

# Share of the response's RMS from which on a grid counts; rounding of float32 gives 1e-6.
LIMIT = 0.01


@dataclass(frozen=True)
class Strength:
    """Strength of a grid.

    Attributes:
      constant: excess strength of the response to constants, a share of its RMS.
      noise: the same for noise; values below 0.01 may be chance.
      spectrum: share of the AC power of the mean response to noise in the grid's frequencies.
    """

    constant: float
    noise: float
    spectrum: float


@dataclass(frozen=True, kw_only=True)
class LayerFinding:
    """What the doctor found in one layer.

    Attributes:
      layer: the layer.
      period: of its grid in the network's output.
      alone: phase strength of its response to a constant input of the channels' usual means.
      at_work: its response within the network.
      change: L2 norm of the smallest cure as a share of the weights; None for a layer that needs
        none, or that no change of weights cures.
    """

    layer: Layer
    period: Period
    alone: float
    at_work: Strength
    change: float | None = None

    @property
    def makes_a_grid(self) -> bool:
        """True where a constant comes out with a grid."""
        return self.alone > LIMIT

    @property
    def cause(self) -> str:
        """Why the layer makes a grid, in words."""
        layer = self.layer
        if layer.kernel is None:
            if self._shuffles:
                return "the filters that fill one block of pixels differ in their sums"
            return "its pixels differ by phase"
        for side, step in zip(layer.kernel, layer.stride, strict=True):
            if side < step:
                return f"kernel {side} is smaller than stride {step}: some pixels get no weight"
            if side % step:
                return f"kernel {side} is no multiple of stride {step}: pixels get unequal shares"
        return "the weights of different phases have different sums"

    @property
    def remedy(self) -> str:
        """The changes that cure the layer, in words, the smallest first."""
        words = []
        if self.change is not None:
            words.append(f"give the phases equal sums, {self.change:.1%} of the weights changed")
        kernel, stride = self.layer.kernel, self.layer.stride
        if kernel is not None and any(k % s for k, s in zip(kernel, stride, strict=True)):
            sides = "x".join(str(-(-k // s) * s) for k, s in zip(kernel, stride, strict=True))
            words.append(f"train with kernel {sides}")
        if self._shuffles:
            words.append("start the training with equal filters (ICNR)")
        words.append("enlarge by Resize, then convolve")
        return "; or ".join(words)

    @property
    def _shuffles(self) -> bool:
        return self.layer.kind == "DepthToSpace" or (
            self.layer.kernel is None and self.change is not None
        )


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """The grid of a model's output, and the layers that enlarge.

    Attributes:
      periods: the strength for each period that was looked for, in the output.
      layers: the layers that enlarge, in the order of computation; empty for a function.
      weights: the weights that cure all culprits with a cure.
      cured: the largest constant strength of the output with them; None without any.
    """

    periods: dict[Period, Strength]
    layers: tuple[LayerFinding, ...] = ()
    weights: Arrays = field(default_factory=dict)
    cured: float | None = None

    @property
    def has_grid(self) -> bool:
        """True where constants come out with a grid."""
        return any(each.constant > LIMIT for each in self.periods.values())

    @property
    def culprits(self) -> tuple[LayerFinding, ...]:
        """The layers that make a grid of the output, the strongest first.

        Layers whose grid comes out once others are cured belong to them.
        """
        found = [
            each
            for each in self.layers
            if each.change is not None
            or (each.makes_a_grid and self.periods[each.period].constant > LIMIT)
        ]
        return tuple(sorted(found, key=lambda each: -each.alone))
