"""How well two sets of images can be told apart by a few features, with logistic regression."""

from __future__ import annotations

import numpy as np
from scipy import optimize, special

# Weight of the squared coefficients, against the mean log loss: it bounds the coefficients of sets
# that a plane separates.
_PENALTY = 1e-3


def separation_accuracy(first: np.ndarray, second: np.ndarray) -> float:
    """Returns the accuracy of logistic regression in telling two sets apart, in [0, 1].

    Row i of both sets belongs to the same image. The classifier is fitted to the even rows, with
    features of mean 0 and variance 1, and tested on the odd rows, so that it never meets an image
    of its own training. 0.5: it cannot tell the sets apart.

    Args:
      first, second: features ``[N, F]`` of ``N`` images, at least 2.
    """
    fitted = np.concatenate([first[::2], second[::2]])
    mean, deviation = fitted.mean(axis=0), fitted.std(axis=0)
    # A feature that is the same for all images says nothing.
    unit = np.where(deviation > 0.0, deviation, 1.0)

    def inputs(features: np.ndarray) -> np.ndarray:
        scaled = (features - mean) / unit
        return np.concatenate([scaled, np.ones((len(scaled), 1))], axis=1)

    signs = np.repeat([1.0, -1.0], [len(first[::2]), len(second[::2])])
    coefficients = _fit(inputs(fitted), signs)
    right = [inputs(first[1::2]) @ coefficients > 0.0, inputs(second[1::2]) @ coefficients <= 0.0]
    return float(np.concatenate(right).mean())


def _fit(inputs: np.ndarray, signs: np.ndarray) -> np.ndarray:
    """Minimises the mean log loss with a small penalty, from zero: the same result each time."""

    def loss(coefficients: np.ndarray) -> tuple[float, np.ndarray]:
        margin = signs * (inputs @ coefficients)
        value = -special.log_expit(margin).mean() + 0.5 * _PENALTY * coefficients @ coefficients
        slope = -(signs * special.expit(-margin)) @ inputs / len(inputs)
        return float(value), slope + _PENALTY * coefficients

    found: np.ndarray = optimize.minimize(
        loss, np.zeros(inputs.shape[1]), jac=True, method="L-BFGS-B"
    ).x
    return found
