"""Small ONNX networks: ten with a layer that makes a grid, ten without one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

Build = Callable[["Builder"], None]
SIDE = 48


class Builder:
    """A network under construction: one image in, layers after another, one image out."""

    def __init__(self, seed: int = 0) -> None:
        self.draw = np.random.default_rng(seed)
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []
        self.last, self.channels = "image", 3

    def weight(self, array: np.ndarray) -> str:
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def add(self, kind: str, *inputs: str, name: str = "", **attributes: Any) -> str:
        output = f"t{len(self.nodes)}"
        self.nodes.append(
            helper.make_node(
                kind, [self.last, *inputs], [output], name=name or f"{kind}_{output}", **attributes
            )
        )
        self.last = output
        return output

    def random(self, *shape: int) -> np.ndarray:
        return self.draw.normal(size=shape).astype(np.float32)

    def conv(self, channels: int = 8, kernel: int = 3, stride: int = 1, relu: bool = True) -> None:
        weights = self.random(channels, self.channels, kernel, kernel) / kernel
        pad = [kernel // 2] * 4
        bias = self.weight(self.random(channels))
        self.add("Conv", self.weight(weights), bias, pads=pad, strides=[stride] * 2)
        self.channels = channels
        if relu:
            self.add("Relu")

    def transposed(
        self,
        kernel: tuple[int, int],
        stride: tuple[int, int],
        weights: np.ndarray | None = None,
        name: str = "fault",
        **attributes: Any,
    ) -> None:
        groups = attributes.get("group", 1)
        if weights is None:
            weights = self.random(self.channels, 8 // groups, *kernel)
        spare = [max(k - s, 0) for k, s in zip(kernel, stride, strict=True)]
        before = [each // 2 for each in spare]
        after = [each - b for each, b in zip(spare, before, strict=True)]
        self.add(
            "ConvTranspose",
            self.weight(weights.astype(np.float32)),
            name=name,
            strides=list(stride),
            pads=[*before, *after],
            **attributes,
        )
        self.channels = weights.shape[1] * groups

    def resize(self, mode: str, **attributes: Any) -> None:
        scales = self.weight(np.asarray([1, 1, 2, 2], np.float32))
        self.add("Resize", "", scales, mode=mode, **attributes)

    def shuffle(self, equal: bool, mode: str = "CRD", name: str = "fault") -> None:
        weights = self.random(8, self.channels, 3, 3)
        repeated = {"CRD": np.repeat(weights, 4, axis=0), "DCR": np.tile(weights, (4, 1, 1, 1))}
        drawn = repeated[mode] if equal else self.random(*repeated[mode].shape)
        self.add("Conv", self.weight(drawn), pads=[1] * 4)
        self.add("Relu")
        self.add("DepthToSpace", blocksize=2, mode=mode, name=name)
        self.channels = 8

    def model(self, size: int | str = SIDE) -> onnx.ModelProto:
        self.conv(3, relu=False)
        image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, size, size])
        output = onnx.ValueInfoProto(name=self.last)
        output.type.tensor_type.elem_type = TensorProto.FLOAT
        for side in ("n", 3, "h", "w"):
            dim = output.type.tensor_type.shape.dim.add()
            if isinstance(side, int):
                dim.dim_value = side
            else:
                dim.dim_param = side
        graph = helper.make_graph(self.nodes, "net", [image], [output], self.weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
        model.ir_version = 8
        return model


def build(parts: Build, size: int | str = SIDE) -> onnx.ModelProto:
    """Makes the network of some layers between an encoder and a last convolution."""
    builder = Builder()
    builder.conv(8, stride=2)
    parts(builder)
    return builder.model(size)


def hat(channels: int) -> np.ndarray:
    """The kernel with which a transposed convolution of stride 2 interpolates linearly."""
    line = np.asarray([1, 3, 3, 1]) / 4
    return np.eye(channels)[:, :, None, None] * np.outer(line, line)


def clean_then_fault(b: Builder) -> None:
    b.resize("nearest")
    b.conv()
    b.transposed((3, 3), (2, 2))


def fault_then_clean(b: Builder) -> None:
    b.transposed((5, 5), (2, 2))
    b.add("Relu")
    b.resize("linear")
    b.conv()


def skip(b: Builder) -> None:
    kept = b.last
    b.conv(8, stride=2)
    b.resize("nearest")
    b.nodes.append(helper.make_node("Concat", [b.last, kept], ["joined"], axis=1))
    b.last, b.channels = "joined", 16
    b.conv()


def pooled(b: Builder) -> None:
    b.add("MaxPool", kernel_shape=[2, 2], strides=[2, 2])
    b.resize("linear")
    b.conv()


# Each with the kernel and stride that the doctor is to name.
FAULTY: dict[str, tuple[Build, str]] = {
    "kernel 3": (lambda b: b.transposed((3, 3), (2, 2)), "kernel 3, stride 2"),
    "kernel 5": (lambda b: b.transposed((5, 5), (2, 2)), "kernel 5, stride 2"),
    "stride 3": (lambda b: b.transposed((4, 4), (3, 3)), "kernel 4, stride 3"),
    "uneven phases": (lambda b: b.transposed((4, 4), (2, 2)), "kernel 4, stride 2"),
    "blocks": (lambda b: b.transposed((2, 2), (2, 2)), "kernel 2, stride 2"),
    "one axis": (lambda b: b.transposed((3, 3), (2, 1)), "kernel 3, stride 2x1"),
    "zeros between": (
        lambda b: b.transposed((1, 1), (2, 2), output_padding=[1, 1]),
        "kernel 1, stride 2",
    ),
    "shuffle": (lambda b: b.shuffle(equal=False), "DepthToSpace, factor 2"),
    "second stage": (clean_then_fault, "kernel 3, stride 2"),
    "first stage": (fault_then_clean, "kernel 5, stride 2"),
}
CLEAN: dict[str, Build] = {
    "nearest": lambda b: b.resize("nearest"),
    "linear": lambda b: b.resize("linear"),
    "cubic": lambda b: b.resize("cubic"),
    "linear, twice": lambda b: (b.resize("linear"), b.conv(), b.resize("linear"))[-1],
    "hat": lambda b: b.transposed((4, 4), (2, 2), hat(8)),
    "equal blocks": lambda b: b.transposed((2, 2), (2, 2), np.ones((8, 8, 2, 2))),
    "stride 1": lambda b: b.transposed((3, 3), (1, 1)),
    "equal filters": lambda b: b.shuffle(equal=True, mode="DCR"),
    "skip": skip,
    "pooled": pooled,
}
