"""The smallest changes of weights after which a layer maps a constant to a constant.

A transposed convolution of stride s computes each phase of its output with the weights of one
residue class modulo s, so that a constant comes out with the sum of each class. It has no grid if
all sums are equal (Odena et al. 2016 describe kernels that s divides, Sugawara et al. 2018 the
general condition). A convolution before a shuffle of pixels has none if the filters that fill one
block have equal sums (Aitken et al. 2017 start with equal filters).
"""

from __future__ import annotations

import numpy as np

from aedenoise.exports.grids.layers import SHUFFLES, Layer, channels_second, integers
from aedenoise.exports.grids.network import Arrays, OnnxNetwork

# Operations that work on each value alone, or move the axes.
_POINTWISE = (
    *("Relu", "LeakyRelu", "Sigmoid", "Tanh", "Elu", "Clip", "Gelu", "Selu", "Identity"),
    "Transpose",
)


def equal_phase_sums(
    kernel: np.ndarray, stride: tuple[int, int], dilation: tuple[int, int] = (1, 1)
) -> np.ndarray | None:
    """Returns the nearest kernel (in L2) whose phases have equal sums.

    With S_p the sum of the n_p weights of phase p, each gets ``(t - S_p) / n_p`` more; the squared
    change ``sum_p (t - S_p)^2 / n_p`` is smallest at ``t = sum_p S_p/n_p / sum_p 1/n_p``.

    Args:
      kernel: ``[..., k_h, k_w]``.
      stride: of rows and columns.
      dilation: of rows and columns.

    Returns:
      A kernel of the same shape, or None if a phase has no weight: no weights cure that.
    """
    kernel = np.asarray(kernel, np.float64)
    rows, columns = (
        np.arange(side) * step % period
        for side, step, period in zip(kernel.shape[-2:], dilation, stride, strict=True)
    )
    phases = rows[:, None] * stride[1] + columns[None, :]
    counts = np.bincount(phases.ravel(), minlength=stride[0] * stride[1])
    if not counts.all():
        return None
    sums = np.stack([kernel[..., phases == phase].sum(-1) for phase in range(counts.size)], -1)
    target = (sums / counts).sum(-1, keepdims=True) / (1.0 / counts).sum()
    found: np.ndarray = kernel + ((target - sums) / counts)[..., phases]
    return found


def equal_filters(kernel: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Returns the nearest kernel whose filters have equal sums within each group.

    Args:
      kernel: ``[O, C, k_h, k_w]``.
      groups: ``[G, P]``, the filters of each group.
    """
    kernel = np.asarray(kernel, np.float64)
    sums = kernel.sum(axis=(2, 3))[groups]
    found = kernel.copy()
    change = (sums.mean(axis=1, keepdims=True) - sums) / np.prod(kernel.shape[2:])
    found[groups] += change[..., None, None]
    return found


def cure(network: OnnxNetwork, layer: Layer, traced: Arrays) -> Arrays:
    """Returns the weights that change, by name; none where no change of weights helps.

    Args:
      traced: all tensors for one image.
    """
    node = network.producer(layer.tensor)
    if node is None:
        return {}
    if layer.kind == "ConvTranspose" and node.input[1] in network.weights:
        old = network.weights[node.input[1]]
        steps = integers(node, "dilations")
        dilation = (steps[0], steps[1]) if len(steps) == 2 else (1, 1)
        new = equal_phase_sums(old, layer.stride, dilation)
        return {} if new is None else {node.input[1]: new.astype(old.dtype)}
    if layer.kind in SHUFFLES:
        return _cure_shuffle(network, layer, traced)
    return {}


def _cure_shuffle(network: OnnxNetwork, layer: Layer, traced: Arrays) -> Arrays:
    """Equalises the filters before a shuffle, if only pointwise operations lie between."""
    groups = _shuffled_channels(network, layer, traced)
    biases: list[str] = []
    before = network.producer(next(iter(layer.images)))
    while before is not None and before.op_type != "Conv":
        constants = [name for name in before.input if name in network.weights]
        if before.op_type == "Add" and len(constants) == 1:
            biases += constants
        elif before.op_type not in _POINTWISE:
            return {}
        before = network.producer(next(name for name in before.input if name not in constants))
    if before is None or before.input[1] not in network.weights:
        return {}
    kernel = network.weights[before.input[1]]
    if groups is None or groups.max() >= len(kernel):
        return {}
    biases += [name for name in before.input[2:] if name in network.weights]
    found = {before.input[1]: equal_filters(kernel, groups).astype(kernel.dtype)}
    for name in biases:
        bias = network.weights[name].copy()
        if bias.size == len(kernel):
            # A bias has one value for each channel, whatever its axes.
            values = bias.reshape(-1)
            values[groups] = values[groups].mean(axis=1, keepdims=True)
            found[name] = values.reshape(bias.shape)
    return found


def _shuffled_channels(network: OnnxNetwork, layer: Layer, traced: Arrays) -> np.ndarray | None:
    """Returns the channels ``[C, P]`` that fill the blocks; None if the layer computes others.

    They are read from the response to an image whose channels hold their own numbers.
    """
    ((name, last),) = layer.images.items()
    shape = traced[name].shape
    axis = 3 if last else 1
    numbers = np.arange(shape[axis], dtype=np.float32)
    image = np.broadcast_to(numbers.reshape([-1 if i == axis else 1 for i in range(4)]), shape)
    found = network.run_block(layer.nodes, {name: image.copy()}, layer.tensor, traced)
    rows, columns = layer.stride
    blocks = channels_second(found, layer.channels_last)[0, :, :rows, :columns]
    channels = blocks.astype(np.int64).reshape(len(blocks), -1)
    return channels if np.array_equal(np.sort(channels, axis=None), numbers) else None


def relative_change(old: Arrays, new: Arrays) -> float:
    """Returns the L2 norm of the change as a share of that of the old weights."""
    change = sum(float(np.square(new[name] - old[name]).sum()) for name in new)
    size = sum(float(np.square(old[name]).sum()) for name in new)
    return float(np.sqrt(change / max(size, 1e-30)))
