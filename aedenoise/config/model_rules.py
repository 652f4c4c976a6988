"""Rules that the settings of a network obey, and the messages where they are broken."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

from aedenoise.config.decoders import ORDERS, decoders_that, get_decoder_spec
from aedenoise.config.published import PUBLISHED_SPECS
from aedenoise.config.validation import check_known
from aedenoise.errors import UsageError

if TYPE_CHECKING:
    from aedenoise.config.model import ModelConfig

CONDITIONS = ("none", "noise_level")
# Those before ``PUBLISHED_SPECS`` are configured by the other fields; the others are fixed, as
# published.
NETWORKS = ("conv", "plain", "mlp", "gan", *PUBLISHED_SPECS)
SKIPS = ("none", "add", "concat")
INITIALIZERS = ("he", "glorot", "torch")
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


def check_model(model: ModelConfig) -> None:
    """Raises ``UsageError`` for values that are unknown, impossible or without effect."""
    check_known("model", model.network, NETWORKS)
    check_known("initializer", model.initializer, INITIALIZERS)
    get_decoder_spec(model.decoder)
    check_known("order", model.order, ORDERS)
    check_known("precision", model.precision, PRECISIONS)
    check_known("condition", model.condition, CONDITIONS)
    check_known("skip", model.skip, SKIPS)
    check_known("activation", model.activation, ACTIVATIONS)
    for name in ("encoder_features", "decoder_features"):
        features = getattr(model, name)
        if not features or any(f < 1 for f in features):
            raise UsageError(f"{name} must be positive widths such as 32,32, not {features}")
    if max(len(model.encoder_features), len(model.hidden)) > _MOST_LAYERS:
        raise UsageError(f"encoder_features and hidden take at most {_MOST_LAYERS} widths")
    if model.network != "plain" and len(model.encoder_features) != len(model.decoder_features):
        raise UsageError(
            f"encoder_features {model.encoder_features} and decoder_features "
            f"{model.decoder_features} must have the same number of stages"
        )
    if not 1 <= model.kernel_size <= 15:
        raise UsageError(f"kernel_size must be from 1 to 15, not {model.kernel_size}")
    if not 1 <= model.convs <= 64:
        raise UsageError(f"convs must be from 1 to 64, not {model.convs}")
    if not 2 <= model.stride <= 8:
        raise UsageError(f"stride must be from 2 to 8, not {model.stride}")
    if any(width < 1 for width in (*model.hidden, model.code_size, model.latent_size)):
        raise UsageError(
            f"hidden {','.join(map(str, model.hidden))}, code_size {model.code_size} and "
            f"latent_size {model.latent_size} must be positive widths such as 512,256 and 32"
        )
    if model.network in PUBLISHED_SPECS:
        _check_published(model)
    else:
        _check_network(model)
    if model.network == "gan":
        _check_generator(model)
    _check_decoder(model)


def _check_network(model: ModelConfig) -> None:
    """Raises ``UsageError`` for options that this network ignores."""
    for field in fields(model):
        of = _OF.get(field.name, _OF_REST)
        if model.network in of or field.name in _SHARED:
            continue
        if getattr(model, field.name) != field.default:
            raise UsageError(f"{field.name} is for model {' and '.join(of)}, not {model.network}")


def _check_published(model: ModelConfig) -> None:
    for field in fields(model):
        if field.name not in _OF_PUBLISHED and getattr(model, field.name) != field.default:
            raise UsageError(
                f"model {model.network} is fixed as published; {field.name} cannot be chosen"
            )


def _check_generator(model: ModelConfig) -> None:
    """Raises ``UsageError`` for options that need an encoder before the decoder."""
    if model.decoder_spec.needs_argmax:
        raise UsageError(
            f"decoder {model.decoder} needs an encoder's argmax indices; model gan has none"
        )
    if model.condition != "none":
        raise UsageError(f"condition {model.condition} is for denoisers, not model gan")


def _check_decoder(model: ModelConfig) -> None:
    """Raises ``UsageError`` for options that the decoder ignores, and for impossible widths."""
    spec = model.decoder_spec
    if model.order != ORDERS[0] and not spec.takes_order:
        raise UsageError(
            f"order {model.order} is for {', '.join(decoders_that('takes_order'))}, "
            f"not {model.decoder}"
        )
    ordered = spec.takes_order and model.order == ORDERS[0]
    resized = spec.takes_order and not ordered
    if not model.tail and not (spec.takes_tail or resized):
        raise UsageError(
            f"{model.decoder}{f' with order {model.order}' if ordered else ''} ends with a "
            "convolution that cannot be left out; notail is for "
            f"{', '.join(decoders_that('takes_tail'))} and order {ORDERS[1]}"
        )
    if not model.icnr and not spec.takes_icnr:
        raise UsageError(
            f"noicnr is for {', '.join(decoders_that('takes_icnr'))}, not {model.decoder}"
        )
    if not model.tail and model.skip != "none":
        raise UsageError(
            f"skip {model.skip} ends in the convolution that notail leaves out; leave out one"
        )
    group = model.stride**2
    widths = model.widths_to_enlarge
    if spec.sums_channels and any(width % group for width in widths):
        raise UsageError(
            f"{model.decoder} sums {group} channels at stride {model.stride}; the widths "
            f"{', '.join(map(str, widths))} must be divisible by {group}"
        )
    if spec.needs_argmax and model.decoder_features != model.encoder_features[::-1]:
        raise UsageError(
            f"{model.decoder} has the encoder's widths in reverse: decoder_features must be "
            f"{','.join(map(str, model.encoder_features[::-1]))}"
        )
