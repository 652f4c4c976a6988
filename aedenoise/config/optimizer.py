"""The optimizer, as a value."""

from __future__ import annotations

import math
from dataclasses import dataclass

from aedenoise.config.fields import check_fields, option
from aedenoise.config.validation import check_known
from aedenoise.errors import UsageError

OPTIMIZERS = ("muon", "adam")
SCHEDULES = ("cosine", "constant", "drop")


@dataclass(frozen=True, kw_only=True)
class OptimizerConfig:
    """Muon, or Adam, with a schedule. The rate rises linearly over ``warmup`` (a share of all
    steps), then follows ``schedule``: a cosine to zero, constant, or a drop to a tenth in the last
    third. Gradients are clipped to the norm ``max_grad_norm`` (None: no clipping)."""

    name: str = option(
        "muon",
        "optimizer",
        flag="optimizer",
        choices=OPTIMIZERS,
    )
    learning_rate: float = option(0.012, "peak learning rate")
    schedule: str = option(
        "cosine", "learning-rate schedule after the warm-up", choices=SCHEDULES, detail=True
    )
    warmup: float = 0.05
    b1: float = 0.9
    b2: float = 0.98
    eps: float = 1e-8
    max_grad_norm: float | None = option(
        None, "norm to which gradients are clipped (default: no clipping)", detail=True
    )

    def __post_init__(self) -> None:
        check_fields(self)
        check_known("optimizer", self.name, OPTIMIZERS)
        check_known("schedule", self.schedule, SCHEDULES)
        if not 0.0 < self.learning_rate <= 1e12:
            raise UsageError(
                f"learning_rate must be above 0 and at most 1e12, not {self.learning_rate:g}"
            )
        if not 0.0 <= self.warmup < 1.0:
            raise UsageError(f"warmup is a share of all steps in [0, 1), not {self.warmup:g}")
        for name in ("b1", "b2"):
            if not 0.0 <= getattr(self, name) < 1.0:
                raise UsageError(f"{name} must be in [0, 1), not {getattr(self, name):g}")
        if not self.eps > 0.0:
            raise UsageError(f"eps must be above 0, not {self.eps:g}")
        if self.max_grad_norm is not None and not 0.0 < self.max_grad_norm < math.inf:
            raise UsageError(f"max_grad_norm must be above 0, not {self.max_grad_norm:g}")


# The recipe of the decoder study, as long as it was the default.
ADAM = OptimizerConfig(name="adam", learning_rate=8e-3)
