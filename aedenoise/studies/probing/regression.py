"""Multinomial logistic regression by L-BFGS. Its penalty is chosen on training data alone."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from scipy import optimize

from aedenoise.data.batch import evenly_spaced

# Penalties to choose from: precisions of a normal prior of the weights, of features whose mean
# variance is 1.
PENALTIES = (0.1, 1.0, 10.0, 100.0, 1000.0)
# The choice is made on no more than so many examples, of which every sixth is held out.
_CHOOSING = 12_000
_HELD_OUT = 6
_ITERATIONS = 200


@dataclass(frozen=True)
class Logistic:
    """``softmax(x @ weights + bias)`` of rows ``[N, F]``.

    Attributes:
      weights: float32 ``[F, K]``.
      bias: float32 ``[K]``.
      penalty: what it was fitted with.
    """

    weights: np.ndarray
    bias: np.ndarray
    penalty: float

    def classes(self, rows: np.ndarray) -> np.ndarray:
        """The most probable class of each row, int ``[N]``."""
        guesses: np.ndarray = np.argmax(rows @ self.weights + self.bias, axis=1)
        return guesses


def fit_chosen(rows: np.ndarray, labels: np.ndarray, classes: int) -> Logistic:
    """Fits all of ``rows`` with the one of ``PENALTIES`` that is best on a held-out part of them.

    Args:
      rows: float32 ``[N, F]``.
      labels: int ``[N]`` in ``[0, classes)``.
      classes: how many there are.
    """
    chosen = evenly_spaced(len(rows), _CHOOSING)
    # By a generator, for a set may be ordered by class; by its raw words, see `epoch_order`.
    order = np.argsort(np.random.Philox(key=0).random_raw(len(chosen)), kind="stable")
    held, kept = np.split(chosen[order], [max(1, len(chosen) // _HELD_OUT)])
    best, best_right = PENALTIES[0], -1
    start: Logistic | None = None
    for penalty in reversed(PENALTIES):  # from smooth to rough, each from the one before
        start = fit(rows[kept], labels[kept], classes, penalty, start)
        right = int(np.sum(start.classes(rows[held]) == labels[held]))
        if right > best_right:
            best, best_right = penalty, right
    return fit(rows, labels, classes, best)


def fit(
    rows: np.ndarray,
    labels: np.ndarray,
    classes: int,
    penalty: float,
    start: Logistic | None = None,
) -> Logistic:
    """The least of ``sum(-log p(label)) + penalty / 2 |weights|**2``, over centred rows whose mean
    variance is 1; from ``start``, or else from zero."""
    mean = rows.mean(axis=0)
    scale = np.float32(max(float(np.sqrt(rows.var(axis=0).mean())), 1e-12))
    x = jnp.asarray((rows - mean) / scale)
    y = jnp.asarray(labels, jnp.int32)
    shape = (rows.shape[1] + 1, classes)

    def objective(flat: np.ndarray) -> tuple[float, np.ndarray]:
        table = jnp.asarray(flat.reshape(shape), jnp.float32)
        value, slope = _value_and_slope(table, x, y, jnp.float32(penalty))
        return float(value), np.asarray(slope, np.float64).ravel()

    begin = np.zeros(shape)
    if start is not None:
        begin[:-1] = start.weights * scale
        begin[-1] = start.bias + mean @ start.weights
    options = {"maxiter": _ITERATIONS, "gtol": 1e-5}
    found = optimize.minimize(
        objective, begin.ravel(), jac=True, method="L-BFGS-B", options=options
    )
    table = found.x.reshape(shape)
    weights = table[:-1] / scale
    bias = table[-1] - mean @ weights
    return Logistic(weights.astype(np.float32), bias.astype(np.float32), penalty)


@jax.jit
def _value_and_slope(table: Array, x: Array, y: Array, penalty: Array) -> tuple[Array, Array]:
    """The objective over the number of rows, and its gradient by ``table``, ``[F + 1, K]``."""

    def mean_loss(table: Array) -> Array:
        logits = x @ table[:-1] + table[-1:]
        own = jnp.take_along_axis(logits, y[:, None], axis=1)[:, 0]
        fitted = jnp.sum(jax.nn.logsumexp(logits, axis=1) - own)
        return (fitted + 0.5 * penalty * jnp.sum(jnp.square(table[:-1]))) / len(x)

    value, slope = jax.value_and_grad(mean_loss)(table)
    return value, slope
