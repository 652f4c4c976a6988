"""Memory of training, estimated from shapes before anything is built."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from aedenoise.config import Experiment, ModelConfig
from aedenoise.config.decoders import is_class_name
from aedenoise.errors import UsageError
from aedenoise.runtime.memory import free_memory
from aedenoise.training.gan import create_gan, make_gan_task
from aedenoise.training.task import abstract_state, make_task, parameter_count

_FLOAT = 4
# Bytes that a training step holds for each byte that a convolution or product puts out in the
# forward pass: outputs of activations and their gradients. Measured with XLA's own analysis: from
# 1.6 (mlp) to 4.2 (stages of convolution and resizing).
_STEP = 3
_HEAVY = ("conv_general_dilated", "dot_general")
_BISECTIONS = 7
_WIDTHS = ("encoder_features", "decoder_features", "hidden", "code_size", "latent_size")


@dataclass(frozen=True)
class Memory:
    """Bytes of a training step.

    Attributes:
      state: parameters, optimizer state, gradients and update, whatever the batch.
      image: share of each image of the batch.
      parameters: number of parameters.
    """

    state: int
    image: int
    parameters: int


def check_memory(
    experiment: Experiment, image_shape: tuple[int, int, int], *, networks: int = 1
) -> None:
    """Refuses a batch or a network that does not fit into memory.

    Args:
      experiment: the experiment to train.
      image_shape: height, width and channels.
      networks: number of networks that are trained at once.

    Raises:
      UsageError: with the largest value that fits.
    """
    free = free_memory()
    # Tracing takes longer than a usual start should, and few experiments are anywhere near.
    known = not is_class_name(experiment.model.decoder)
    if free is None or (known and networks * _bound(experiment, image_shape) < free / 2):
        return
    on_cpu = jax.default_backend() == "cpu"
    devices = jax.device_count()
    # Devices of a CPU share its memory: each has a copy of the state.
    copies = jax.local_device_count() if on_cpu else 1
    share = copies / devices

    def total(memory: Memory, batch_size: float) -> float:
        return networks * (copies * memory.state + share * batch_size * memory.image)

    needed = estimate(experiment, image_shape)
    if total(needed, experiment.batch_size) <= free:
        return
    room = free - total(needed, 0)
    largest = int(room / (networks * share * needed.image)) // devices * devices
    if largest >= devices:
        raise UsageError(
            f"batch_size {experiment.batch_size} needs about "
            f"{_in_gb(total(needed, experiment.batch_size))}, and {_in_gb(free)} are free; use at "
            f"most {largest}"
        )

    def fits(model: ModelConfig) -> bool:
        changed = dataclasses.replace(experiment, model=model)
        return total(estimate(changed, image_shape), experiment.batch_size) <= free

    raise UsageError(
        f"{needed.parameters:,} parameters need about {_in_gb(total(needed, devices))} to train, "
        f"and {_in_gb(free)} are free; use {_narrower(experiment.model, fits)}"
    )


def estimate(experiment: Experiment, image_shape: tuple[int, int, int]) -> Memory:
    """Estimates the memory of a training step from shapes alone."""
    if experiment.model.network == "gan":
        gan = make_gan_task(experiment, image_shape=image_shape, total_steps=1, lowering="plain")
        state: Any = jax.eval_shape(lambda: create_gan(gan, jax.random.key(0)))
        shapes: tuple[tuple[int, ...], ...] = ((1, gan.latent_size),)
        model: Any = gan.model
    else:
        height, width, channels = image_shape
        # The kernels for CPU are calls that have no shapes to look into.
        task = make_task(
            experiment, channels=channels, total_steps=1, lowering="plain", size=(height, width)
        )
        state = abstract_state(task, image_shape)
        shapes = ((1, *image_shape), (1,))
        model = task.model
    forward = jax.make_jaxpr(lambda params, *x: model.apply({"params": params}, *x))
    inputs = [jax.ShapeDtypeStruct(shape, jnp.float32) for shape in shapes]
    parameters = parameter_count(state.params)
    return Memory(
        state=sum(leaf.size * leaf.dtype.itemsize for leaf in _arrays(state))
        + 2 * _FLOAT * parameters,
        image=_STEP * sum(_heavy_outputs(forward(state.params, *inputs).jaxpr)),
        parameters=parameters,
    )


def _arrays(state: Any) -> list[Any]:
    return [leaf for leaf in jax.tree.leaves(state) if hasattr(leaf.dtype, "itemsize")]


def _heavy_outputs(jaxpr: Any) -> Iterator[int]:
    """Yields the bytes of the outputs of convolutions and products."""
    for equation in jaxpr.eqns:
        inner = list(_inner(equation.params.values()))
        for each in inner:
            yield from _heavy_outputs(each)
        if not inner and equation.primitive.name in _HEAVY:
            yield from (_FLOAT * math.prod(out.aval.shape) for out in equation.outvars)


def _inner(values: Any) -> Iterator[Any]:
    for value in values:
        if isinstance(value, tuple | list):
            yield from _inner(value)
        elif hasattr(value, "eqns"):
            yield value
        elif hasattr(value, "jaxpr"):
            yield value.jaxpr


def _bound(experiment: Experiment, image_shape: tuple[int, int, int]) -> float:
    """Bounds the memory of a training step by arithmetic on the widths."""
    model, area = experiment.model, math.prod(image_shape[:2])
    pixels = area * image_shape[-1]
    stages = max(*model.encoder_features, *model.decoder_features, image_shape[-1])
    # A convolution behind a skip connection reads the channels of two stages.
    stages *= 2 if model.skip == "concat" else 1
    layers = model.convs * (len(model.encoder_features) + len(model.decoder_features)) + 2
    # A sub-pixel convolution has a channel for each pixel that it makes.
    parameters = layers * max(9, model.kernel_size**2) * model.stride**2 * stages**2
    outputs = layers * area * stages
    if model.network == "mlp":
        widths = (*model.widths, pixels)
        parameters, outputs = (2 * len(widths) * max(widths) ** power for power in (2, 1))
    if model.network == "gan":
        # From the last dense layer to a map of at most a quarter of the pixels.
        widest = max(*model.hidden, model.latent_size)
        parameters += len(model.hidden) * widest**2 + widest * area * stages // 4
    return float(_FLOAT * (8 * parameters + 4 * experiment.batch_size * outputs))


def _narrower(model: ModelConfig, fits: Callable[[ModelConfig], bool]) -> str:
    """Returns the flags of the widest network that fits, by bisection of a common factor."""
    least, most = 0.0, 1.0
    for _ in range(_BISECTIONS):
        middle = 0.5 * (least + most)
        if fits(_scaled(model, middle)):
            least = middle
        else:
            most = middle
    changed = _scaled(model, least)
    given = {name: getattr(changed, name) for name in _WIDTHS}
    flags = [
        f"--{name}={','.join(map(str, value)) if isinstance(value, tuple) else value}"
        for name, value in given.items()
        if value != getattr(model, name)
    ]
    return " ".join(flags) or "fewer --image_size pixels"


def _scaled(model: ModelConfig, factor: float) -> ModelConfig:
    """Scales the widths that are not the default; stages stay divisible as the decoder asks."""
    unit = model.stride**2 if model.decoder_spec.sums_channels else 1

    def scale(width: int) -> int:
        return max(int(width * factor) // unit, 1) * unit

    changed: dict[str, Any] = {}
    for field in dataclasses.fields(model):
        value = getattr(model, field.name)
        if field.name not in _WIDTHS or value == field.default:
            continue
        changed[field.name] = tuple(map(scale, value)) if isinstance(value, tuple) else scale(value)
    return dataclasses.replace(model, **changed)


def _in_gb(count: float) -> str:
    return f"{count / 1e9:,.1f} GB"
