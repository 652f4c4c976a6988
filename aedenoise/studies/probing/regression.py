"""Multinomial logistic regression by L-BFGS, with a penalty chosen on training data only."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from scipy import optimize

from aedenoise.data.batch import evenly_spaced

# Candidate penalties: precisions of a normal prior on the weights, for features with a mean
# variance of 1.
PENALTIES = (0.1, 1.0, 10.0, 100.0, 1000.0)
# Largest number of examples for the choice of penalty; one in six is held out.
_CHOOSING = 12_000
_HELD_OUT = 6
_ITERATIONS = 200


@dataclass(frozen=True)
class Logistic:
    """Logistic regression model ``softmax(x @ weights + bias)`` for rows ``[N, F]``.

    Attributes:
      weights: float32 ``[F, K]``.
      bias: float32 ``[K]``.
      penalty: penalty of the fit.
    """

    weights: np.ndarray
    bias: np.ndarray
    penalty: float

    def classes(self, rows: np.ndarray) -> np.ndarray:
        """Returns the most probable class of each row, int ``[N]``."""
        guesses: np.ndarray = np.argmax(rows @ self.weights + self.bias, axis=1)
        return guesses


def fit_chosen(rows: np.ndarray, labels: np.ndarray, classes: int) -> Logistic:
    """Fits all of ``rows`` with the penalty that is best on a held-out part of them.

    Args:
      rows: float32 ``[N, F]``.
      labels: int ``[N]`` in ``[0, classes)``.
      classes: number of classes.
    """
    chosen = evenly_spaced(len(rows), _CHOOSING)
    # Shuffled, because a dataset may be ordered by class; from raw words, see ``epoch_order``.
    order = np.argsort(np.random.Philox(key=0).random_raw(len(chosen)), kind="stable")
    held, kept = np.split(chosen[order], [max(1, len(chosen) // _HELD_OUT)])
    best, best_right = PENALTIES[0], -1
    start: Logistic | None = None
    for penalty in reversed(PENALTIES):  # from strong to weak, warm-started
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
    """Minimises ``sum(-log p(label)) + penalty / 2 |weights|**2``.

    Rows are centred and scaled to a mean variance of 1.

    Args:
      rows: float32 ``[N, F]``.
      labels: int ``[N]`` in ``[0, classes)``.
      classes: number of classes.
      penalty: precision of the prior on the weights.
      start: initial model; None: zero.

    Returns:
      The model for rows in their original scale.
    """
    # One common scale, not one per feature: near-constant pixels would be amplified.
    mean = rows.mean(axis=0)
    scale = np.float32(max(float(np.sqrt(rows.var(axis=0).mean())), 1e-12))
    x = jnp.asarray((rows - mean) / scale)
    y = jnp.asarray(labels, jnp.int32)
    shape = (rows.shape[1] + 1, classes)

    def objective(flat: np.ndarray) -> tuple[float, np.ndarray]:
        table = jnp.asarray(flat.reshape(shape), jnp.float32)
        value, slope = _value_and_slope(table, x, y, jnp.float32(penalty))
        # SciPy's L-BFGS works in float64, the device in float32.
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
    """Computes the objective per row and its gradient with respect to ``table``, ``[F + 1, K]``."""

    def mean_loss(table: Array) -> Array:
        logits = x @ table[:-1] + table[-1:]
        own = jnp.take_along_axis(logits, y[:, None], axis=1)[:, 0]
        fitted = jnp.sum(jax.nn.logsumexp(logits, axis=1) - own)
        return (fitted + 0.5 * penalty * jnp.sum(jnp.square(table[:-1]))) / len(x)

    value, slope = jax.value_and_grad(mean_loss)(table)
    return value, slope
