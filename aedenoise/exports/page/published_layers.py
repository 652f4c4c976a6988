"""Layers of dense and of published networks, in the page's operations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from aedenoise.config import ModelConfig
from aedenoise.exports.page.layer import RELU, SIGMOID, Layer, Layers, Shape, weighted


def dense_encoder(model: ModelConfig, params: Mapping[str, Any]) -> Layers:
    for number in range(len(model.widths)):
        yield weighted("dense", params["encoder"][f"layers_{number}"])
        yield Layer(model.activation)


def dense_decoder(model: ModelConfig, params: Mapping[str, Any], shape: Shape) -> Layers:
    for number in reversed(range(len(model.widths))):
        if model.tied:
            kernel = np.asarray(params["encoder"][f"layers_{number}"]["kernel"], np.float32).T
            bias = np.asarray(params["decoder"][f"bias_{number}"], np.float32)
            yield Layer("dense", {}, np.ascontiguousarray(kernel), bias)
        else:
            yield weighted("dense", params["decoder"][f"layers_{number}"])
        if number:
            yield Layer(model.activation)
    yield Layer("reshape", {"shape": shape})


def keras_encoder(model: ModelConfig, params: Mapping[str, Any]) -> Layers:
    del model
    own = params["encoder"]
    for name in ("conv0", "conv1"):
        yield weighted("conv", own[name], stride=2)
        yield RELU
    yield weighted("dense", own["code"])


def keras_decoder(model: ModelConfig, params: Mapping[str, Any], shape: Shape) -> Layers:
    del model
    own = params["decoder"]
    dense = weighted("dense", own["dense"])
    yield dense
    side, width = shape[0] // 4, len(np.asarray(own["dense"]["bias"]))
    yield Layer("reshape", {"shape": (side, side, width // side**2)})
    for name in ("conv_transpose0", "conv_transpose1"):
        yield weighted("conv_transpose", own[name], stride=2, padding="SAME")
        yield RELU
    yield weighted("conv", own["output"], stride=1)


def net_sure_encoder(model: ModelConfig, params: Mapping[str, Any]) -> Layers:
    del model
    for name in ("conv0", "conv1"):
        yield weighted("conv", params["encoder"][name], stride=2)
        yield SIGMOID


def net_sure_decoder(model: ModelConfig, params: Mapping[str, Any], shape: Shape) -> Layers:
    del model, shape
    own = params["decoder"]
    yield weighted("conv_transpose", own["conv_transpose0"], stride=2, padding="SAME")
    yield SIGMOID
    yield weighted("conv_transpose", own["conv_transpose1"], stride=2, padding="SAME")


def udacity_encoder(model: ModelConfig, params: Mapping[str, Any]) -> Layers:
    del model
    for stage in range(3):
        yield weighted("conv", params["encoder"][f"conv{stage}"], stride=1)
        yield RELU
        yield Layer("max_pool", {"window": 2, "keep": False})


def udacity_decoder(model: ModelConfig, params: Mapping[str, Any], shape: Shape) -> Layers:
    del model, shape
    own = params["decoder"]
    for stage in range(3):
        yield weighted("conv_transpose", own[f"conv_transpose{stage}"], stride=2, padding="VALID")
        yield RELU
    yield weighted("conv", own["output"], stride=1)
