"""User-defined parts of a denoiser, in place of those of the experiment."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import Array

from aedenoise.config import Experiment, ModelConfig
from aedenoise.config.decoders import is_class_name
from aedenoise.errors import CheckpointError, UsageError
from aedenoise.losses.reconstruction import Loss
from aedenoise.metrics.image_quality import METRICS, Metric
from aedenoise.models import Autoencoder, ImageModel, build_autoencoder
from aedenoise.ops.noise import Corruption, Noisy

PerImage = Callable[[Array, Array], Array]


@dataclass(frozen=True)
class Components:
    """User-defined parts from Python; where None or empty, the experiment's are used.

    Attributes:
      model: linen module, images ``[B, H, W, C]`` to logits; replaces encoder and decoder.
      decoder: linen module, code ``[B, h, w, F]`` to logits ``[B, H, W, C]``. An instance; a class
        with a name is ``ModelConfig.decoder`` as ``module:Class``, and needs no argument.
      loss: ``(logits, target) -> [B]``.
      corruption: ``(key, image[H, W, C]) -> image``, both in units of the [0, 1] range.
      metrics: by name, each ``(image, reference) -> [B]``, on images ``[B, H, W, C]`` in [0, 1].

    Raises:
      UsageError: if parts contradict each other, or a metric has the name of a built-in one.
    """

    model: nn.Module | None = None
    decoder: nn.Module | None = None
    loss: Loss | None = None
    corruption: Callable[[Array, Array], Array] | None = None
    metrics: Mapping[str, PerImage] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.model is not None and self.decoder is not None:
            raise UsageError("model replaces encoder and decoder; give model or decoder, not both")
        for name in ("model", "decoder"):
            part = getattr(self, name)
            if part is not None and not isinstance(part, nn.Module):
                raise UsageError(
                    f"{name} must be an instance of flax.linen.Module, not {describe_part(part)}"
                )
        if not isinstance(self.metrics, Mapping):
            raise UsageError(
                f"metrics must be a dict of functions by name, not {describe_part(self.metrics)}"
            )
        taken = {metric.name for metric in METRICS} & set(self.metrics)
        if taken:
            raise UsageError(f"metric {min(taken)!r} is built in; choose another name")

    def check(self, experiment: Experiment) -> None:
        """Checks that the parts are compatible with ``experiment``.

        Raises:
          UsageError: if a part contradicts a setting.
        """
        # A function from Python has no known noise level, no code and no config of its own, so
        # settings that depend on them would be ignored silently.
        network, noise = experiment.model.network, experiment.noise
        decoder = experiment.model.decoder
        for part, given, setting, present in (
            ("decoder", self.decoder, f"model {network}", network != "conv"),
            ("decoder", self.decoder, f"decoder {decoder}", is_class_name(decoder)),
            ("model", self.model, f"model {network}", network != "conv"),
            ("model", self.model, f"decoder {decoder}", is_class_name(decoder)),
            ("model", self.model, "a penalty on the code", experiment.code.penalised),
            ("corruption", self.corruption, "pairs:NOISY,CLEAN", experiment.data.paired),
            ("corruption", self.corruption, "loss sure", experiment.loss == "sure"),
            ("corruption", self.corruption, "level_power", experiment.level_power > 0.0),
            ("corruption", self.corruption, "condition", experiment.model.condition != "none"),
            ("corruption", self.corruption, "noise_fresh=False", not noise.fresh),
            ("loss", self.loss, f"loss {experiment.loss}", experiment.loss != "bce"),
        ):
            if given is not None and present:
                raise UsageError(f"a custom {part} contradicts {setting}; leave one out")

    def try_out(self, image_shape: tuple[int, int, int]) -> None:
        """Traces the functions on images of a shape, without computing them.

        Raises:
          UsageError: if the loss or a metric returns no value per image, the corruption no image
            of the same shape, or one of them cannot be traced.
        """
        batch = jax.ShapeDtypeStruct((2, *image_shape), jnp.float32)
        own = {f"metric {each.name}": each.per_image for each in self.all_metrics[_OWN:]}
        for name, function in {"the loss": self.make_loss(), **own}.items():
            if function is not None:
                _trace(name, function, batch, batch)
        if self.corruption is not None:
            image = jax.ShapeDtypeStruct(image_shape, jnp.float32)
            found = _trace("the corruption", self.corruption, jax.random.key(0), image)
            if jnp.shape(found) != image_shape:
                raise UsageError(
                    f"the corruption returns shape {jnp.shape(found)} of an image of shape "
                    f"{image_shape}; it must keep the shape"
                )

    @property
    def names(self) -> dict[str, str]:
        """Returns the names of the parts that affect training, for the run's record."""
        parts = {name: getattr(self, name) for name in _RECORDED}
        return {name: describe_part(part) for name, part in parts.items() if part is not None}

    @property
    def network(self) -> nn.Module | None:
        """Returns the given linen module, or None."""
        return self.model or self.decoder

    @property
    def all_metrics(self) -> tuple[Metric, ...]:
        """Returns the built-in metrics, then the given ones."""
        own = (
            Metric(name=name, title=name, per_image=_per_image(f"metric {name}", function))
            for name, function in self.metrics.items()
        )
        return (*METRICS, *own)

    def build_model(
        self, config: ModelConfig, channels: int, *, lowering: str, size: tuple[int, int]
    ) -> Any:
        """Builds the network: the given module, or the autoencoder of ``config``.

        Returns:
          ``Autoencoder`` or ``ImageModel``, which have the same interface.
        """
        if isinstance(self.model, Autoencoder):
            return self.model
        if self.model is not None:
            return ImageModel(self.model)
        whole = build_autoencoder(config, channels, lowering=lowering, size=size)
        return whole if self.decoder is None else whole.clone(decoder=self.decoder)

    def make_loss(self) -> Loss | None:
        """Wraps the given loss with a check of its shape, or returns None."""
        return None if self.loss is None else _per_image("the loss", self.loss)

    def make_corruption(self) -> Corruption | None:
        """Wraps the given corruption function with noise level 0, or returns None."""
        given = self.corruption
        if given is None:
            return None

        def apply(key: Array, image: Array) -> Noisy:
            return Noisy(jnp.asarray(given(key, image), jnp.float32), jnp.float32(0.0))

        return Corruption(apply, fresh=True)

    def check_recorded(self, recorded: Mapping[str, str], place: str) -> None:
        """Compares the network with that of a trained run.

        Args:
          recorded: ``names`` of that run; loss and corruption are not compared.
          place: path of the run, for the message.

        Raises:
          CheckpointError: if the networks differ.
        """
        # Inference needs the network alone; loss and corruption only shaped its training.
        for name in ("model", "decoder"):
            was, now = recorded.get(name), self.names.get(name)
            if was != now:
                raise CheckpointError(
                    f"{place} was trained with {f'{name}={was}' if was else f'no custom {name}'}, "
                    + (f"not {now}; " if now else "which comes from Python; ")
                    + (
                        f"pass {name}={was}() to aedenoise.load or aedenoise.evaluate"
                        if was
                        else f"leave {name} out"
                    )
                )


