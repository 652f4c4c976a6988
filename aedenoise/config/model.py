"""Configuration of the network."""

from __future__ import annotations

from dataclasses import dataclass

from aedenoise.config.decoders import (
    DECODERS,
    ORDERS,
    TAIL_SIDE,
    DecoderSpec,
    Layer,
    decoder_layers,
    get_decoder_spec,
)
from aedenoise.config.fields import DENSE, GAN, MOST_WIDTH, check_fields, option
from aedenoise.config.model_rules import (
    ACTIVATIONS,
    CONDITIONS,
    INITIALIZERS,
    NETWORKS,
    PRECISIONS,
    SKIPS,
    check_model,
)
from aedenoise.config.published import PUBLISHED_SPECS
from aedenoise.errors import UsageError


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
      initializer: kernel initialiser: ``he`` (normal, He et al. 2015), ``glorot`` (uniform, Glorot
        and Bengio 2010, as Keras and TensorFlow do) or ``torch`` (uniform, PyTorch's default;
        biases too, in convolutions and ``mlp``). Biases are 0 otherwise.
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
        # JSON gives lists; a frozen dataclass must hold tuples to be hashable.
        for name in ("encoder_features", "decoder_features", "hidden"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        check_model(self)

    @property
    def widths_to_enlarge(self) -> tuple[int, ...]:
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
