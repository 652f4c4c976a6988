"""The diagnosis of a model: the grid of its output, and the layers that make one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from aedenoise.errors import DataError, UsageError
from aedenoise.exports.grids.cures import cure, relative_change
from aedenoise.exports.grids.findings import Diagnosis, LayerFinding, Strength
from aedenoise.exports.grids.layers import Layer, channels_second, find_layers, layouts
from aedenoise.exports.grids.network import Arrays, OnnxNetwork, read_network
from aedenoise.exports.grids.strengths import constant_images, noise_images, strength
from aedenoise.files import write_atomically
from aedenoise.metrics.grid_strength import Period, interior, phase_strength

# The period to look for in the output of a network without a layer that enlarges.
_USUAL: Period = (2, 2)


def diagnose_file(path: Path) -> tuple[Diagnosis, OnnxNetwork]:
    """Examines an ONNX file.

    Raises:
      DataError: if it cannot be read or run.
      UsageError: if the model has not one image as its input.
    """
    network = read_network(path)
    return diagnose_network(network), network


def write_cured(network: OnnxNetwork, diagnosis: Diagnosis, target: Path) -> None:
    """Writes the network with the weights that cure its layers."""
    target.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(target, network.with_weights(diagnosis.weights).SerializeToString())


def diagnose_network(network: OnnxNetwork) -> Diagnosis:
    """Examines a network, and again with the weights that cure its culprits, until none is left.

    Raises:
      DataError: if the network's output is not finite.
      UsageError: if its output is no image.
    """
    found = current = _examine(network)
    traced = network.tracer()(noise_images(network.shape)[0])
    changes: dict[str, float] = {}
    weights: Arrays = {}
    while True:
        new: Arrays = {}
        for each in current.culprits:
            cured = {} if each.layer.tensor in changes else cure(network, each.layer, traced)
            if cured:
                changes[each.layer.tensor] = relative_change(network.weights, cured)
                new |= cured
        if not new:
            break
        weights |= new
        # The cure of one layer may bring out the grid of another.
        current = _examine(OnnxNetwork(network.with_weights(weights)))
    if not weights:
        return found
    layers = tuple(replace(each, change=changes.get(each.layer.tensor)) for each in found.layers)
    cured_to = max(each.constant for each in current.periods.values())
    return replace(found, layers=layers, weights=weights, cured=cured_to)


def _examine(network: OnnxNetwork) -> Diagnosis:
    """Measures the output's grid and that of each layer that enlarges, alone and at work."""
    trace = network.tracer()
    constants, noisy = (
        [trace(image) for image in images]
        for images in (constant_images(network.shape), noise_images(network.shape))
    )
    lasts = layouts(network, noisy[0])
    output = network.output
    if output not in lasts:
        raise UsageError(
            f"the output {output} is no image made from the input: its shape is "
            f"{noisy[0][output].shape}"
        )
    if not all(np.isfinite(each[output]).all() for each in (*constants, *noisy)):
        raise DataError(f"the output {output} of the model has values that are not finite")

    def examine(tensor: str, period: Period) -> Strength:
        clean, rough = (_maps(each, tensor, lasts[tensor]) for each in (constants, noisy))
        return strength(clean, rough, period)

    findings = tuple(
        LayerFinding(
            layer=layer,
            period=_period(layer, noisy[0], channels_second(noisy[0][output], lasts[output])),
            alone=_alone(network, layer, noisy[0]),
            at_work=examine(layer.tensor, layer.stride),
        )
        for layer in find_layers(network, noisy[0], lasts)
    )
    periods = sorted({each.period for each in findings}) or [_USUAL]
    return Diagnosis(periods={each: examine(output, each) for each in periods}, layers=findings)


def _alone(network: OnnxNetwork, layer: Layer, traced: Arrays) -> float:
    """Returns the phase strength of a layer's response to constant channels, without its border."""
    inputs = {}
    for name, last in layer.images.items():
        array = traced.get(name, np.full(network.shape, 0.5, np.float32))
        means = array.mean(axis=(1, 2) if last else (2, 3), keepdims=True)
        inputs[name] = np.broadcast_to(means, array.shape).copy()
    found = network.run_block(layer.nodes, inputs, layer.tensor, traced)
    maps = channels_second(found, layer.channels_last)
    return phase_strength(interior(maps, layer.stride), layer.stride)


def _period(layer: Layer, traced: Arrays, output: np.ndarray) -> Period:
    """Returns the period that a grid of the layer has in the output ``[B, C, H, W]``."""
    own = channels_second(traced[layer.tensor], layer.channels_last).shape[2:]
    rows, columns = (max(n // m, 1) for n, m in zip(output.shape[2:], own, strict=True))
    return layer.stride[0] * rows, layer.stride[1] * columns


def _maps(traced: list[Arrays], name: str, last: bool) -> np.ndarray:
    return channels_second(np.concatenate([each[name] for each in traced]), last)
