"""The whole experiment, as a value, and as plain values for JSON."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aedenoise.config.adversary import AdversaryConfig
from aedenoise.config.code import CodeConfig
from aedenoise.config.data import DataConfig
from aedenoise.config.model import ModelConfig
from aedenoise.config.noise import NO_NOISE, NoiseConfig
from aedenoise.config.optimizer import OptimizerConfig
from aedenoise.config.validation import check_known, check_positive
from aedenoise.errors import CheckpointError, UsageError

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
)
# Losses that see no clean image.
_SELF_SUPERVISED = ("noise2noise", "noise2self", "sure")


# What the command line makes of ``--model=gan`` where no other flag says otherwise. Momentum lets
# the two networks run around each other (Mescheder et al. 2018); of larger kernels the first images
# are black and white, where the sigmoid has no gradient.
GAN_DEFAULTS: dict[str, Any] = {
    "model.network": "gan",
    "model.initializer": "glorot",
    "model.hidden": (1024,),
    "noise.kind": NO_NOISE,
    "optimizer.learning_rate": 1e-3,
    "optimizer.schedule": "constant",
    "optimizer.warmup": 0.0,
    "optimizer.b1": 0.0,
    "optimizer.b2": 0.99,
}


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """Everything that decides the numbers of a run.

    Attributes:
      name: only a label.
      model, data, noise, optimizer, code, adversary: see there; a GAN sees no noise.
      loss: one of ``LOSSES``; a GAN has that of ``adversary``.
      batch_size: of all devices together.
      epochs: passes over the training set.
      clean_epochs: so many of these, the first, have no noise.
      greedy_epochs: of ``mlp``: for so many of these each layer, one after another, is first
        trained as a denoising autoencoder on the code of those below it; the rest train the whole.
      level_power: where levels are drawn from a range, the loss of an image counts (middle of the
        range / its level) ** level_power times; 0: once.
      seed: of parameters, noise and the order of examples.
    """

    name: str = ""
    model: ModelConfig = field(default_factory=ModelConfig)
    data: DataConfig = field(default_factory=DataConfig)
    noise: NoiseConfig = field(default_factory=NoiseConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    code: CodeConfig = field(default_factory=CodeConfig)
    adversary: AdversaryConfig = field(default_factory=AdversaryConfig)
    loss: str = "bce"
    batch_size: int = 64
    epochs: int = 5
    clean_epochs: int = 0
    greedy_epochs: int = 0
    level_power: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        check_known("loss", self.loss, LOSSES)
        check_positive(epochs=self.epochs, batch_size=self.batch_size)
        if not 0 <= self.clean_epochs < self.epochs:
            raise UsageError(
                f"clean_epochs are the first of all epochs: from 0 to {self.epochs - 1}, not "
                f"{self.clean_epochs}"
            )
        if self.clean_epochs and self.loss in _SELF_SUPERVISED:
            raise UsageError(f"{self.loss} sees no clean image, so there are no clean_epochs")
        if not 0 <= self.seed < 2**32:
            raise UsageError(f"seed must be from 0 to 2**32 - 1, not {self.seed}")
        if self.loss in _SELF_SUPERVISED and not self.noise.unbiased:
            raise UsageError(
                f"{self.loss} learns the mean of noisy images, which {self.noise} shifts: take "
                "gaussian, uniform, speckle or poisson noise without a mean, and --nonoise_clip"
            )
        if self.model.condition == "noise_level" and not self.noise.levelled:
            raise UsageError(
                f"condition noise_level needs a noise with one noise_level, not {self.noise.kind}"
            )
        if self.loss == "sure" and self.noise.kind != "gaussian":
            raise UsageError(f"sure holds for gaussian noise, not {self.noise.kind}")
        self._check_level_power()
        self._check_greedy()
        self._check_code()
        self._check_adversary()

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
                "sparsity kl wants a code in (0, 1): take --model=mlp --activation=sigmoid, or l1"
            )
        if self.model.decoder_spec.needs_argmax:
            raise UsageError(
                f"the code of {self.model.decoder} is more than numbers: it takes no penalty"
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
                    raise UsageError(
                        f"model gan makes images of random numbers: {what} is for denoisers"
                    )
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
            raise UsageError(f"{self.loss} sees no clean image, which adversarial_weight needs")

    @property
    def adversarial(self) -> bool:
        """Whether there is a discriminator."""
        return self.model.network == "gan" or self.adversary.weight > 0.0

    def check_denoises(self) -> None:
        """Refuses a GAN where only denoisers have a meaning.

        Raises:
          UsageError: if this is one.
        """
        if self.model.network == "gan":
            raise UsageError("a GAN denoises nothing: this wants another --model")

    def check_pixels(self, pixels: int) -> None:
        """Refuses a dense network that can copy the image.

        Args:
          pixels: of an image, times its channels.

        Raises:
          UsageError: if nothing keeps the code from holding the image itself.
        """
        kept = self.noise.kind != NO_NOISE or self.code.penalised
        if self.model.network == "mlp" and self.model.code_size >= pixels and not kept:
            raise UsageError(
                f"a code of {self.model.code_size} numbers can copy an image of {pixels} values: "
                "make it smaller, or add noise, --sparsity or --contractive_weight"
            )

    def trained_on(self, noise: NoiseConfig) -> Experiment:
        """The experiment with another noise; without a range of levels none is weighed."""
        power = self.level_power if noise.level_max is not None else 0.0
        return dataclasses.replace(self, noise=noise, level_power=power)

    def tested_on(self, noise: NoiseConfig) -> Experiment:
        """The experiment as it is tested on ``noise``: without what its training asks of its own
        noise, a range of levels or a mean that clipping does not shift."""
        loss = "bce" if self.loss in _SELF_SUPERVISED else self.loss
        return dataclasses.replace(self, noise=noise, loss=loss, level_power=0.0)

    @property
    def label(self) -> str:
        """A name for folders and titles: the experiment's own, or ``decoder-dataset``."""
        own = self.model.network != "conv"
        network = self.model.network if own else self.model.decoder
        if self.model.network == "gan":
            network = f"gan-{self.model.decoder}"
        return self.name or f"{network}-{self.data.short_name}"


