"""Layers of the networks that flags configure, in the page's operations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aedenoise.config import ORDERS, ModelConfig
from aedenoise.errors import UsageError
from aedenoise.exports.page.layer import RELU, Layer, Layers, Option, Shape, weighted
from aedenoise.models.encoders import stage_names
from aedenoise.ops.kernel_sums import smooth_kernel, sum_kernels


def encoder_layers(model: ModelConfig, params: Mapping[str, Any]) -> Layers:
    """Yields the layers of ``models.encoders.Encoder``."""
    own = params["encoder"]
    if model.condition == "noise_level":
        yield Layer("level")
    for stage in range(model.stages):
        *first, last = stage_names(stage, model.convs)
        for name in first:
            yield from _conv_relu(own[name])
        yield weighted("conv", own[last], stride=1)
        if model.skip != "none":
            yield RELU
            yield Layer("keep")
        yield Layer("max_pool", {"window": model.stride, "keep": model.decoder_spec.needs_argmax})
        yield RELU


def plain_encoder_layers(model: ModelConfig, params: Mapping[str, Any]) -> Layers:
    """Yields the layers of ``models.encoders.PlainEncoder``."""
    if model.condition == "noise_level":
        yield Layer("level")
    for stage in range(len(model.encoder_features)):
        for name in stage_names(stage, model.convs):
            yield from _conv_relu(params["encoder"][name])


def plain_decoder_layers(model: ModelConfig, params: Mapping[str, Any], shape: Shape) -> Layers:
    """Yields the layers of ``models.decoders.PlainDecoder``."""
    del model, shape
    yield weighted("conv", params["decoder"]["output"], stride=1)


def _conv_relu(params: Mapping[str, Any]) -> Layers:
    yield weighted("conv", params, stride=1)
    yield RELU


def decoder_layers(model: ModelConfig, params: Mapping[str, Any], shape: Shape) -> Layers:
    """Yields the layers of the module that ``models.decoders.DECODERS`` has for ``model``."""
    del shape
    own, spec, count = params["decoder"], model.decoder_spec, len(model.decoder_features)
    if not spec.stage:
        raise UsageError(f"the page has no decoder {model.decoder}; choose another format")
    if spec.takes_order and model.order == ORDERS[0]:
        yield from _convolve_first(model, own)
        return
    stage_of = _STAGES.get(model.decoder, _enlarge)
    for stage in range(count):
        last = not model.tail and stage == count - 1
        # Modules name the convolution that makes the image ``output``, and number the others.
        name = "output" if last and (spec.takes_order or spec.sums_channels) else f"conv{stage}"
        yield from stage_of(model, own, name, stage, last)
        if not last:
            yield from _join(model, own, stage)
            for more in stage_names(stage, model.convs)[1:]:
                yield from _conv_relu(own[more])
    if model.tail:
        yield weighted("conv", _tail(model, own), stride=1)


def _convolve_first(model: ModelConfig, own: Mapping[str, Any]) -> Layers:
    """Yields the layers of a decoder with the order ``conv_resize``."""
    enlarged = True
    for stage in range(len(model.decoder_features)):
        names = stage_names(stage, model.convs)
        for number, name in enumerate(names):
            yield from _conv(model, own[name], enlarged)
            yield RELU
            enlarged = number > 0
            if number == 0 and model.skip != "none":
                method = {"upsample": "nearest", "unpool": "corner"}.get(model.decoder)
                options: dict[str, Option] = {"method": method or model.decoder}
                yield Layer("resize", {"factor": model.stride, **options})
                yield from _join(model, own, stage)
                enlarged = True
    yield from _conv(model, own["output"], enlarged)


def _conv(model: ModelConfig, params: Mapping[str, Any], enlarged: bool) -> Layers:
    """Yields a convolution, with the upsampling before it unless its input is ``enlarged``."""
    if enlarged:
        yield weighted("conv", params, stride=1)
    else:
        yield from _enlarge_conv(model, params)


def _join(model: ModelConfig, own: Mapping[str, Any], stage: int) -> Layers:
    """Yields the skip connection of a stage, if there is one."""
    if model.skip == "none":
        return
    if f"skip{stage}" in own:
        yield weighted("join", own[f"skip{stage}"], method=model.skip)
    else:
        yield Layer("join", {"method": model.skip})


def _enlarge(
    model: ModelConfig, own: Mapping[str, Any], name: str, stage: int, last: bool
) -> Layers:
    """Yields a stage that enlarges by a fixed rule, then convolves."""
    del stage
    yield from _enlarge_conv(model, own[name])
    if not last:
        yield RELU


def _enlarge_conv(model: ModelConfig, params: Mapping[str, Any]) -> Layers:
    factor = model.stride
    match model.decoder:
        case "upsample":
            yield weighted("upsample_conv", params, factor=factor)
        case "unpool":
            yield weighted("unpool_conv", params, factor=factor)
        case "bilinear_additive":
            yield Layer("sum_channels", {"group": factor**2})
            yield Layer("resize", {"factor": factor, "method": "bilinear"})
            yield weighted("conv", params, stride=1)
        case "bilinear" | "bicubic":
            yield Layer("resize", {"factor": factor, "method": model.decoder})
            yield weighted("conv", params, stride=1)
        case _:
            raise UsageError(f"the page has no decoder {model.decoder}; choose another format")


def _transpose(
    model: ModelConfig, own: Mapping[str, Any], name: str, stage: int, last: bool
) -> Layers:
    del name
    layer = own[f"conv_transpose{stage}"]
    if model.decoder_spec.parallel_side:
        kernels = layer["kernel"], layer["parallel_kernel"]
        layer = {**layer, "kernel": sum_kernels(*kernels, model.stride)}
    yield weighted("conv_transpose", layer, stride=model.stride, padding="SAME")
    if not last:
        yield RELU


def _smooth_transpose(
    model: ModelConfig, own: Mapping[str, Any], name: str, stage: int, last: bool
) -> Layers:
    yield from _transpose(model, own, name, stage, last)
    if not (_meets_tail(model) and stage == len(model.decoder_features) - 1):
        yield Layer("smooth", {"side": model.stride})


def _meets_tail(model: ModelConfig) -> bool:
    """Returns True if the tail follows the last upsampling at once."""
    return model.tail and model.skip == "none" and model.convs == 1


def _tail(model: ModelConfig, own: Mapping[str, Any]) -> Mapping[str, Any]:
    """Returns the parameters of the tail, with the smoothing before it, if any, in its kernel."""
    tail: Mapping[str, Any] = own["output"]
    if "smooth" in model.decoder_spec.stage and _meets_tail(model):
        return {**tail, "kernel": smooth_kernel(tail["kernel"], model.stride)}
    return tail


def _carafe(
    model: ModelConfig, own: Mapping[str, Any], name: str, stage: int, last: bool
) -> Layers:
    del last
    yield from _conv_relu(own[name])
    yield weighted("reassemble", own[f"reassembly{stage}"], factor=model.stride)


def _subpixel(
    model: ModelConfig, own: Mapping[str, Any], name: str, stage: int, last: bool
) -> Layers:
    del stage
    yield weighted("conv", own[name], stride=1)
    if not last:
        yield RELU
    yield Layer("depth_to_space", {"factor": model.stride})


def _max_unpool(
    model: ModelConfig, own: Mapping[str, Any], name: str, stage: int, last: bool
) -> Layers:
    del stage, last
    yield weighted("conv", own[name], stride=1)
    yield RELU
    yield Layer("max_unpool", {"window": model.stride})


_STAGES = {
    "transpose": _transpose,
    "transpose_parallel": _transpose,
    "transpose_smooth": _smooth_transpose,
    "subpixel": _subpixel,
    "max_unpool": _max_unpool,
    "carafe": _carafe,
}
