"""The page that denoises: its JavaScript equals JAX, its text is safe, and what it refuses."""

from __future__ import annotations

import functools
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from random_networks import MODELS, SHAPE, SMALL, denoiser, shape_for

from aedenoise.config import Experiment, ModelConfig
from aedenoise.errors import ExportError, UsageError
from aedenoise.exports.api import export
from aedenoise.exports.page import engine, file
from aedenoise.exports.page.file import encode
from aedenoise.exports.page.page_network import page_network
from aedenoise.exports.page.render import render_page
from aedenoise.inference.denoiser import Denoiser
from aedenoise.models import build_autoencoder
from experiments import denoise_page

NODE = shutil.which("node")
# Reads the data and the engine of a page, denoises, and prints the values.
SCRIPT = """
const page = require("fs").readFileSync(0, "utf8");
const part = (id) => page.split(`id="${id}">`)[1].split("</script>")[0];
const [height, width, noisy] = JSON.parse(process.argv[1]);
const record = JSON.parse(part("data")).networks[0];
const data = Float32Array.from(noisy);
globalThis.given = { record, image: { height, width, channels: 1, data } };
const code = part("engine") + `
const network = loadNetwork(given.record);
const denoised = denoise(network, given.image, 0.3);
({ denoised, ssim: ssim(denoised, given.image), psnr: psnr(denoised, given.image),
   again: addNoise(given.image, { kind: "gaussian", level: 0.2, seed: 7 }),
   salt: addNoise(given.image, { kind: "salt_pepper", level: 0.5, seed: 7 }) })`;
const found = require("vm").runInThisContext(code);
const list = (image) => Array.from(image.data);
for (const name of ["denoised", "again", "salt"]) found[name] = list(found[name]);
console.log(JSON.stringify(found));
"""


@functools.cache
def image(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(1).random((1, height, width, 1), np.float32)


def in_node(page: bytes, noisy: np.ndarray) -> dict[str, Any]:
    given = json.dumps([*noisy.shape[1:3], noisy.reshape(-1).tolist()])
    done = subprocess.run(
        [str(NODE), "-e", SCRIPT, given], input=page, capture_output=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.skipif(NODE is None, reason="no Node.js on this machine to run the page's scripts")
@pytest.mark.fast_cases("transpose k4", "upsample k5", "max_unpool", "mlp tied")
@pytest.mark.parametrize("name", MODELS)
def test_javascript_denoises_as_jax_does(name: str) -> None:
    network = denoiser(**MODELS[name])
    fixed = network.size is not None or name == "keras_2018"
    noisy = image(28, 28) if fixed else image(22, 37)
    found = in_node(encode(network, shape_for(network.experiment.model)), noisy)
    expected = network(noisy, level=0.3)
    assert np.std(expected) > 1e-3
    np.testing.assert_allclose(found["denoised"], expected.reshape(-1), atol=1e-5)


@pytest.mark.skipif(NODE is None, reason="no Node.js on this machine to run the page's scripts")
def test_noise_and_measures_are_those_of_the_package() -> None:
    from aedenoise.metrics.image_quality import psnr, ssim

    network, noisy = denoiser(**SMALL), image(28, 28)
    page = encode(network, SHAPE)
    found, again = in_node(page, noisy), in_node(page, noisy)
    denoised = np.asarray(found["denoised"], np.float32).reshape(noisy.shape)
    assert found["psnr"] == pytest.approx(float(psnr(denoised, noisy)[0]), abs=1e-3)
    assert found["ssim"] == pytest.approx(float(ssim(denoised, noisy)[0]), abs=1e-4)
    assert found["again"] == again["again"]
    assert np.std(np.asarray(found["again"]) - noisy.reshape(-1)) == pytest.approx(0.2, rel=0.1)
    flipped = np.asarray(found["salt"])[found["salt"] != noisy.reshape(-1)]
    assert len(flipped) == pytest.approx(0.5 * noisy.size, rel=0.15)
    assert set(flipped) == {0.0, 1.0}


def test_the_page_is_whole_and_opens_no_connection() -> None:
    network = page_network(denoiser(**SMALL), SHAPE, "</script><b>& {{style}}")
    page = render_page([network], np.zeros((1, *SHAPE), np.uint8), ["<i>"])
    assert "</script><b>" not in page
    assert page.count("</script>") == 3
    assert "default-src 'none'" in page
    assert "connect-src 'none'" in page
    assert not re.search(r"https?:|\bfetch\(|XMLHttpRequest|import\(|WebSocket", page)
    # Every inline script and style has its digest in the policy.
    assert page.count("'sha256-") == 3


def test_the_packed_network_has_a_page() -> None:
    page = denoise_page.content()
    assert denoise_page.PAGE.stat().st_size < 1_500_000
    # Untrained responses differ in their last bits from machine to machine.
    assert abs(len(page) - denoise_page.PAGE.stat().st_size) < 100
    assert page.startswith(b"<!doctype html>")


def test_what_a_page_cannot_carry_is_refused() -> None:
    own = denoiser(**SMALL)
    own.channels = 2
    with pytest.raises(UsageError, match="2 channels; choose another format"):
        page_network(own, (28, 28, 2))
    images = np.zeros((1, *SHAPE), np.uint8)
    with pytest.raises(UsageError, match="at least one network"):
        render_page([], images, ["A"])


def test_all_files_of_the_page_are_in_the_package() -> None:
    import aedenoise.exports.page as package

    folder = Path(package.__file__).parent
    names = {path.name for path in folder.iterdir() if path.suffix in (".js", ".css", ".html")}
    assert {"network.js", "page.js", "page.css", "page.html", "convolutions.js"} <= names


BROWSER = next(filter(None, map(shutil.which, engine._BROWSERS)), None)


@pytest.mark.skipif(BROWSER is None, reason="no browser on this machine to run the page's scripts")
def test_an_export_is_compared_in_a_browser_where_there_is_no_node(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / Path(str(BROWSER)).name).symlink_to(str(BROWSER))
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}")
    network = denoiser(**SMALL)
    written = export(network, "html", tmp_path / "page.html")
    assert written.proof is not None
    assert written.proof.difference < 1e-5
    assert "largest difference from JAX" in str(written)


def test_without_either_a_page_is_written_and_the_line_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    written = export(denoiser(**SMALL), "html", tmp_path / "page.html")
    assert str(written).endswith("not compared with JAX")


@pytest.mark.skipif(NODE is None, reason="no Node.js on this machine to run the page's scripts")
def test_a_page_that_computes_something_else_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = file.encode

    def wrong(source: Any, shape: Any) -> bytes:
        return right(source, shape).replace(b"value > 0 ? value : 0", b"value > 0 ? value : 1")

    monkeypatch.setattr(file, "encode", wrong)
    with pytest.raises(ExportError, match="differs from JAX"):
        export(denoiser(**SMALL), "html", tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()


@pytest.mark.skipif(NODE is None, reason="no Node.js on this machine to run the page's scripts")
def test_colour_images_are_denoised_as_jax_does() -> None:
    config = ModelConfig(encoder_features=(8, 8), decoder_features=(8, 8))
    model = build_autoencoder(config, 3)
    params = model.init(jax.random.key(0), jnp.zeros((1, 8, 8, 3)))["params"]
    network = Denoiser(model, params, experiment=Experiment(model=config), channels=3, step=0)
    noisy = np.random.default_rng(1).random((2, 13, 22, 3), np.float32)
    program = engine.find_engine()
    assert program is not None
    found, _ = engine.run_page(program, encode(network, (28, 28, 3)), noisy)
    np.testing.assert_allclose(found, network(noisy), atol=1e-5)
