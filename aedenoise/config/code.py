"""Penalties on the code, as a value."""

from __future__ import annotations

import math
from dataclasses import dataclass

from aedenoise.config.fields import check_fields, option
from aedenoise.config.validation import check_known
from aedenoise.errors import UsageError

SPARSITIES = ("none", "l1", "kl")


@dataclass(frozen=True, kw_only=True)
class CodeConfig:
    """Penalties on the code, added to the loss; see ``losses.code_penalties``.

    Attributes:
      sparsity: ``none``; ``l1``, the mean magnitude of the code; or ``kl``, the divergence of each
        unit's mean activation over a batch from ``sparsity_target``, for codes in (0, 1).
      sparsity_weight: factor of the sparsity penalty.
      sparsity_target: mean activation with ``kl``.
      contractive_weight: factor of the squared Frobenius norm of the encoder's Jacobian.
    """

    sparsity: str = option("none", "sparsity penalty on the code", choices=SPARSITIES, detail=True)
    sparsity_weight: float = option(0.01, "factor of the sparsity penalty", detail=True)
    sparsity_target: float = option(0.05, "mean activation that kl aims at", detail=True)
    contractive_weight: float = option(
        0.0, "factor of the squared norm of the encoder's Jacobian", detail=True
    )

    def __post_init__(self) -> None:
        check_fields(self)
        check_known("sparsity", self.sparsity, SPARSITIES)
        default = CodeConfig.__dataclass_fields__
        if self.sparsity == "none" and self.sparsity_weight != default["sparsity_weight"].default:
            raise UsageError("sparsity_weight needs sparsity l1 or kl")
        if self.sparsity != "kl" and self.sparsity_target != default["sparsity_target"].default:
            raise UsageError(f"sparsity_target is for sparsity kl, not {self.sparsity}")
        if not 0.0 < self.sparsity_weight < math.inf:
            raise UsageError(f"sparsity_weight must be above 0, not {self.sparsity_weight:g}")
        if not 0.0 < self.sparsity_target < 1.0:
            raise UsageError(f"sparsity_target must be in (0, 1), not {self.sparsity_target:g}")
        if not 0.0 <= self.contractive_weight < math.inf:
            raise UsageError(
                f"contractive_weight must be 0 or more, not {self.contractive_weight:g}"
            )

    @property
    def penalised(self) -> bool:
        """Returns True if there is any penalty."""
        return self.sparsity != "none" or self.contractive_weight > 0.0
