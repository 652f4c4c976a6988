"""The discriminator, as a value."""

from __future__ import annotations

import math
from dataclasses import dataclass

from aedenoise.config.fields import check_fields, option
from aedenoise.config.validation import check_known
from aedenoise.errors import UsageError

GAN_LOSSES = ("non_saturating", "hinge")
REGULARIZERS = ("spectral_norm", "r1", "none")


@dataclass(frozen=True, kw_only=True)
class AdversaryConfig:
    """Discriminator of a GAN, or of a denoiser with an adversarial loss; see
    ``training.discriminator``.

    Attributes:
      weight: factor of a denoiser's adversarial loss; 0: none. A GAN has no other loss.
      loss: ``non_saturating`` (Goodfellow et al. 2014) or ``hinge`` (Lim and Ye 2017).
      regularizer: of the discriminator: ``spectral_norm`` (Miyato et al. 2018), ``r1`` (Mescheder
        et al. 2018) or ``none``.
      r1_weight: twice the factor of the squared gradient with ``r1``.
      average: decay of the moving average of a GAN's generator parameters; after n steps it is at
        most ``(1 + n) / (10 + n)``.
    """

    weight: float = option(
        0.0, "weight of a denoiser's adversarial loss", flag="adversarial_weight", detail=True
    )
    loss: str = option(
        "hinge", "adversarial loss", choices=GAN_LOSSES, flag="gan_loss", detail=True
    )
    regularizer: str = option(
        "spectral_norm", "regularizer of the discriminator", choices=REGULARIZERS, detail=True
    )
    r1_weight: float = option(1.0, "factor of the r1 gradient penalty", detail=True)
    average: float = option(0.999, "decay of a GAN's averaged parameters", detail=True)

    def __post_init__(self) -> None:
        check_fields(self)
        check_known("gan_loss", self.loss, GAN_LOSSES)
        check_known("regularizer", self.regularizer, REGULARIZERS)
        if not 0.0 <= self.weight < math.inf:
            raise UsageError(f"adversarial_weight must be 0 or more, not {self.weight:g}")
        if not 0.0 < self.r1_weight < math.inf:
            raise UsageError(f"r1_weight must be above 0, not {self.r1_weight:g}")
        if not 0.0 <= self.average < 1.0:
            raise UsageError(f"average must be in [0, 1), not {self.average:g}")
        if self.regularizer != "r1" and self.r1_weight != 1.0:
            raise UsageError(f"r1_weight is for regularizer r1, not {self.regularizer}")
