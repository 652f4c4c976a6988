"""The network, as a value."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import NamedTuple

from aedenoise.config.fields import DENSE, GAN, option
from aedenoise.config.validation import check_known
from aedenoise.errors import UsageError

DECODERS = (
    "upsample",
    "bilinear",
    "bicubic",
    "transpose",
    "subpixel",
    "bilinear_additive",
    "unpool",
    "max_unpool",
)
# Side of the kernel of the convolution behind a decoder's last enlargement.
TAIL_SIDE = 3
ORDERS = ("conv_resize", "resize_conv")
# Decoders that enlarge by a rule, before or behind a convolution.
_RESIZING = ("upsample", "bilinear", "bicubic", "unpool")
CONDITIONS = ("none", "noise_level")
# ``conv``, ``mlp`` and ``gan`` are what the other fields describe; the others are whole networks,
# as published.
NETWORKS = ("conv", "mlp", "gan", "keras_2018", "net_sure", "udacity")
INITIALIZERS = ("he", "glorot")
ACTIVATIONS = ("relu", "sigmoid")


class _Sizes(NamedTuple):
    """Which sides of an image a published network returns to.

    Attributes:
      stages: how often its encoder halves them.
      rest: what they leave when divided by ``2**stages``.
      only: the one side that it takes, if there is but one.
    """

    stages: int
    rest: int = 0
    only: int | None = None


_SIZES = {
    "keras_2018": _Sizes(2, only=28),
    "net_sure": _Sizes(2),
    "udacity": _Sizes(3, rest=4),
}
PRECISIONS = ("float32", "tf32", "bfloat16")
# To which networks a field means something, or that it does to all; the rest are of ``_OF_REST``.
_OF = {
    "hidden": ("mlp", "gan"),
    "code_size": ("mlp",),
    "tied": ("mlp",),
    "activation": ("mlp",),
    "latent_size": ("gan",),
}
_OF_REST = ("conv", "gan")
_SHARED = ("network", "precision", "initializer")
_OF_PUBLISHED = ("network", "precision")


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """The network: two or more conv + pool stages, and a decoder that mirrors them; or dense
    layers, and their mirror; or of a GAN: the decoder as generator, the stages as discriminator.

    Attributes:
      decoder: one of ``DECODERS``.
      encoder_features: channels of each encoder stage; each stage divides height and width
        by ``stride``.
      decoder_features: channels of each decoder stage; as many stages as the encoder has.
      kernel_size: side of the decoder's kernels, in pixels; a tail's is 3.
      stride: factor of each pool and of each enlargement.
      order: of decoders that enlarge by a rule: ``conv_resize`` or ``resize_conv``.
      tail: whether a convolution of stride 1 follows the last enlargement.
      icnr: whether ``subpixel`` begins without checkerboards.
      precision: arithmetic of the convolutions: ``float32``, ``tf32`` (products of 10 bits on
        NVIDIA GPUs, float32 elsewhere) or ``bfloat16`` (parameters, loss and the rest stay
        float32).
      condition: ``noise_level`` shows the network the level of the noise, as one more channel.
      network: ``conv``; ``mlp`` and ``gan`` (see the modules of ``models``); or a published one of
        ``NETWORKS`` (see ``models.published``), which is fixed: beside it only ``precision`` can be
        chosen.
      initializer: how kernels begin: ``he`` (normal, He et al. 2015) or ``glorot`` (uniform,
        Glorot and Bengio 2010, as Keras and TensorFlow do).
      hidden: of ``mlp``, widths of the encoder's layers before the code; the decoder's are the same
        in reverse. Of ``gan``, those of the generator before its code.
      code_size: of ``mlp``, how many numbers the code has.
      tied: of ``mlp``, whether the decoder's kernels are the encoder's, transposed.
      activation: of ``mlp``, behind every layer but the last: ``relu`` or ``sigmoid``. The code,
        too, comes out of it.
      latent_size: of ``gan``, how many normal numbers an image is made of.
    """

    decoder: str = option("upsample", "decoder", choices=DECODERS)
    encoder_features: tuple[int, ...] = option((32, 32), "channels of the encoder's stages")
    decoder_features: tuple[int, ...] = option((32, 32), "channels of the decoder's stages")
    kernel_size: int = option(3, "side of the decoder's kernels")
    stride: int = option(2, "factor of each pooling and upsampling")
    order: str = option(
        "conv_resize", "order of convolution and resizing in a stage", choices=ORDERS, detail=True
    )
    tail: bool = option(True, "convolution of stride 1 after the last upsampling", detail=True)
    icnr: bool = option(True, "checkerboard-free initialisation of subpixel", detail=True)
    precision: str = option("float32", "arithmetic of the convolutions", choices=PRECISIONS)
    condition: str = option(
        "none", "additional input of the network", choices=CONDITIONS, detail=True
    )
    network: str = option("conv", "network", choices=NETWORKS, flag="model")
    initializer: str = option("he", "kernel initialiser", choices=INITIALIZERS, detail=True)
    hidden: tuple[int, ...] = option(
        (512, 256), "widths of an mlp's layers before the code", group=DENSE, detail=True
    )
    code_size: int = option(32, "size of an mlp's code", group=DENSE, detail=True)
    tied: bool = option(
        False, "kernels shared by an mlp's encoder and decoder", group=DENSE, detail=True
    )
    activation: str = option(
        "relu", "activation of an mlp", choices=ACTIVATIONS, group=DENSE, detail=True
    )
    latent_size: int = option(64, "size of a GAN's latent", group=GAN, detail=True)

    def __post_init__(self) -> None:
        if self.network == "stages":  # in records of earlier development versions
            object.__setattr__(self, "network", "conv")
        check_known("model", self.network, NETWORKS)
        check_known("initializer", self.initializer, INITIALIZERS)
        check_known("decoder", self.decoder, DECODERS)
        check_known("order", self.order, ORDERS)
        check_known("precision", self.precision, PRECISIONS)
        check_known("condition", self.condition, CONDITIONS)
        check_known("activation", self.activation, ACTIVATIONS)
        for name in ("encoder_features", "decoder_features"):
            features = tuple(getattr(self, name))
            object.__setattr__(self, name, features)
            if not features or any(f < 1 for f in features):
                raise UsageError(f"{name} must be positive widths such as 32,32, not {features}")
        if len(self.encoder_features) != len(self.decoder_features):
            raise UsageError(
                f"encoder_features {self.encoder_features} and decoder_features "
                f"{self.decoder_features} must have as many stages as each other"
            )
        if not 1 <= self.kernel_size <= 15:
            raise UsageError(f"kernel_size must be from 1 to 15, not {self.kernel_size}")
        if not 2 <= self.stride <= 8:
            raise UsageError(f"stride must be from 2 to 8, not {self.stride}")
        object.__setattr__(self, "hidden", tuple(self.hidden))
        if any(width < 1 for width in (*self.hidden, self.code_size, self.latent_size)):
            raise UsageError(
                f"hidden {','.join(map(str, self.hidden))}, code_size {self.code_size} and "
                f"latent_size {self.latent_size} must be positive widths such as 512,256 and 32"
            )
        if self.network in _SIZES:
            self._check_published()
        else:
            self._check_network()
        if self.network == "gan":
            self._check_generator()
        self._check_decoder()

    def _check_network(self) -> None:
        """Refuses what the network would not heed."""
        for field in fields(self):
            of = _OF.get(field.name, _OF_REST)
            if self.network in of or field.name in _SHARED:
                continue
            if getattr(self, field.name) != field.default:
                raise UsageError(
                    f"{field.name} is for model {' and '.join(of)}, not {self.network}"
                )

    def _check_published(self) -> None:
        for field in fields(self):
            if field.name not in _OF_PUBLISHED and getattr(self, field.name) != field.default:
                raise UsageError(
                    f"{self.network} is a whole network as it was published; {field.name} "
                    "cannot be chosen"
                )

    def _check_generator(self) -> None:
        """Refuses what needs an encoder before the decoder."""
        if self.decoder == "max_unpool":
            raise UsageError("max_unpool needs the places of an encoder: model gan has none")
        if self.condition != "none":
            raise UsageError(f"condition {self.condition} is for denoisers, not model gan")

    def _check_decoder(self) -> None:
        """Refuses what the decoder would not heed, and widths that it cannot have."""
        if self.order != ORDERS[0] and self.decoder not in _RESIZING:
            raise UsageError(
                f"order {self.order} is for {', '.join(_RESIZING)}, not {self.decoder}"
            )
        fixed = self.decoder in _RESIZING and self.order == "conv_resize"
        if not self.tail and (fixed or self.decoder == "max_unpool"):
            raise UsageError(
                f"{self.decoder}{f' with order {self.order}' if fixed else ''} ends with a "
                "convolution that cannot be left out; notail is for transpose, subpixel, "
                "bilinear_additive and order resize_conv"
            )
        if not self.icnr and self.decoder != "subpixel":
            raise UsageError(f"noicnr is for subpixel, not {self.decoder}")
        group = self.stride**2
        widths = (self.encoder_features[-1], *self.decoder_features[:-1])
        if self.decoder == "bilinear_additive" and any(width % group for width in widths):
            raise UsageError(
                f"bilinear_additive sums {group} channels at stride {self.stride}; the widths "
                f"{', '.join(map(str, widths))} must be divisible by {group}"
            )
        if self.decoder == "max_unpool" and self.decoder_features != self.encoder_features[::-1]:
            raise UsageError(
                "max_unpool has the encoder's widths in reverse: decoder_features must be "
                f"{','.join(map(str, self.encoder_features[::-1]))}"
            )

    @property
    def widths(self) -> tuple[int, ...]:
        """Of ``mlp``: the width of each layer of the encoder, the code's last."""
        return (*self.hidden, self.code_size)

    @property
    def any_size(self) -> bool:
        """Whether the network takes images of other sizes than those it was trained on."""
        return self.network not in ("mlp", "gan")

    @property
    def stages(self) -> int:
        """How often the encoder makes the image smaller; ``mlp`` does so by no factor."""
        if self.network == "mlp":
            return 0
        own = _SIZES.get(self.network)
        return own.stages if own else len(self.encoder_features)

    @property
    def downsampling(self) -> int:
        """Each side of an image is divided by this in the code."""
        return int(self.stride**self.stages)

    @property
    def sides(self) -> str:
        """In words: which sides of an image come back as they were."""
        own = _SIZES.get(self.network, _Sizes(0))
        if own.only:
            return f"only {own.only} x {own.only} pixels can be returned to"
        if own.rest:
            unit = self.downsampling
            return f"sides must be {own.rest} more than a multiple of {unit}, as {own.rest + unit}"
        if self.decoder == "max_unpool":
            return f"sides must be at least {self.downsampling}"
        return f"sides must be divisible by {self.downsampling}"

    def fitting(self, side: int) -> int | None:
        """The least side, of ``side`` pixels or more, that comes back as it was (None: none)."""
        own = _SIZES.get(self.network, _Sizes(0))
        if own.only:
            return own.only if side <= own.only else None
        unit = self.downsampling
        if self.decoder == "max_unpool":
            return max(side, unit)
        return max(-(-(side - own.rest) // unit), 1) * unit + own.rest
