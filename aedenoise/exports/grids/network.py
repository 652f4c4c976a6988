"""An ONNX network of which every layer can be looked at, alone and at work."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from aedenoise.errors import DataError, UsageError

Arrays = dict[str, np.ndarray]
# Side of the images where the file takes any size, and the channels where it takes any number.
_SIDE, _CHANNELS = 192, 3
_MOST_CHANNELS = 4
# Its errors are raised too.
_NO_LOG = 4


class OnnxNetwork:
    """A network of one input image and its tensors.

    Attributes:
      model: the file's content.
      weights: its constants, by name.
      image: name of the input.
      shape: of the input, ``[1, C, H, W]`` or ``[1, H, W, C]``.
      channels_last: tells these two apart.
    """

    def __init__(self, model: onnx.ModelProto) -> None:
        self.model = model
        graph = model.graph
        self.weights: Arrays = {
            each.name: numpy_helper.to_array(each) for each in graph.initializer
        }
        inputs = [each for each in graph.input if each.name not in self.weights]
        images = [each for each in inputs if len(each.type.tensor_type.shape.dim) == 4]
        if len(images) != 1:
            own = [f"{each.name} with {len(each.type.tensor_type.shape.dim)}" for each in inputs]
            raise UsageError(
                "the doctor reads models with one input of four axes, an image; this one has "
                f"{', '.join(own) or 'none'}"
            )
        (image,) = images
        self.image = str(image.name)
        if image.type.tensor_type.elem_type != TensorProto.FLOAT:
            raise UsageError("the doctor reads models of float32; export the model in float32")
        self._others = [each for each in inputs if each is not image]
        sizes = [each.dim_value for each in image.type.tensor_type.shape.dim]
        self.channels_last = 0 < sizes[3] <= _MOST_CHANNELS and not 0 < sizes[1] <= _MOST_CHANNELS
        channels = 3 if self.channels_last else 1
        self.shape = tuple(
            1 if axis == 0 else size or (_CHANNELS if axis == channels else _SIDE)
            for axis, size in enumerate(sizes)
        )
        self._producers = {name: node for node in graph.node for name in node.output}

    @property
    def output(self) -> str:
        """Name of the first output."""
        return str(self.model.graph.output[0].name)

    @property
    def nodes(self) -> list[onnx.NodeProto]:
        """The operations, in the order of their computation."""
        return list(self.model.graph.node)

    def producer(self, tensor: str) -> onnx.NodeProto | None:
        """Returns the operation that computes a tensor; None for inputs and weights."""
        return self._producers.get(tensor)

    def tracer(self, weights: Mapping[str, np.ndarray] | None = None) -> Callable[..., Arrays]:
        """Returns the function ``image -> every tensor of four axes or fewer``.

        Args:
          weights: weights that replace those of the file.
        """
        model = self.with_weights(weights or {})
        known = {each.name for each in model.graph.output}
        names = [name for node in model.graph.node for name in node.output if name]
        model.graph.output.extend(
            onnx.ValueInfoProto(name=name) for name in names if name not in known
        )
        run = _session(model)
        # Other inputs, such as a noise level, get a half of their range.
        others = {each.name: np.full(_sizes(each), 0.5, np.float32) for each in self._others}

        def trace(image: np.ndarray) -> Arrays:
            return run({self.image: image.astype(np.float32)} | others)

        return trace

    def block(self, tensor: str, traced: Arrays) -> tuple[list[onnx.NodeProto], list[str]]:
        """Returns the operations between a tensor and the images that it is made from.

        Args:
          tensor: name of a tensor of four axes.
          traced: all tensors, which tell the numbers of axes. Integers are shapes and places; the
            operations that compute them are left out.

        Returns:
          The operations in order, and the names of those images.
        """
        wanted, images, seen = [tensor], [], set()
        while wanted:
            node = self.producer(wanted.pop())
            if node is None or id(node) in seen:
                continue
            seen.add(id(node))
            for name in filter(None, node.input):
                if name == self.image or traced.get(name, np.zeros(0)).ndim == 4:
                    images.append(name)
                elif name not in traced or traced[name].dtype.kind == "f":
                    wanted.append(name)
        return [node for node in self.nodes if id(node) in seen], list(dict.fromkeys(images))

    def run_block(
        self, nodes: Sequence[onnx.NodeProto], inputs: Arrays, output: str, traced: Arrays
    ) -> np.ndarray:
        """Computes one tensor by a part of the network, from ``block``.

        Args:
          nodes: the operations.
          inputs: the images that they read.
          output: name of the tensor.
          traced: all tensors, for the integers that the operations read.
        """
        known = {name for node in nodes for name in node.output} | set(inputs)
        used = {name for node in nodes for name in node.input if name and name not in known}
        places = [numpy_helper.from_array(traced[name], name) for name in used & set(traced)]
        graph = helper.make_graph(
            list(nodes),
            "layer",
            [
                helper.make_tensor_value_info(n, TensorProto.FLOAT, a.shape)
                for n, a in inputs.items()
            ],
            [onnx.ValueInfoProto(name=output)],
            [*(each for each in self.model.graph.initializer if each.name in used), *places],
        )
        model = helper.make_model(graph, opset_imports=self.model.opset_import)
        model.ir_version = self.model.ir_version
        return _session(model)(inputs)[output]

    def with_weights(self, weights: Mapping[str, np.ndarray]) -> onnx.ModelProto:
        """Returns the file's content with other weights."""
        model = onnx.ModelProto()
        model.CopyFrom(self.model)
        for each in model.graph.initializer:
            if each.name in weights:
                each.CopyFrom(numpy_helper.from_array(weights[each.name], each.name))
        return model


