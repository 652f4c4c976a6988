"""The whole experiment, as a value."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field

from aedenoise.config.adversary import AdversaryConfig
from aedenoise.config.code import CodeConfig
from aedenoise.config.data import DataConfig
from aedenoise.config.fields import MOST_EPOCHS, check_fields, option, shorten
from aedenoise.config.model import ModelConfig
from aedenoise.config.noise import NO_NOISE, RECORDED, NoiseConfig
from aedenoise.config.optimizer import OptimizerConfig
from aedenoise.config.validation import check_known, check_positive
from aedenoise.errors import UsageError

LOSSES = (
    "bce",
    "mse",
    "l1",
    "charbonnier",
    "ssim",
    "emphasis",
    "noise2noise",
    "noise2self",
    "sure",
    "unsure",
)
# Losses that see no clean image, and those of them that need no second noisy one either.
_SELF_SUPERVISED = ("noise2noise", "noise2self", "sure", "unsure")
BLIND = ("noise2self", "sure", "unsure")
_GAUSSIAN = ("sure", "unsure")


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """Everything that decides the numbers of a run.

    Attributes:
      name: only a label.
      model, data, noise, optimizer, code, adversary: see their classes; a GAN sees no noise.
      loss: one of ``LOSSES``; a GAN has that of ``adversary``.
      batch_size: images per step over all devices.
      epochs: passes over the training set.
      clean_epochs: number of epochs, the first, without noise.
      greedy_epochs: of ``mlp``: number of epochs for each layer in turn, trained as a denoising
        autoencoder on the code of the layers below; the remaining epochs train the whole.
      level_power: with a range of noise levels, an image's loss is weighted by
        (middle of the range / its level) ** level_power.
      seed: of parameters, noise and the order of examples.
    """

    name: str = ""
    model: ModelConfig = field(default_factory=ModelConfig)
    data: DataConfig = field(default_factory=DataConfig)
    noise: NoiseConfig = field(default_factory=NoiseConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    code: CodeConfig = field(default_factory=CodeConfig)
    adversary: AdversaryConfig = field(default_factory=AdversaryConfig)
    loss: str = option("bce", "reconstruction loss", choices=LOSSES)
    batch_size: int = option(64, "images per step over all devices", most=2**20)
    epochs: int = option(5, "passes over the training set", most=MOST_EPOCHS)
    clean_epochs: int = option(0, "first epochs without noise", most=MOST_EPOCHS, detail=True)
    greedy_epochs: int = option(
        0,
        "epochs of layer-wise pretraining for each layer of an mlp",
        most=MOST_EPOCHS,
        detail=True,
    )
    level_power: float = option(
        0.0, "exponent that weights faint noise in a range of levels", detail=True
    )
    seed: int = option(0, "seed of parameters, noise and order", most=2**32 - 1)

    def __post_init__(self) -> None:
        check_fields(self)
        check_known("loss", self.loss, LOSSES)
        check_positive(epochs=self.epochs, batch_size=self.batch_size)
        if not 0 <= self.clean_epochs < self.epochs:
            raise UsageError(
                f"clean_epochs must be from 0 to {self.epochs - 1}, below epochs, not "
                f"{self.clean_epochs}"
            )
        if self.clean_epochs and self.loss in _SELF_SUPERVISED:
            raise UsageError(f"{self.loss} uses no clean images, so clean_epochs must be 0")
        if self.seed < 0:
            raise UsageError(f"seed must be from 0 to 2**32 - 1, not {shorten(self.seed)}")
        self._check_noisy()
        if self.loss in _SELF_SUPERVISED and not self.noise.unbiased:
            raise UsageError(
                f"{self.loss} learns the mean of noisy images, which {self.noise.kind} shifts; use "
                "gaussian, uniform, speckle or poisson with --noise_mean=0 --nonoise_clip"
            )
        if self.model.condition == "noise_level" and not self.noise.levelled:
            raise UsageError(
                f"condition noise_level needs a noise with one noise_level, not {self.noise.kind}"
            )
        if self.loss in _GAUSSIAN and self.noise.kind not in ("gaussian", RECORDED):
            raise UsageError(
                f"loss {self.loss} holds for gaussian noise only, not {self.noise.kind}"
            )
        self._check_level_power()
        self._check_greedy()
        self._check_code()
        self._check_adversary()

    def _check_noisy(self) -> None:
        """Checks what can be learnt from pictures that are noisy already."""
        recorded = self.data.noisy or self.data.paired
        if recorded != (self.noise.kind == RECORDED):
            raise UsageError(
                f"{self.data.dataset} is noisy already, without noise {self.noise.kind}; leave out "
                "--noise"
                if recorded
                else f"noise {RECORDED} is for noisy:DIR and pairs:NOISY,CLEAN, not "
                f"{self.data.dataset}"
            )
        if self.data.paired:
            self._check_paired()
        if not self.data.noisy:
            return
        if self.loss not in BLIND:
            raise UsageError(
                f"loss {self.loss} needs more than noisy:DIR has; use {', '.join(BLIND[:-1])} or "
                f"{BLIND[-1]}"
            )
        if self.loss == "sure" and not self.noise.level:
            raise UsageError("loss sure needs a noise level: give --noise_level, or --loss=unsure")
        if self.loss in _GAUSSIAN and self.noise.gain:
            raise UsageError(
                f"loss {self.loss} holds for gaussian noise only; leave out --noise_gain, or use "
                "--loss=noise2self"
            )

    def _check_paired(self) -> None:
        for what, contradicts in (
            (f"loss {self.loss}, which sees no clean images,", self.loss in _SELF_SUPERVISED),
            ("a noise level", self.noise.level > 0.0),
            ("condition noise_level", self.model.condition != "none"),
            ("greedy_epochs", self.greedy_epochs > 0),
            ("model gan", self.model.network == "gan"),
        ):
            if contradicts:
                raise UsageError(f"{what} contradicts pairs:NOISY,CLEAN; leave it out")

    def _check_level_power(self) -> None:
        if not 0.0 <= self.level_power <= 10.0:
            raise UsageError(f"level_power must be from 0 to 10, not {self.level_power:g}")
        if self.level_power and not (self.noise.level_max and self.noise.level):
            raise UsageError("level_power needs a range of levels above 0, as noise_level 0.2:0.6")
        if self.level_power and self.clean_epochs:
            raise UsageError("level_power and clean_epochs contradict each other")

    def _check_greedy(self) -> None:
        if self.greedy_epochs == 0:
            return
        if self.greedy_epochs < 0:
            raise UsageError(f"greedy_epochs must be 0 or more, not {self.greedy_epochs}")
        if self.model.network != "mlp":
            raise UsageError(f"greedy_epochs are for model mlp, not {self.model.network}")
        layers = len(self.model.widths)
        if self.greedy_epochs * layers >= self.epochs:
            raise UsageError(
                f"greedy_epochs {self.greedy_epochs} for each of {layers} layers leave none of "
                f"{self.epochs} epochs for the whole network"
            )
        for what, contradicts in (
            ("clean_epochs", self.clean_epochs > 0),
            (f"loss {self.loss}", self.loss in _SELF_SUPERVISED),
            ("a penalty on the code", self.code.penalised),
            ("noise that is drawn once", not self.noise.fresh),
        ):
            if contradicts:
                raise UsageError(f"greedy_epochs and {what} contradict each other")

    def _check_code(self) -> None:
        if not self.code.penalised:
            return
        if self.code.sparsity == "kl" and self.model.activation != "sigmoid":
            raise UsageError(
                "sparsity kl needs a code in (0, 1): --model=mlp --activation=sigmoid; or use l1"
            )
        if self.model.decoder_spec.needs_argmax:
            raise UsageError(
                f"decoder {self.model.decoder} passes argmax indices; "
                "a penalty on the code needs another"
            )

    def _check_adversary(self) -> None:
        if self.model.network == "gan":
            silent = self.noise.kind == NO_NOISE
            for what, contradicts in (
                (
                    "a setting of the noise" if silent else f"noise {self.noise.kind}",
                    self.noise != NoiseConfig(kind=NO_NOISE),
                ),
                (f"loss {self.loss}", self.loss != "bce"),
                ("clean_epochs", self.clean_epochs > 0),
                ("a penalty on the code", self.code.penalised),
                ("adversarial_weight", self.adversary.weight > 0.0),
            ):
                if contradicts:
                    raise UsageError(f"{what} is for denoisers, not model gan")
            return
        plain = AdversaryConfig()
        for name, flag in (
            ("loss", "gan_loss"),
            ("regularizer", "regularizer"),
            ("r1_weight", "r1_weight"),
        ):
            if not self.adversarial and getattr(self.adversary, name) != getattr(plain, name):
                raise UsageError(f"{flag} needs model gan or an adversarial_weight")
        if self.adversary.average != plain.average:
            raise UsageError("average is for model gan")
        if self.adversarial and self.greedy_epochs:
            raise UsageError("greedy_epochs and adversarial_weight contradict each other")
        if self.adversarial and self.code.penalised:
            raise UsageError("a penalty on the code and adversarial_weight contradict each other")
        if self.adversarial and self.model.network != "conv":
            raise UsageError(f"adversarial_weight is for model conv, not {self.model.network}")
        if self.adversarial and self.loss in _SELF_SUPERVISED:
            raise UsageError(f"adversarial_weight needs clean images; loss {self.loss} uses none")

    @property
    def adversarial(self) -> bool:
        """True where there is a discriminator."""
        return self.model.network == "gan" or self.adversary.weight > 0.0

    def check_denoises(self) -> None:
        """Checks that this is a denoiser.

        Raises:
          UsageError: if it is a GAN.
        """
        if self.model.network == "gan":
            raise UsageError("a GAN denoises nothing; choose another --model or --experiment")

    def check_pixels(self, pixels: int) -> None:
        """Checks that a dense network cannot copy the image.

        Args:
          pixels: number of values in an image.

        Raises:
          UsageError: if the code is as large as the image and nothing regularises it.
        """
        kept = self.noise.kind != NO_NOISE or self.code.penalised
        if self.model.network == "mlp" and self.model.code_size >= pixels and not kept:
            raise UsageError(
                f"a code of {self.model.code_size} numbers can copy an image of {pixels} values: "
                "make it smaller, or add noise, --sparsity or --contractive_weight"
            )

    def trained_on(self, noise: NoiseConfig) -> Experiment:
        """Returns the experiment with another noise; level_power needs a range of levels."""
        power = self.level_power if noise.level_max is not None else 0.0
        return dataclasses.replace(self, noise=noise, level_power=power)

    def tested_on(self, noise: NoiseConfig) -> Experiment:
        """Returns the experiment for a test on ``noise``, without the training's own demands on
        the noise: a range of levels, or a mean that clipping does not shift."""
        loss = "bce" if self.loss in _SELF_SUPERVISED else self.loss
        return dataclasses.replace(self, noise=noise, loss=loss, level_power=0.0)

    @property
    def label(self) -> str:
        """Returns the name for folders and titles, by default ``decoder-dataset``."""
        own = self.model.network != "conv"
        network = self.model.network if own else self.model.decoder
        if self.model.network == "gan":
            network = f"gan-{self.model.decoder}"
        # Folders are called by it, where a colon has a meaning of its own.
        network = network.replace(":", "-")
        return self.name or f"{network}-{self.data.short_name}"
