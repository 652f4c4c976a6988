"""The doctor names the layer that makes a grid, cures it, and accuses no other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from grid_networks import CLEAN, FAULTY, Builder, build
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper
from random_networks import MODELS, denoiser

import aedenoise
from aedenoise.errors import DataError, UsageError
from aedenoise.exports.grids.cures import equal_filters, equal_phase_sums
from aedenoise.exports.grids.diagnosis import write_cured
from aedenoise.exports.grids.findings import Diagnosis
from aedenoise.exports.grids.network import read_network
from aedenoise.exports.grids.text import describe

# No sums of weights cure a kernel that leaves pixels without a weight.
INCURABLE = {"zeros between"}


def written(model: onnx.ModelProto, folder: Path) -> Path:
    """Saves a model for the doctor."""
    path = folder / "net.onnx"
    onnx.save(model, path)
    return path


@pytest.mark.parametrize("fault", FAULTY)
def test_a_known_fault_is_named_and_cured(fault: str, tmp_path: Path) -> None:
    parts, words = FAULTY[fault]
    path = written(build(parts), tmp_path)
    found = aedenoise.diagnose(path)
    (culprit,) = found.culprits
    assert found.has_grid
    assert culprit.layer.name == "fault"
    assert words in culprit.layer.words
    if fault in INCURABLE:
        assert culprit.change is None
        return
    assert culprit.change is not None
    assert found.cured is not None
    assert found.cured < 1e-3
    cured = tmp_path / "cured.onnx"
    write_cured(read_network(path), found, cured)
    assert not aedenoise.diagnose(cured).has_grid


@pytest.mark.parametrize("name", CLEAN)
def test_no_false_alarm(name: str, tmp_path: Path) -> None:
    found = aedenoise.diagnose(written(build(CLEAN[name]), tmp_path))
    assert not found.has_grid
    assert not found.weights
    assert list(describe(found))[-1] == "the output has no grid"


def test_images_of_any_size(tmp_path: Path) -> None:
    parts, _ = FAULTY["kernel 3"]
    found = aedenoise.diagnose(written(build(parts, "side"), tmp_path))
    assert [each.layer.name for each in found.culprits] == ["fault"]


def test_two_faults_are_cured_together(tmp_path: Path) -> None:
    def twice(b: Builder) -> None:
        b.transposed((3, 3), (2, 2), name="first")
        b.add("Relu")
        b.transposed((5, 5), (2, 2), name="second")

    path = written(build(twice), tmp_path)
    found = aedenoise.diagnose(path)
    assert {each.layer.name for each in found.culprits} == {"first", "second"}
    write_cured(read_network(path), found, tmp_path / "cured.onnx")
    assert not aedenoise.diagnose(tmp_path / "cured.onnx").has_grid


@pytest.mark.parametrize("name", ["upsample", "bilinear", "concat", "transpose_smooth", "carafe"])
def test_own_networks_without_a_grid(name: str, tmp_path: Path) -> None:
    found = own(name, tmp_path)
    assert not found.has_grid
    assert not found.culprits


def test_a_grid_that_later_layers_remove(tmp_path: Path) -> None:
    found = own("transpose_smooth", tmp_path)
    assert all(each.makes_a_grid for each in found.layers)
    assert list(describe(found))[-1] == "the output has no grid: later layers remove it"


@pytest.mark.parametrize("name", ["transpose k3", "transpose k4", "transpose k7", "subpixel"])
def test_own_networks_with_a_grid(name: str, tmp_path: Path) -> None:
    found = own(name, tmp_path)
    assert found.culprits
    assert len(found.culprits) == len(found.layers)
    assert all(each.change is not None for each in found.culprits)
    write_cured(read_network(tmp_path / "own.onnx"), found, tmp_path / "cured.onnx")
    assert not aedenoise.diagnose(tmp_path / "cured.onnx").has_grid


@pytest.mark.parametrize("name", ["transpose k2 by 3", "unpool"])
def test_own_networks_that_no_weights_cure(name: str, tmp_path: Path) -> None:
    found = own(name, tmp_path)
    assert found.culprits
    assert not found.weights
    assert list(describe(found))[-1] == "no change of weights cures it"


def own(name: str, folder: Path) -> Diagnosis:
    """Examines an exported network of this package, untrained."""
    path = folder / "own.onnx"
    aedenoise.export(denoiser(**MODELS[name]), "onnx", path)
    return aedenoise.diagnose(path)


def test_a_function_on_arrays() -> None:
    def nearest(image: np.ndarray) -> np.ndarray:
        return image.repeat(2, axis=1).repeat(2, axis=2)

    def zeros_between(image: np.ndarray) -> np.ndarray:
        found = np.zeros_like(nearest(image))
        found[:, ::2, ::2] = image
        return found

    assert not aedenoise.diagnose(nearest, shape=(32, 32, 1)).has_grid
    found = aedenoise.diagnose(zeros_between, shape=(32, 32, 1))
    assert found.has_grid
    assert found.periods[2, 2].constant > 0.5
    assert found.periods[3, 3].constant < found.periods[2, 2].constant
    assert list(describe(found))[-1] == "the output has a grid; no layer that enlarges is known"


def test_functions_that_return_no_images() -> None:
    with pytest.raises(UsageError, match=r"shape=\(H, W, C\)"):
        aedenoise.diagnose(lambda image: image)
    with pytest.raises(UsageError, match="not images"):
        aedenoise.diagnose(lambda image: image.mean(), shape=(32, 32, 1))
    with pytest.raises(UsageError, match="not images"):
        aedenoise.diagnose(lambda image: image, shape=(32, 32))
    with pytest.raises(DataError, match="not finite"):
        aedenoise.diagnose(lambda image: image * np.nan, shape=(32, 32, 1))
    with pytest.raises(UsageError, match="positive sides"):
        aedenoise.diagnose(lambda image: image, shape=(32, 0, 1))
    with pytest.raises(UsageError, match="leave out shape"):
        aedenoise.diagnose("net.onnx", shape=(32, 32, 1))


def test_values_that_are_not_finite_are_no_health(tmp_path: Path) -> None:
    def broken(b: Builder) -> None:
        b.transposed((4, 4), (2, 2), np.full((8, 8, 4, 4), np.nan))

    with pytest.raises(DataError, match="not finite"):
        aedenoise.diagnose(written(build(broken), tmp_path))


SIDES = st.tuples(st.integers(1, 6), st.integers(1, 6))
STEPS = st.tuples(st.integers(1, 4), st.integers(1, 4))


@given(SIDES, STEPS, st.integers(0, 99))
def test_phases_get_equal_sums_by_the_smallest_change(
    sides: tuple[int, int], stride: tuple[int, int], seed: int
) -> None:
    kernel = np.random.default_rng(seed).normal(size=(2, 3, *sides))
    found = equal_phase_sums(kernel, stride)
    if any(side < step for side, step in zip(sides, stride, strict=True)):
        assert found is None
        return
    assert found is not None
    rows, columns = stride
    sums = [
        found[..., i::rows, j::columns].sum((2, 3)) for i in range(rows) for j in range(columns)
    ]
    np.testing.assert_allclose(sums, np.broadcast_to(sums[0], np.shape(sums)), atol=1e-9)
    # A projection is found again unchanged, and is orthogonal to what stays free.
    np.testing.assert_allclose(equal_phase_sums(found, stride), found, atol=1e-9)
    other = np.random.default_rng(seed + 1).normal(size=kernel.shape)
    free = equal_phase_sums(other, stride)
    assert free is not None
    assert abs(float(((kernel - found) * free).sum())) < 1e-8


@given(st.integers(1, 4), st.integers(1, 4), st.integers(0, 99))
def test_filters_of_a_block_get_equal_sums(groups: int, block: int, seed: int) -> None:
    kernel = np.random.default_rng(seed).normal(size=(groups * block, 2, 3, 3))
    order = np.random.default_rng(seed).permutation(groups * block).reshape(groups, block)
    sums = equal_filters(kernel, order).sum((2, 3))[order]
    np.testing.assert_allclose(sums, np.broadcast_to(sums[:, :1], sums.shape), atol=1e-9)


def test_files_that_are_no_model(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no file"):
        aedenoise.diagnose(tmp_path / "none.onnx")
    with pytest.raises(DataError, match="is a folder"):
        aedenoise.diagnose(tmp_path)
    (tmp_path / "text.onnx").write_text("not a model")
    with pytest.raises(DataError, match="is not an ONNX model, or is damaged"):
        aedenoise.diagnose(tmp_path / "text.onnx")


def relu(shape: list[int | str], kind: int = TensorProto.FLOAT) -> onnx.ModelProto:
    """Makes a model of one operation."""
    sides = [helper.make_tensor_value_info(name, kind, shape) for name in ("in", "out")]
    graph = helper.make_graph(
        [helper.make_node("Relu", ["in"], ["out"])], "g", sides[:1], sides[1:]
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    return model


def test_models_that_read_no_image(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="four axes, an image; this one has in with 2"):
        aedenoise.diagnose(written(relu([1, 8]), tmp_path))
    with pytest.raises(UsageError, match="float32"):
        aedenoise.diagnose(written(relu([1, 3, 32, 32], TensorProto.DOUBLE), tmp_path))


def test_a_model_that_does_not_enlarge(tmp_path: Path) -> None:
    found = aedenoise.diagnose(written(relu([1, 3, 32, 32]), tmp_path))
    assert found.layers == ()
    assert not found.has_grid
