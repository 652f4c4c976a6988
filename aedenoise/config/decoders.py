"""The decoders as data: the layers of a stage, and the options that each decoder takes.

To add a decoder, add its ``DecoderSpec`` here and its linen module to ``models.decoders``. Checks,
messages, flags, overlap maps and receptive fields follow from the entry.
"""

from __future__ import annotations

from typing import NamedTuple

from aedenoise.errors import UsageError, nearest


class Layer(NamedTuple):
    """A layer along one axis, as far as it matters which pixels it reads.

    Attributes:
      kind: ``conv`` (padding SAME), ``pool``, ``transpose`` (padding SAME), ``transpose_valid``,
        ``resize`` (an enlargement with fixed weights that sum to one; a pixel shuffle is one, too)
        or ``corner`` (each value in the first corner of a block of zeros).
      size: side of the kernel; of ``resize`` the number of pixels that make one, those whose
        centres are nearest: 1 nearest, 2 bilinear, 4 bicubic. 0 where nothing can be chosen.
      factor: stride of a convolution or a pool, factor of an enlargement.
    """

    kind: str
    size: int
    factor: int


class DecoderSpec(NamedTuple):
    """A decoder without its code.

    Attributes:
      stage: the kinds of a stage's layers, in order (see ``Layer``).
      taps: of ``resize``: the pixels along an axis that make one.
      takes_order: ``order`` can be chosen. ``conv_resize`` ends with a convolution of the decoder's
        own kernel; ``resize_conv`` turns the stage around and takes ``tail``.
      takes_tail: the tail can be left out.
      takes_icnr: ``icnr`` can be chosen.
      sums_channels: each enlargement sums ``stride**2`` channels, which must divide the widths.
      needs_argmax: values go back to the encoder's argmax indices. The code is then more than
        numbers, widths are the encoder's in reverse, and sides of any length come back.
    """

    stage: tuple[str, ...]
    taps: int = 1
    takes_order: bool = False
    takes_tail: bool = False
    takes_icnr: bool = False
    sums_channels: bool = False
    needs_argmax: bool = False


DECODER_SPECS: dict[str, DecoderSpec] = {
    "upsample": DecoderSpec(("conv", "resize"), takes_order=True),
    "bilinear": DecoderSpec(("conv", "resize"), taps=2, takes_order=True),
    "bicubic": DecoderSpec(("conv", "resize"), taps=4, takes_order=True),
    "transpose": DecoderSpec(("transpose",), takes_tail=True),
    "subpixel": DecoderSpec(("conv", "resize"), takes_tail=True, takes_icnr=True),
    "bilinear_additive": DecoderSpec(
        ("resize", "conv"), taps=2, takes_tail=True, sums_channels=True
    ),
    "unpool": DecoderSpec(("conv", "corner"), takes_order=True),
    "max_unpool": DecoderSpec(("conv", "resize"), needs_argmax=True),
}
DECODERS = tuple(DECODER_SPECS)
ORDERS = ("conv_resize", "resize_conv")
# Side of the kernel of the convolution behind a decoder's last enlargement.
TAIL_SIDE = 3


def get_decoder_spec(name: str) -> DecoderSpec:
    """Returns the entry of a decoder.

    Raises:
      UsageError: if there is no decoder of that name.
    """
    try:
        return DECODER_SPECS[name]
    except KeyError:
        raise UsageError(f"unknown decoder {name!r}; {nearest(name, DECODERS)}") from None


def decoders_that(option: str) -> tuple[str, ...]:
    """Returns the names of the decoders whose entry has ``option``, such as ``takes_order``."""
    return tuple(name for name, spec in DECODER_SPECS.items() if getattr(spec, option))


def decoder_layers(
    name: str, *, kernel_size: int, stride: int, count: int, order: str, tail: bool
) -> tuple[Layer, ...]:
    """Lists the layers of a decoder of ``count`` stages, from the code to the image.

    Raises:
      UsageError: if there is no decoder of that name.
    """
    spec = get_decoder_spec(name)
    sizes = {"conv": (kernel_size, 1), "resize": (spec.taps, stride), "corner": (0, stride)}
    sizes["transpose"] = (kernel_size, stride)
    ends_with_conv = spec.takes_order and order == ORDERS[0]
    kinds = spec.stage[::-1] if spec.takes_order and not ends_with_conv else spec.stage
    stages = tuple(Layer(kind, *sizes[kind]) for kind in kinds) * count
    if ends_with_conv:
        return (*stages, Layer("conv", kernel_size, 1))
    return (*stages, Layer("conv", TAIL_SIDE, 1)) if tail else stages
