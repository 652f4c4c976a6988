"""How kernels begin."""

from __future__ import annotations

from flax.linen import initializers


def he_normal(stride: int = 1) -> initializers.Initializer:
    """Kernels that keep the variance of ReLU activations (He et al. 2015).

    Under a transposed convolution of stride s only one in s^2 places of the spread-out input
    holds a value, so an output sums that many fewer products than the kernel's fan-in says;
    the variance is larger by that factor.
    """
    return initializers.variance_scaling(2.0 * stride**2, "fan_in", "truncated_normal")
