"""ONNX Runtime on aedenoise's weights: onnx_worker.py infer DECODER BATCH FILES default

Before it is timed, its output is checked against aedenoise's own on the same images.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

sys.path.insert(0, str(Path(__file__).parent))
from serving import serve


def network(decoder: str, weights: dict[str, np.ndarray]) -> bytes:
    nodes: list[onnx.NodeProto] = []
    constants: list[onnx.TensorProto] = []
    current = "image"

    def constant(name: str, value: np.ndarray) -> str:
        constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def add(kind: str, *inputs: str, **attributes: object) -> None:
        nonlocal current
        output = f"{kind}{len(nodes)}"
        nodes.append(helper.make_node(kind, [current, *inputs], [output], **attributes))
        current = output

    def conv(layer: str) -> None:
        kernel = constant(f"{layer}/k", weights[f"{layer}/kernel"].transpose(3, 2, 0, 1))
        bias = constant(f"{layer}/b", weights[f"{layer}/bias"])
        add("Conv", kernel, bias, pads=[1, 1, 1, 1])

    for stage in range(2):
        conv(f"encoder/conv{stage}")
        add("Relu")
        add("MaxPool", kernel_shape=[2, 2], strides=[2, 2])
    for stage in range(2):
        if decoder == "transpose":
            layer = f"decoder/conv_transpose{stage}"
            # Flax does not turn the kernel around, ONNX does.
            turned = weights[f"{layer}/kernel"][::-1, ::-1].transpose(2, 3, 0, 1)
            kernel = constant(f"{layer}/k", turned)
            bias = constant(f"{layer}/b", weights[f"{layer}/bias"])
            # y[n] = sum of x[m] k[n - 2 m]: `SAME` keeps places 0 to 2 H - 1 of the 2 H + 1.
            add("ConvTranspose", kernel, bias, strides=[2, 2], pads=[0, 0, 1, 1])
            add("Relu")
        else:
            conv(f"decoder/conv{stage}")
            add("Relu")
            scales = constant(f"scales{stage}", np.array([1, 1, 2, 2], np.float32))
            add("Resize", "", scales, mode="nearest", coordinate_transformation_mode="asymmetric")
    conv("decoder/output")
    add("Sigmoid")

    def value(name: str) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 1, 28, 28])

    graph = helper.make_graph(nodes, "denoiser", [value("image")], [value(current)], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def main(decoder: str, batch_size: int, files: Path) -> None:
    weights = dict(np.load(files / f"{decoder}.npz"))
    session = onnxruntime.InferenceSession(
        network(decoder, weights), providers=["CPUExecutionProvider"]
    )
    images = np.load(files / "images.npy")[:batch_size].astype("float32") / 255.0
    image = np.ascontiguousarray(images.transpose(0, 3, 1, 2))
    ours = np.load(files / f"{decoder}_output.npy")[:batch_size]
    theirs = session.run(None, {"image": image})[0].transpose(0, 2, 3, 1)
    np.testing.assert_allclose(theirs, ours, atol=2e-5)

    def run(steps: int) -> None:
        for _ in range(steps):
            session.run(None, {"image": image})

    serve({"versions": f"onnxruntime {onnxruntime.__version__}"}, run)


if __name__ == "__main__":
    main(sys.argv[2], int(sys.argv[3]), Path(sys.argv[4]))
