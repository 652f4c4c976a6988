"""Maps of where an image may show another class, within intervals of its pixels.

Pixel p of an image x lies in an interval ``[l_p, u_p]``. A classifier with logits z reads the class
t; its margin over a rival k is ``m_k = z_t - z_k``. To first order, moving pixel p alone to the end
of its interval that lowers the margin most lowers it by

    c_kp = max(g (x_p - l_p), g (x_p - u_p)),    g = dm_k / dx_p,

which is ``|g| h_p`` for an interval of half-width ``h_p`` that black and white do not cut. The
rival is the class with the smallest ``m_k / sum_p c_kp``: the share of all intervals that takes the
margin to zero (for boxes of one width, DeepFool's choice: Moosavi-Dezfooli et al. 2016). The map is
``min(1, c_p / m)`` of the rival; at 1 the interval of the pixel alone suffices.

Whether the classifier really reads another class within the intervals is tried out, see
``find_other_class``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from aedenoise.evaluation.classifier import TrainedClassifier
from aedenoise.models import Classifier
from aedenoise.training.task import Params

# Images per call, for memory.
_BATCH = 100
# Gradient steps within intervals of one size.
_STEPS = 10
# Smallest share of the intervals that is tried, and bisections between it and 1, on a logarithmic
# scale: shares are found up to a factor of 64 ** (1 / 32), or 14 %.
_LEAST, _BISECTIONS = 1.0 / 64.0, 5
# Bounds denominators: margins are 0 at ties, changes where intervals have no width.
_TINY = 1e-12


class ClassMaps(NamedTuple):
    """Maps of ``N`` images.

    Attributes:
      shown: class that the classifier reads, int ``[N]``.
      rival: class that is within reach first, int ``[N]``.
      change: the map, float32 ``[N, H, W]`` in [0, 1]; changes of all channels are added.
    """

    shown: np.ndarray
    rival: np.ndarray
    change: np.ndarray


class OtherClass(NamedTuple):
    """Classes that ``N`` images may show as well.

    Attributes:
      share: smallest share of the intervals within which the classifier was found to read another
        class, float32 ``[N]`` in (0, 1]; infinity where it was not.
      may_show: class read there, int ``[N]``; the class of the image itself where none was found.
    """

    share: np.ndarray
    may_show: np.ndarray


def map_classes(
    classifier: TrainedClassifier, image: np.ndarray, low: np.ndarray, high: np.ndarray
) -> ClassMaps:
    """Maps where images may show another class.

    Args:
      classifier: reads the images.
      image: float32 ``[N, H, W, C]`` in [0, 1], N at least 1.
      low, high: ends of the intervals of its pixels, of the same shape.
    """
    return ClassMaps(
        *_batched(partial(_map, classifier.model, classifier.params), image, low, high)
    )


def find_other_class(
    classifier: TrainedClassifier, image: np.ndarray, low: np.ndarray, high: np.ndarray
) -> OtherClass:
    """Finds the smallest share of the intervals within which images are read as another class.

    An image is moved against its margin over the rival by projected gradient steps on the signs
    (Madry et al. 2018) and then read. Shares are bisected. The steps may miss a class that is
    there, never find one that is not.

    Args:
      classifier: reads the images.
      image: float32 ``[N, H, W, C]`` in [0, 1], N at least 1.
      low, high: ends of the intervals of its pixels, of the same shape.
    """
    search = partial(_search, classifier.model, classifier.params)
    return OtherClass(*_batched(search, image, low, high))


@partial(jax.jit, static_argnums=0)
def _map(
    model: Classifier, params: Params, image: Array, low: Array, high: Array
) -> tuple[Array, Array, Array]:
    shown, rival, margin, change = _nearest(model, params, image, low, high)
    bound = jnp.maximum(margin, _TINY)[:, None, None]
    return shown, rival, jnp.minimum(change / bound, 1.0)


def _nearest(
    model: Classifier, params: Params, image: Array, low: Array, high: Array
) -> tuple[Array, Array, Array, Array]:
    """Returns class, rival and margin ``[N]``, and the change of each pixel ``[N, H, W]``."""
    logits, pull_back = jax.vjp(lambda x: _logits(model, params, x), image)
    classes = logits.shape[1]
    shown = jnp.argmax(logits, axis=1)
    best = jnp.max(logits, axis=1)

    def change(rival: Array) -> Array:
        (gradient,) = pull_back(_difference(shown, rival, classes))
        found: Array = jnp.maximum(gradient * (image - low), gradient * (image - high)).sum(axis=-1)
        return found

    def share(rival: Array) -> Array:
        rivals = jnp.full_like(shown, rival)
        whole = change(rivals).sum(axis=(1, 2))
        found = (best - logits[:, rival]) / jnp.maximum(whole, _TINY)
        return jnp.where(rivals == shown, jnp.inf, found)

    # One class at a time: gradients of all would take the memory of as many images.
    rival = jnp.argmin(jax.lax.map(share, jnp.arange(classes)), axis=0)
    margin = best - jnp.take_along_axis(logits, rival[:, None], axis=1)[:, 0]
    return shown, rival, margin, change(rival)


@partial(jax.jit, static_argnums=0)
def _search(
    model: Classifier, params: Params, image: Array, low: Array, high: Array
) -> tuple[Array, Array]:
    shown, rival, _, _ = _nearest(model, params, image, low, high)

    def read_within(share: Array) -> Array:
        part = share[:, None, None, None]
        ends = image + part * (low - image), image + part * (high - image)
        moved = _moved(model, params, image, *ends, shown, rival)
        return jnp.argmax(_logits(model, params, moved), axis=1)

    def bisect(_: Array, state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        least, most, read = state
        middle = jnp.sqrt(least * most)
        now = read_within(middle)
        other = now != shown
        return (
            jnp.where(other, least, middle),
            jnp.where(other, middle, most),
            jnp.where(other, now, read),
        )

    whole = jnp.ones(len(image))
    start = jnp.full_like(whole, _LEAST), whole, read_within(whole)
    _, most, read = jax.lax.fori_loop(0, _BISECTIONS, bisect, start)
    return jnp.where(read == shown, jnp.inf, most), read


def _moved(
    model: Classifier,
    params: Params,
    image: Array,
    low: Array,
    high: Array,
    shown: Array,
    rival: Array,
) -> Array:
    """Moves images within their intervals against the margin over the rival."""

    def margin(x: Array) -> Array:
        logits = _logits(model, params, x)
        return jnp.sum(logits * _difference(shown, rival, logits.shape[1]))

    def step(number: Array, x: Array) -> Array:
        # From the middle the first step reaches the ends; later ones correct it.
        size = (high - low) / (number + 2.0)
        return jnp.clip(x - size * jnp.sign(jax.grad(margin)(x)), low, high)

    moved: Array = jax.lax.fori_loop(0, _STEPS, step, image)
    return moved


def _logits(model: Classifier, params: Params, image: Array) -> Array:
    logits: Any = model.apply({"params": params}, image)
    found: Array = logits
    return found


def _difference(shown: Array, rival: Array, classes: int) -> Array:
    """Returns the weights of the logits in the margin, float32 ``[N, classes]``."""
    return jax.nn.one_hot(shown, classes) - jax.nn.one_hot(rival, classes)


def _batched(function: Callable[..., tuple[Array, ...]], *arrays: np.ndarray) -> list[np.ndarray]:
    """Applies ``function`` to batches of one size, so that it compiles once."""
    count = len(arrays[0])
    parts = []
    for start in range(0, count, _BATCH):
        # The last batch repeats the last image.
        rows = np.minimum(np.arange(start, start + _BATCH), count - 1)
        found = jax.device_get(function(*(array[rows] for array in arrays)))
        parts.append([each[: count - start] for each in found])
    return [np.concatenate(each) for each in zip(*parts, strict=True)]
