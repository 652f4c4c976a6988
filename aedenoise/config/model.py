"""Configuration of the network."""

from __future__ import annotations

from dataclasses import dataclass, fields

from aedenoise.config.decoders import (
    DECODERS,
    ORDERS,
    TAIL_SIDE,
    DecoderSpec,
    Layer,
    decoder_layers,
    decoders_that,
    get_decoder_spec,
)
from aedenoise.config.fields import DENSE, GAN, MOST_WIDTH, check_fields, option
from aedenoise.config.published import PUBLISHED_SPECS
from aedenoise.config.validation import check_known
from aedenoise.errors import UsageError

CONDITIONS = ("none", "noise_level")
# Those before ``PUBLISHED_SPECS`` are configured by the other fields; the others are fixed, as
# published.
NETWORKS = ("conv", "plain", "mlp", "gan", *PUBLISHED_SPECS)
SKIPS = ("none", "add", "concat")
INITIALIZERS = ("he", "glorot")
ACTIVATIONS = ("relu", "sigmoid")

PRECISIONS = ("float32", "tf32", "bfloat16")
# Networks that use a field; fields without an entry belong to ``_OF_REST`` unless ``_SHARED``.
_OF = {
    "hidden": ("mlp", "gan"),
    "code_size": ("mlp",),
    "tied": ("mlp",),
    "activation": ("mlp",),
    "latent_size": ("gan",),
    "encoder_features": ("conv", "plain", "gan"),
    "condition": ("conv", "plain", "gan"),
    "skip": ("conv",),
    "convs": ("conv", "plain"),
    "residual": ("conv", "plain"),
}
_OF_REST = ("conv", "gan")
_SHARED = ("network", "precision", "initializer")
_OF_PUBLISHED = ("network", "precision")
_MOST_LAYERS = 32


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """The network: conv + pool stages and a mirrored decoder; convolutions alone; dense layers and
    their mirror; or a GAN with the decoder as generator and the stages as discriminator.

    Attributes:
      decoder: one of ``DECODERS``, or ``module:Class``, see ``models.named_decoders``.
      encoder_features: channels of each encoder stage; each stage divides height and width
        by ``stride``. In ``plain``, channels of the convolutions between input and output.
      decoder_features: channels of each decoder stage; the encoder has the same number of stages.
      kernel_size: side of the decoder's kernels, in pixels; always 3 in the tail.
      stride: factor of each pooling and upsampling.
      skip: join of each encoder stage, before its pooling, with the decoder stage of its size:
        ``none``, ``add`` (their sum, after a 1x1 convolution where their widths differ) or
        ``concat``, as U-Net (Ronneberger et al. 2015).
      convs: convolutions of each stage; further ones of the decoder are 3x3, after its upsampling.
      residual: whether the network estimates the noise, which is subtracted from the image (Zhang
        et al. 2017).
      order: ``conv_resize`` or ``resize_conv``, for decoders with fixed upsampling.
      tail: whether a convolution of stride 1 follows the last upsampling.
      icnr: whether ``subpixel`` has the checkerboard-free ICNR initialisation.
      precision: arithmetic of the convolutions: ``float32``, ``tf32`` (products of 10 bits on
        NVIDIA GPUs, float32 elsewhere) or ``bfloat16`` (parameters, loss and the rest stay
        float32).
      condition: ``noise_level`` gives the network the noise level as an additional channel.
      network: ``conv``; ``plain`` (without pooling and decoder stages), ``mlp`` and ``gan`` (see
        the modules of ``models``); or a published one of ``NETWORKS`` (see ``models.published``),
        for which only ``precision`` can be chosen.
      initializer: kernel initialiser: ``he`` (normal, He et al. 2015) or ``glorot`` (uniform,
        Glorot and Bengio 2010, as Keras and TensorFlow do).
      hidden: widths of the layers before the code, in the encoder of ``mlp`` (the decoder has the
        same in reverse) or in the generator of ``gan``.
      code_size: size of the code of ``mlp``.
      tied: whether the decoder's kernels in ``mlp`` are the encoder's, transposed.
      activation: activation of every layer of ``mlp`` except the last, the code included:
        ``relu`` or ``sigmoid``.
      latent_size: size of the normal latent of ``gan``.
    """

    decoder: str = option("upsample", "decoder, or a class as module:Class", choices=DECODERS)
    encoder_features: tuple[int, ...] = option(
        (32, 32), "channels of the encoder's stages", most=MOST_WIDTH
    )
    decoder_features: tuple[int, ...] = option(
        (32, 32), "channels of the decoder's stages", most=MOST_WIDTH
    )
    kernel_size: int = option(3, "side of the decoder's kernels")
    stride: int = option(2, "factor of each pooling and upsampling")
    skip: str = option(
        "none", "connections from encoder stages to the decoder stages of their size", choices=SKIPS
    )
    convs: int = option(1, "convolutions of a stage", most=64)
    residual: bool = option(False, "estimate the noise, and subtract it from the image")
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
        (512, 256),
        "widths of an mlp's layers before the code",
        group=DENSE,
        most=MOST_WIDTH,
        detail=True,
    )
    code_size: int = option(32, "size of an mlp's code", group=DENSE, most=MOST_WIDTH, detail=True)
    tied: bool = option(
        False, "kernels shared by an mlp's encoder and decoder", group=DENSE, detail=True
    )
    activation: str = option(
        "relu", "activation of an mlp", choices=ACTIVATIONS, group=DENSE, detail=True
    )
    latent_size: int = option(64, "size of a GAN's latent", group=GAN, most=MOST_WIDTH, detail=True)

    def __post_init__(self) -> None:
        check_fields(self)
        if self.network == "stages":  # in records of earlier development versions
            object.__setattr__(self, "network", "conv")
        check_known("model", self.network, NETWORKS)
        check_known("initializer", self.initializer, INITIALIZERS)
        get_decoder_spec(self.decoder)
        check_known("order", self.order, ORDERS)
        check_known("precision", self.precision, PRECISIONS)
        check_known("condition", self.condition, CONDITIONS)
        check_known("skip", self.skip, SKIPS)
        check_known("activation", self.activation, ACTIVATIONS)
        # JSON gives lists; a frozen dataclass must hold tuples to be hashable.
        for name in ("encoder_features", "decoder_features"):
            features = tuple(getattr(self, name))
            object.__setattr__(self, name, features)
            if not features or any(f < 1 for f in features):
                raise UsageError(f"{name} must be positive widths such as 32,32, not {features}")
        if max(len(self.encoder_features), len(self.hidden)) > _MOST_LAYERS:
            raise UsageError(f"encoder_features and hidden take at most {_MOST_LAYERS} widths")
        if self.network != "plain" and len(self.encoder_features) != len(self.decoder_features):
            raise UsageError(
                f"encoder_features {self.encoder_features} and decoder_features "
                f"{self.decoder_features} must have the same number of stages"
            )
        if not 1 <= self.kernel_size <= 15:
            raise UsageError(f"kernel_size must be from 1 to 15, not {self.kernel_size}")
        if not 1 <= self.convs <= 64:
            raise UsageError(f"convs must be from 1 to 64, not {self.convs}")
        if not 2 <= self.stride <= 8:
            raise UsageError(f"stride must be from 2 to 8, not {self.stride}")
        object.__setattr__(self, "hidden", tuple(self.hidden))
        if any(width < 1 for width in (*self.hidden, self.code_size, self.latent_size)):
            raise UsageError(
                f"hidden {','.join(map(str, self.hidden))}, code_size {self.code_size} and "
                f"latent_size {self.latent_size} must be positive widths such as 512,256 and 32"
            )
        if self.network in PUBLISHED_SPECS:
            self._check_published()
        else:
            self._check_network()
        if self.network == "gan":
            self._check_generator()
        self._check_decoder()

    def _check_network(self) -> None:
        """Raises ``UsageError`` for options that this network ignores."""
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
                    f"model {self.network} is fixed as published; {field.name} cannot be chosen"
                )

    def _check_generator(self) -> None:
        """Raises ``UsageError`` for options that need an encoder before the decoder."""
        if self.decoder_spec.needs_argmax:
            raise UsageError(
                f"decoder {self.decoder} needs an encoder's argmax indices; model gan has none"
            )
        if self.condition != "none":
            raise UsageError(f"condition {self.condition} is for denoisers, not model gan")

    def _check_decoder(self) -> None:
        """Raises ``UsageError`` for options that the decoder ignores, and for impossible widths."""
        spec = self.decoder_spec
        if self.order != ORDERS[0] and not spec.takes_order:
            raise UsageError(
                f"order {self.order} is for {', '.join(decoders_that('takes_order'))}, "
                f"not {self.decoder}"
            )
        ordered = spec.takes_order and self.order == ORDERS[0]
        resized = spec.takes_order and not ordered
        if not self.tail and not (spec.takes_tail or resized):
            raise UsageError(
                f"{self.decoder}{f' with order {self.order}' if ordered else ''} ends with a "
                "convolution that cannot be left out; notail is for "
                f"{', '.join(decoders_that('takes_tail'))} and order {ORDERS[1]}"
            )
        if not self.icnr and not spec.takes_icnr:
            raise UsageError(
                f"noicnr is for {', '.join(decoders_that('takes_icnr'))}, not {self.decoder}"
            )
        if not self.tail and self.skip != "none":
            raise UsageError(
                f"skip {self.skip} ends in the convolution that notail leaves out; leave out one"
            )
        group = self.stride**2
        widths = self._widths_to_enlarge
        if spec.sums_channels and any(width % group for width in widths):
            raise UsageError(
                f"{self.decoder} sums {group} channels at stride {self.stride}; the widths "
                f"{', '.join(map(str, widths))} must be divisible by {group}"
            )
        if spec.needs_argmax and self.decoder_features != self.encoder_features[::-1]:
            raise UsageError(
                f"{self.decoder} has the encoder's widths in reverse: decoder_features must be "
                f"{','.join(map(str, self.encoder_features[::-1]))}"
            )

    @property
    def _widths_to_enlarge(self) -> tuple[int, ...]:
        """Returns the channels that each stage of the decoder enlarges."""
        joined = self.decoder_features[:-1]
        if self.skip == "concat" and self.convs == 1:
            joined = tuple(map(sum, zip(joined, self.encoder_features[:0:-1], strict=True)))
        return (self.encoder_features[-1], *joined)

    @property
    def decoder_spec(self) -> DecoderSpec:
        """Returns the specification of ``decoder``."""
        return get_decoder_spec(self.decoder)

    @property
    def encoder_layers(self) -> tuple[Layer, ...]:
        """Returns the layers from the image to the code.

        Raises:
          UsageError: if the network has dense layers, or no encoder.
        """
        convs = (Layer("conv", 3, 1),) * self.convs
        if self.network == "plain":
            return convs * len(self.encoder_features)
        if self.network == "conv":
            return (*convs, Layer("pool", 0, self.stride)) * self.stages
        published = PUBLISHED_SPECS.get(self.network)
        if published is None or published.encoder is None:
            raise UsageError(f"model {self.network} has no receptive field: it has dense layers")
        return published.encoder

    @property
    def decoder_layers(self) -> tuple[Layer, ...]:
        """Returns the layers from the code, or from the map after dense layers, to the image.

        Raises:
          UsageError: if the network has dense layers only.
        """
        if self.network in PUBLISHED_SPECS:
            return PUBLISHED_SPECS[self.network].decoder
        if self.network == "mlp":
            raise UsageError("model mlp has no stages: it has dense layers only")
        if self.network == "plain":
            return (Layer("conv", TAIL_SIDE, 1),)
        return decoder_layers(
            self.decoder,
            kernel_size=self.kernel_size,
            stride=self.stride,
            count=len(self.decoder_features),
            order=self.order,
            tail=self.tail,
            convs=self.convs,
        )

    @property
    def widths(self) -> tuple[int, ...]:
        """Returns the widths of the encoder's layers in ``mlp``, the code's last."""
        return (*self.hidden, self.code_size)

    @property
    def any_size(self) -> bool:
        """Returns True if the network takes images of other sizes than the training images."""
        return self.network not in ("mlp", "gan")

    @property
    def stages(self) -> int:
        """Returns the number of downsampling stages of the encoder; 0 for ``plain`` and ``mlp``."""
        if self.network in ("plain", "mlp"):
            return 0
        own = PUBLISHED_SPECS.get(self.network)
        return own.stages if own else len(self.encoder_features)

    @property
    def downsampling(self) -> int:
        """Returns the factor between the sides of the image and of the code."""
        return int(self.stride**self.stages)

    @property
    def sides(self) -> str:
        """Returns the constraint on the sides of an image, in words."""
        own = PUBLISHED_SPECS.get(self.network)
        unit = self.downsampling
        if own and own.only:
            return f"only {own.only} x {own.only} pixels can be returned to"
        if own and own.rest:
            return f"sides must be {own.rest} more than a multiple of {unit}, as {own.rest + unit}"
        if self.decoder_spec.needs_argmax:
            return f"sides must be at least {unit}"
        return f"sides must be divisible by {unit}"

    def fitting(self, side: int) -> int | None:
        """Returns the smallest valid side of at least ``side`` pixels, or None if there is none."""
        own = PUBLISHED_SPECS.get(self.network)
        unit = self.downsampling
        if own and own.only:
            return own.only if side <= own.only else None
        if self.decoder_spec.needs_argmax:
            return max(side, unit)
        rest = own.rest if own else 0
        return max(-(-(side - rest) // unit), 1) * unit + rest
