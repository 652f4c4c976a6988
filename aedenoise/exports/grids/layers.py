"""The layers of a network that enlarge images, each with what its attributes say."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx

from aedenoise.exports.grids.network import Arrays, OnnxNetwork
from aedenoise.metrics.grid_strength import Period

# Transposes of axes that move the channels: are they the last axis then?
_MOVES: dict[tuple[int, ...], bool] = {(0, 2, 3, 1): True, (0, 3, 1, 2): False}

# Kinds of layers that move channels into pixels.
SHUFFLES = ("DepthToSpace", "Reshape")


@dataclass(frozen=True, kw_only=True)
class Layer:
    """A layer that enlarges images.

    Attributes:
      name: of its operation, or else of its output.
      kind: the operation in ONNX, such as ``ConvTranspose``, ``DepthToSpace`` or ``Resize``;
        ``Reshape`` stands for pixels shuffled by several operations.
      tensor: name of its output.
      images: names of the images that it reads, each with True where its channels are last.
      nodes: its operations.
      stride: factors of rows and columns.
      kernel: height and width of its kernel; None without one.
      channels_last: the output is ``[N, H, W, C]``.
    """

    name: str
    kind: str
    tensor: str
    images: dict[str, bool]
    nodes: tuple[onnx.NodeProto, ...]
    stride: Period
    kernel: Period | None
    channels_last: bool

    @property
    def words(self) -> str:
        """Kind, kernel and stride, for people."""
        if self.kernel is None:
            return f"{self.kind}, factor {_spell(self.stride)}"
        return f"{self.kind}, kernel {_spell(self.kernel)}, stride {_spell(self.stride)}"


def _spell(sides: Period) -> str:
    rows, columns = sides
    return str(rows) if rows == columns else f"{rows}x{columns}"


def integers(node: onnx.NodeProto, name: str) -> tuple[int, ...]:
    """Returns an attribute of integers; empty where the operation has none of this name."""
    return next((tuple(each.ints) for each in node.attribute if each.name == name), ())


def find_layers(network: OnnxNetwork, traced: Arrays, lasts: dict[str, bool]) -> list[Layer]:
    """Lists the layers whose output is larger than their input by whole factors.

    Args:
      traced: all tensors of one image.
      lasts: those that are images, with their ``layouts``.
    """
    found = []
    for node in network.nodes:
        tensor = node.output[0]
        if tensor not in lasts:
            continue
        nodes, images = network.block(tensor, traced)
        images = [each for each in images if each in lasts]
        if not images or node.op_type == "Transpose":
            continue
        # Padding joins an image with its own edges: the largest counts.
        before = max(_sides(network, traced, each, lasts) for each in images)
        after = _sides(network, traced, tensor, lasts)
        stride = (after[0] // max(before[0], 1), after[1] // max(before[1], 1))
        if node.op_type == "ConvTranspose":
            stride = _pair(integers(node, "strides"))
        if max(stride) < 2 or min(stride) < 1:
            continue
        kernel = None
        if node.op_type == "ConvTranspose" and node.input[1] in network.weights:
            rows, columns = network.weights[node.input[1]].shape[2:4]
            kernel = (int(rows), int(columns))
        found.append(
            Layer(
                name=node.name or tensor,
                kind=node.op_type,
                tensor=tensor,
                images={each: lasts[each] for each in images},
                nodes=tuple(nodes),
                stride=stride,
                kernel=kernel,
                channels_last=lasts[tensor],
            )
        )
    return found


def layouts(network: OnnxNetwork, traced: Arrays) -> dict[str, bool]:
    """Tells for each image in the network if its channels are the last axis.

    Convolutions of ONNX have them second; transposes of axes change it, other operations do not.
    """
    found = {network.image: network.channels_last}
    for node in network.nodes:
        for name in node.output:
            if name not in traced or traced[name].ndim != 4:
                continue
            _, images = network.block(name, traced)
            known = [found[each] for each in images if each in found]
            if not known:
                continue
            last = known[0]
            if node.op_type == "Transpose" and node.input[0] in found:
                last = _MOVES.get(integers(node, "perm"), last)
            elif node.op_type in ("Conv", "ConvTranspose", "DepthToSpace", "MaxPool"):
                last = False
            found[name] = last
    return found


def channels_second(array: np.ndarray, last: bool) -> np.ndarray:
    """Returns maps ``[B, C, H, W]``."""
    return np.moveaxis(array, -1, 1) if last else array


def _sides(
    network: OnnxNetwork, traced: Arrays, name: str, lasts: dict[str, bool]
) -> tuple[int, int]:
    shape = network.shape if name == network.image else traced[name].shape
    return (shape[1], shape[2]) if lasts[name] else (shape[2], shape[3])


def _pair(values: tuple[int, ...]) -> Period:
    return (values[0], values[1]) if len(values) == 2 else (1, 1)
