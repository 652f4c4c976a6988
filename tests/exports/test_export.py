"""Exported files: they compute what JAX computes, for every network, or are not written."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import onnx
import pytest
from conftest import ROOT, Command
from random_networks import MODELS, denoiser

import aedenoise
from aedenoise.config import GAN_DEFAULTS, Experiment, replace
from aedenoise.errors import CheckpointError, ExportError, StorageError, UsageError
from aedenoise.exports.check import LIMIT, call, prove
from aedenoise.exports.network import Network
from aedenoise.exports.onnx import file
from aedenoise.exports.stablehlo import load_file
from aedenoise.inference.generator import ImageMaker
from aedenoise.models import build_generator

FORMATS = ("onnx", "stablehlo", "safetensors")


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("name", MODELS)
@pytest.mark.fast_cases("upsample-onnx", "transpose k3-stablehlo", "max_unpool-onnx")
def test_every_network_is_exported(name: str, format: str, tmp_path: Path) -> None:
    path = tmp_path / f"model.{format}"
    written = aedenoise.export(denoiser(**MODELS[name]), format, path)
    assert written.proof is not None
    assert written.proof.difference <= LIMIT
    assert "64 images" in str(written) or "left out" in str(written)
    assert path.stat().st_size == written.size


@pytest.mark.parametrize("name", [None, "photos_colour"])
def test_one_onnx_file_takes_images_of_any_size(name: str | None, tmp_path: Path) -> None:
    path = tmp_path / "packed.onnx"
    aedenoise.export(None, "onnx", path, network=name)
    denoise, run = aedenoise.load(network=name), file.load(path.read_bytes())
    for shape in ((1, 37, 53, denoise.channels), (8, 28, 28, denoise.channels)):
        noisy = np.random.default_rng(0).random(shape, np.float32)
        found = run(noisy)
        assert found.shape == shape
        np.testing.assert_allclose(found, denoise(noisy), atol=LIMIT)
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    facts = {each.key: each.value for each in model.metadata_props}
    assert facts["licence"] == "Apache-2.0"
    assert facts["noise"] == denoise.experiment.noise.kind
    assert len(facts["parameters_sha256"]) == 64
    assert json.loads(facts["psnr_db"])


def test_a_safetensors_file_is_a_network(tmp_path: Path) -> None:
    source, path = denoiser(**MODELS["transpose k4"]), tmp_path / "model.safetensors"
    aedenoise.export(source, "safetensors", path)
    restored = aedenoise.load(path)
    noisy = np.random.default_rng(0).random((2, 28, 28, 1), np.float32)
    np.testing.assert_allclose(restored(noisy), source(noisy), atol=1e-6)
    assert restored.experiment == source.experiment
    again = tmp_path / "again.safetensors"
    aedenoise.export(path, "safetensors", again)
    assert again.read_bytes() == path.read_bytes()


def test_a_damaged_safetensors_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    aedenoise.export(denoiser(**MODELS["upsample"]), "safetensors", path)
    content = path.read_bytes()
    chance = np.random.default_rng(0)
    for number in range(60):
        damaged = bytearray(content)
        # Headers and arrays alike.
        place = int(chance.integers(3000 if number % 2 else len(content)))
        damaged[place] ^= int(chance.integers(1, 256))
        path.write_bytes(damaged)
        with pytest.raises(CheckpointError):
            aedenoise.load(path)
    for cut in (0, 7, 8, 100, len(content) - 1):
        path.write_bytes(content[:cut])
        with pytest.raises(CheckpointError, match="safetensors"):
            aedenoise.load(path)
    with pytest.raises(CheckpointError, match="cannot read"):
        aedenoise.load(tmp_path / "none.safetensors")


def test_stablehlo_is_one_program_for_all_platforms(tmp_path: Path) -> None:
    source, path = denoiser(**MODELS["bilinear"]), tmp_path / "model.stablehlo"
    aedenoise.export(source, "stablehlo", path)
    program = jax.export.deserialize(bytearray(path.read_bytes()))
    assert program.platforms == ("cpu", "cuda", "tpu")
    noisy = np.random.default_rng(0).random((3, 30, 41, 1), np.float32)
    np.testing.assert_allclose(load_file(path)(noisy), source(noisy), atol=LIMIT)


@pytest.mark.slow
@pytest.mark.parametrize("format", FORMATS)
def test_generators_are_exported(format: str, tmp_path: Path) -> None:
    changes = {**GAN_DEFAULTS, "model.decoder": "transpose", "model.kernel_size": 4}
    experiment = replace(Experiment(), changes)
    config = experiment.model
    model = build_generator(config, (28, 28, 1))
    params = model.init(jax.random.key(0), jnp.zeros((1, config.latent_size)))["params"]
    maker = ImageMaker(experiment, model, params, 1, (28, 28, 1))
    written = aedenoise.export(maker, format, tmp_path / f"gan.{format}")
    assert written.proof is not None
    assert written.proof.difference <= LIMIT
    assert "64 latents" in written.proof.compared


def test_a_file_that_differs_is_not_written() -> None:
    source = denoiser(**MODELS["upsample"])
    network = Network(source, {}, (28, 28, 1))
    right = call(source)
    assert prove(right, network).difference == 0.0
    with pytest.raises(ExportError, match=r"differs from JAX by 1\.0e-03"):
        prove(lambda noisy: right(noisy) + np.float32(1e-3), network)
    with pytest.raises(ExportError, match="returns"):
        prove(lambda noisy: right(noisy)[:1], network)


def test_what_cannot_be_written_is_refused(tmp_path: Path) -> None:
    source, path = denoiser(**MODELS["upsample"]), tmp_path / "model.html"
    path.write_text("mine")
    with pytest.raises(StorageError, match="already exists; --overwrite"):
        aedenoise.export(source, "html", path)
    assert path.read_text() == "mine"
    with pytest.raises(UsageError, match=r"ends with \.onnx"):
        aedenoise.export(source, "onnx", path)
    with pytest.raises(UsageError, match="onnx"):
        aedenoise.export(source, "onxx", tmp_path / "model.onxx")
    with pytest.raises(UsageError, match="not both"):
        aedenoise.export(source, "html", tmp_path / "other.html", network="photos")
    with pytest.raises(UsageError, match="did you mean 'photos'"):
        aedenoise.export(None, "html", tmp_path / "other.html", network="photo")
    assert "html" in str(aedenoise.export(source, "html", path, overwrite=True))
    assert path.read_bytes().startswith(b"<!doctype html>")


@pytest.mark.slow
@pytest.mark.end_to_end
def test_the_command_exports_and_reads_back(command: Command, tmp_path: Path) -> None:
    train = ("--experiment=debug", "--epochs=1", "--train_examples=64", "--test_examples=64")
    for decoder in ("upsample", "transpose"):
        done = command(*train, f"--decoder={decoder}", f"--workdir={decoder}", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    done = command("export", "--workdir=upsample", "--format=safetensors", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "largest difference from JAX 0.0e+00" in done.stdout
    again = command("export", "--workdir=upsample", "--format=safetensors", cwd=tmp_path)
    assert again.returncode == 5
    assert again.stderr.count("\n") == 1
    picture = f"--input={ROOT / 'docs' / 'samples' / 'letter.png'}"
    for place, target in (("upsample", "a.png"), ("upsample/model.safetensors", "b.png")):
        done = command("denoise", picture, f"--workdir={place}", f"--output={target}", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    done = command(
        *("export", "--format=html", "--runs=upsample,transpose", "--output=both.html"),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "both.html").read_text(encoding="utf-8")
    assert "upsample" in page
    assert "transpose" in page
    assert command("export", "--runs=upsample,transpose", cwd=tmp_path).returncode == 2
    assert command("export", "--workdir=nothing", cwd=tmp_path).returncode == 3
    assert command("export", "--output=model.txt", cwd=tmp_path).returncode == 2


@pytest.mark.slow
def test_the_scripts_of_the_page_run(tmp_path: Path) -> None:
    aedenoise.export(None, "onnx", tmp_path / "model.onnx")
    folder = tmp_path / "runs" / "debug"
    aedenoise.export(denoiser(**MODELS["upsample"]), "stablehlo", folder / "model.stablehlo")
    page = (ROOT / "docs" / "export.md").read_text(encoding="utf-8")
    scripts = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert len(scripts) == 2
    for script in scripts:
        # Without this package: neither file needs it.
        words = [sys.executable, "-I", "-c", f"{script}\nprint(denoised.shape)"]
        quiet = {**os.environ, "ORT_DISABLE_TELEMETRY": "1"}
        done = subprocess.run(
            words, cwd=tmp_path, env=quiet, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip() in ("(1, 37, 53, 1)", "(8, 28, 28, 1)")