def read_network(path: Path) -> OnnxNetwork:
    """Reads an ONNX file.

    Raises:
      DataError: if the file is missing or is no ONNX model.
      UsageError: if the model has not one image as its input.
    """
    if path.is_dir():
        raise DataError(f"{path} is a folder; give an ONNX file")
    try:
        model = onnx.load(path)
    except FileNotFoundError:
        raise DataError(f"there is no file {path}; the command export writes one") from None
    except Exception:
        # The parser's own text names no fault that a user could see in the file.
        raise DataError(f"{path} is not an ONNX model, or is damaged; export it again") from None
    try:
        onnx.checker.check_model(model)
    except Exception as error:
        line = str(error).strip().splitlines()[0]
        raise DataError(f"{path} is no valid ONNX model: {line}") from None
    _constants_to_weights(model)
    return OnnxNetwork(model)


def _constants_to_weights(model: onnx.ModelProto) -> None:
    """Turns constant operations into weights: some exporters write one as the other."""
    constants = [node for node in model.graph.node if node.op_type == "Constant"]
    for node in constants:
        values = [each.t for each in node.attribute if each.name == "value"]
        if values:
            values[0].name = node.output[0]
            model.graph.initializer.append(values[0])
            model.graph.node.remove(node)


def _sizes(info: onnx.ValueInfoProto) -> list[int]:
    return [each.dim_value or 1 for each in info.type.tensor_type.shape.dim]


def _session(model: onnx.ModelProto) -> Callable[[Arrays], Arrays]:
    # Otherwise importing it reports the use of this machine to its makers.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = _NO_LOG
    # Merged layers would hide the tensors between them.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        session = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:
        line = str(error).strip().splitlines()[0]
        raise DataError(f"ONNX Runtime cannot load the model: {line}") from None
    names = [each.name for each in session.get_outputs()]

    def run(inputs: Arrays) -> Arrays:
        try:
            found = session.run(names, inputs)
        except Exception as error:
            line = str(error).strip().splitlines()[0]
            shapes = ", ".join(str(each.shape) for each in inputs.values())
            raise DataError(f"ONNX Runtime cannot run the model on {shapes}: {line}") from None
        return dict(zip(names, (np.asarray(each) for each in found), strict=True))

    return run
