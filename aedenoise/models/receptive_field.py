"""Receptive field of a network, computed from the layers in its configuration."""

from __future__ import annotations

from collections.abc import Iterable

from aedenoise.config import Layer, ModelConfig
from aedenoise.ops import phases


def reach(model: ModelConfig) -> int:
    """Returns the distance in pixels, along an axis, beyond which no output pixel depends on an
    input pixel: half the receptive field.

    Exact if no weight is zero, except that the pixel itself always counts.

    Raises:
      UsageError: if each output pixel depends on the whole image.
      ValueError: for an unknown kind of layer.
    """
    layers = (*model.encoder_layers, *model.decoder_layers)
    # The distance depends on the position of a pixel in the block that makes one code pixel.
    return max(_distance(layers, pixel) for pixel in range(model.downsampling))


def _distance(layers: Iterable[Layer], pixel: int) -> int:
    first = last = pixel
    for layer in reversed(tuple(layers)):
        first, last = _read(layer, first, last)
    return max(pixel - first, last - pixel)


def _read(layer: Layer, first: int, last: int) -> tuple[int, int]:
    """Returns the first and the last input pixel that a layer reads for pixels ``first`` to
    ``last``.

    The pixel at the same position always counts: at the border of a tile a layer pads with zeros,
    which must not reach a pixel that is kept, since the whole image has values there.
    """
    kind, size, factor = layer
    match kind:
        case "conv" | "smooth":
            before = max(size - factor, 0) // 2
            start, stop = first * factor - before, last * factor - before + size - 1
            return min(start, first * factor), max(stop, last * factor)
        case "pool":
            return first * factor, last * factor + factor - 1
        case "resize":
            shifts = tuple(_nearest(phase, size, factor) for phase in range(factor))
        case "corner":
            shifts = ((0,),) * factor
        case "transpose":
            shifts = phases.transposed_convolution(size, factor)[0].shifts
        case "transpose_valid":
            shifts = phases.transposed_convolution(size, factor, "VALID")[0].shifts
        case _:
            raise ValueError(f"unknown kind of layer {kind!r}")
    read = [
        pixel // factor + shift
        for pixel in range(first, last + 1)
        for shift in (0, *shifts[pixel % factor])
    ]
    return min(read), max(read)


def _nearest(phase: int, taps: int, factor: int) -> tuple[int, ...]:
    """Returns the shifts of the ``taps`` pixels nearest to an upsampled pixel, by half-pixel
    centres; one fewer where the last would have weight zero."""
    offset = (phase + 0.5) / factor - 0.5
    return tuple(s for s in range(-taps, taps + 1) if abs(s - offset) < taps / 2)