NO_COMPONENTS = Components()
# Own metrics stand behind the built-in ones.
_OWN = len(METRICS)
# Metrics are left out: they can change between sessions without changing the parameters.
_RECORDED = ("model", "decoder", "loss", "corruption")


def _per_image(what: str, function: PerImage) -> PerImage:
    """Wraps a function of two batches with a check that it returns one value per image.

    A mean over the batch would weigh padded rows as much as images.
    """

    @functools.wraps(function)
    def checked(image: Array, reference: Array) -> Array:
        found = function(image, reference)
        if jnp.shape(found) != image.shape[:1]:
            raise UsageError(
                f"{what} returns shape {jnp.shape(found)}, not one value per image, "
                f"{image.shape[:1]}; reduce height, width and channels only"
            )
        return found

    return checked


def _trace(what: str, function: Callable[..., Any], *arguments: Any) -> Any:
    """Returns the shape and dtype of a function's result."""
    try:
        return jax.eval_shape(function, *arguments)
    except (jax.errors.TracerArrayConversionError, jax.errors.ConcretizationTypeError) as error:
        raise UsageError(
            f"{what} cannot be traced by JAX: compute with jax.numpy, without if, float() or NumPy "
            "on values of the arrays"
        ) from error


def describe_part(part: Any) -> str:
    """Returns the name of a function, or of the class of an instance."""
    named = part if hasattr(part, "__qualname__") else type(part)
    return str(named.__qualname__)
