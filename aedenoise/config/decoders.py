"""Specifications of the decoders: the layers of a stage, and the options of each decoder.

To add a decoder, add its ``DecoderSpec`` here and its linen module to ``models.decoders``. Checks,
messages, flags, overlap maps and receptive fields follow from the entry. A decoder outside of the
package is named ``module:Class`` and has no entry; ``models.named_decoders`` imports it.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from aedenoise.errors import UsageError, nearest


class Layer(NamedTuple):
    """Geometry of a layer along one axis: the pixels that it reads.

    Attributes:
      kind: ``conv`` (padding SAME), ``pool``, ``transpose`` (padding SAME), ``transpose_valid``,
        ``resize`` (upsampling with weights that sum to one, pixel shuffle included), ``corner``
        (each value in the first corner of a block of zeros) or ``smooth`` (mean of neighbours).
      size: side of the kernel; for ``resize`` the number of nearest pixels that are read: 1
        nearest, 2 bilinear, 3 reassembly, 4 bicubic. 0 for kinds without a choice.
      factor: stride of a convolution or a pooling, factor of an upsampling.
    """

    kind: str
    size: int
    factor: int


class DecoderSpec(NamedTuple):
    """Specification of a decoder, without its module.

    Attributes:
      stage: kinds of a stage's layers, in order (see ``Layer``).
      taps: pixels along an axis that ``resize`` reads for one output.
      takes_order: support for ``order``. ``conv_resize`` ends with a convolution of
        ``kernel_size``; ``resize_conv`` reverses the layers of a stage and takes ``tail``.
      takes_tail: support for ``tail=False``.
      takes_icnr: support for ``icnr``.
      sums_channels: sums of ``stride**2`` channels in each upsampling, which must divide the
        widths.
      parallel_side: side of a second transposed kernel, whose output is added; 0 for none.
      needs_argmax: unpooling to the encoder's argmax indices. The code then includes them, widths
        are the encoder's in reverse, and images of any size work.
    """

    stage: tuple[str, ...]
    taps: int = 1
    takes_order: bool = False
    takes_tail: bool = False
    takes_icnr: bool = False
    sums_channels: bool = False
    parallel_side: int = 0
    needs_argmax: bool = False


# Side of the kernel of the convolution after the last upsampling of a decoder.
TAIL_SIDE = 3
# Sides of the small kernels of ``transpose_parallel``, and of the neighbourhoods of ``carafe``.
PARALLEL_SIDE = 3
REASSEMBLY_SIDE = 3
DECODER_SPECS: dict[str, DecoderSpec] = {
    "upsample": DecoderSpec(("conv", "resize"), takes_order=True),
    "bilinear": DecoderSpec(("conv", "resize"), taps=2, takes_order=True),
    "bicubic": DecoderSpec(("conv", "resize"), taps=4, takes_order=True),
    "transpose": DecoderSpec(("transpose",), takes_tail=True),
    "transpose_parallel": DecoderSpec(("transpose",), takes_tail=True, parallel_side=PARALLEL_SIDE),
    "transpose_smooth": DecoderSpec(("transpose", "smooth"), takes_tail=True),
    "subpixel": DecoderSpec(("conv", "resize"), takes_tail=True, takes_icnr=True),
    "bilinear_additive": DecoderSpec(
        ("resize", "conv"), taps=2, takes_tail=True, sums_channels=True
    ),
    "unpool": DecoderSpec(("conv", "corner"), takes_order=True),
    "max_unpool": DecoderSpec(("conv", "resize"), needs_argmax=True),
    "carafe": DecoderSpec(("conv", "resize"), taps=REASSEMBLY_SIDE),
}
DECODERS = tuple(DECODER_SPECS)
ORDERS = ("conv_resize", "resize_conv")


# ``module:Class``. Modifiers, which stand after a colon as well, begin with a small letter.
_CLASS_NAME = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*:[A-Z]\w*")
# Accepts all options: which of them a class has is known once it is imported.
_CLASS_SPEC = DecoderSpec((), takes_order=True, takes_tail=True, takes_icnr=True)


def is_class_name(name: str) -> bool:
    """Returns True for ``module:Class``, a decoder outside of the package: dotted identifiers, a
    colon, and an identifier with a capital. The module is not one of ``DECODERS``."""
    return bool(_CLASS_NAME.fullmatch(name)) and name.partition(":")[0] not in DECODERS


def get_decoder_spec(name: str) -> DecoderSpec:
    """Returns the specification of a decoder; that of a ``module:Class`` has no layers.

    Raises:
      UsageError: if there is no decoder of that name.
    """
    if is_class_name(name):
        return _CLASS_SPEC
    try:
        return DECODER_SPECS[name]
    except KeyError:
        what = f"unknown decoder {name!r}; {nearest(name, DECODERS)}"
        if ":" in name or "." in name:
            what += "; a class of your own is module:Class, with a capital letter"
        raise UsageError(what) from None


def decoders_that(option: str) -> tuple[str, ...]:
    """Returns the names of the decoders that have ``option``, such as ``takes_order``."""
    return tuple(name for name, spec in DECODER_SPECS.items() if getattr(spec, option))


def decoder_layers(
    name: str,
    *,
    kernel_size: int,
    stride: int,
    count: int,
    order: str,
    tail: bool,
    convs: int = 1,
) -> tuple[Layer, ...]:
    """Lists the layers of a decoder of ``count`` stages, from the code to the image.

    Skip connections are left out: what they read, the layers below read as well.

    Raises:
      UsageError: if there is no decoder of that name, or its layers are unknown.
    """
    spec = get_decoder_spec(name)
    if not spec.stage:
        raise UsageError(f"the layers of decoder {name} are unknown; choose a built-in decoder")
    sizes = {"conv": (kernel_size, 1), "resize": (spec.taps, stride), "corner": (0, stride)}
    sizes |= {"transpose": (max(kernel_size, spec.parallel_side), stride), "smooth": (stride, 1)}
    ends_with_conv = spec.takes_order and order == ORDERS[0]
    kinds = spec.stage[::-1] if spec.takes_order and not ends_with_conv else spec.stage
    own = tuple(Layer(kind, *sizes[kind]) for kind in kinds)
    more = (Layer("conv", TAIL_SIDE, 1),) * (convs - 1)
    if ends_with_conv:
        return (*((*own, *more) * count), Layer("conv", kernel_size, 1))
    if tail:
        return (*((*own, *more) * count), Layer("conv", TAIL_SIDE, 1))
    return (*((*own, *more) * (count - 1)), *own)