_PARTS: dict[str, type[Any]] = {
    "model": ModelConfig,
    "data": DataConfig,
    "noise": NoiseConfig,
    "optimizer": OptimizerConfig,
    "code": CodeConfig,
    "adversary": AdversaryConfig,
}


def to_dict(experiment: Experiment) -> dict[str, Any]:
    """The experiment as plain values for JSON."""
    return dataclasses.asdict(experiment)


def from_dict(values: Mapping[str, Any]) -> Experiment:
    """The inverse of ``to_dict``; raises ``CheckpointError`` on anything it did not write."""
    try:
        parts = {name: part(**values[name]) for name, part in _PARTS.items() if name in values}
        return Experiment(**{**values, **parts})
    except (TypeError, UsageError) as error:
        raise CheckpointError(
            f"config.json is not an experiment of this version: {error}"
        ) from error


def replace(experiment: Experiment, overrides: Mapping[str, Any]) -> Experiment:
    """``experiment`` with some fields replaced; keys are dotted paths such as ``noise.level``."""
    parts: dict[str, dict[str, Any]] = {}
    for path, value in overrides.items():
        part, _, leaf = path.rpartition(".")
        parts.setdefault(part, {})[leaf] = value
    own = parts.pop("", {})
    for part, values in parts.items():
        own[part] = dataclasses.replace(getattr(experiment, part), **values)
    return dataclasses.replace(experiment, **own)


def first_difference(old: Experiment, new: Experiment) -> str | None:
    """``field (old value, now new value)`` of the first field in which two experiments differ.

    The name is only a label and is not compared.
    """

    def walk(a: Any, b: Any, path: str) -> str | None:
        if isinstance(a, dict):
            found = (walk(a[k], b[k], f"{path}.{k}" if path else k) for k in a)
            return next((difference for difference in found if difference), None)
        return None if a == b else f"{path} ({a!r}, now {b!r})"

    return walk({**to_dict(old), "name": ""}, {**to_dict(new), "name": ""}, "")
