"""Decoders outside of the package, named ``module:Class``."""

from __future__ import annotations

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import Command
from PIL import Image

from aedenoise.config import Experiment, ModelConfig
from aedenoise.config.decoders import is_class_name
from aedenoise.config.study import display_name, parse_decoder, split_decoder, with_decoder
from aedenoise.errors import UsageError
from aedenoise.models import build_autoencoder

MINE = """
import flax.linen as nn

class Mine(nn.Module):
    features: tuple[int, ...] = (32, 32)
    channels: int = 1

    @nn.compact
    def __call__(self, code):
        for width in self.features:
            code = nn.relu(nn.ConvTranspose(width, (2, 2), (2, 2))(code))
        return nn.Conv(self.channels, (3, 3))(code)

class Small(nn.Module):
    @nn.compact
    def __call__(self, code):
        return nn.Conv(1, (3, 3))(code)

class Needy(nn.Module):
    shades: int

    @nn.compact
    def __call__(self, code):
        return code

class Plain:
    pass
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Writes ``own_decoders.py`` and ``broken_decoders.py`` where Python finds them."""
    (tmp_path / "own_decoders.py").write_text(MINE)
    (tmp_path / "broken_decoders.py").write_text("import does_not_exist\n")
    (tmp_path / "failing_decoders.py").write_text("1 / 0\n")
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def test_a_name_of_a_class_is_told_from_modifiers() -> None:
    assert is_class_name("own_decoders:Mine")
    assert is_class_name("package.decoders:Mine2")
    others = (
        "transpose:K4",
        "transpose:k4",
        "mine:decoder",
        "mine",
        ":Mine",
        "a-b:Mine",
        "a.:M",
    )
    for name in others:
        assert not is_class_name(name), name
    assert split_decoder("own_decoders:Mine:k4:lr0.003") == ("own_decoders:Mine", ["k4", "lr0.003"])
    assert display_name("own_decoders:Mine:k4") == "own_decoders:Mine k4"


def test_a_decoder_of_ones_own_is_built_with_the_fields_that_it_has(module: Path) -> None:
    config = ModelConfig(decoder="own_decoders:Mine", decoder_features=(8, 4))
    model = build_autoencoder(config, channels=3)
    params = model.init(jax.random.key(0), jnp.zeros((1, 16, 16, 3)))["params"]
    assert params["decoder"]["ConvTranspose_1"]["kernel"].shape == (2, 2, 8, 4)
    assert model.apply({"params": params}, jnp.ones((2, 16, 16, 3))).shape == (2, 16, 16, 3)


@pytest.mark.parametrize(
    ("decoder", "said"),
    [
        ("none_such:Mine", "no module none_such in the current folder"),
        ("broken_decoders:Mine", "needs does_not_exist; install it"),
        ("failing_decoders:Mine", "importing it fails: ZeroDivisionError"),
        ("own_decoders:Mnie", "no class 'Mnie'; known: Mine, Small, Needy"),
        ("own_decoders:Plain", "must be a class derived from flax.linen.Module"),
        ("own_decoders:Needy", "cannot be constructed"),
        ("own_decoders:Small:k5", "has no field kernel_size"),
        ("own_decoders:Small", r"returns \(1, 7, 7, 1\) for an image \(1, 28, 28, 1\)"),
    ],
)
def test_a_class_that_will_not_do_is_told_in_one_line(
    module: Path, decoder: str, said: str
) -> None:
    with pytest.raises(UsageError, match=said) as error:
        build_autoencoder(parse_decoder(decoder, ModelConfig()), size=(28, 28))
    assert "\n" not in str(error.value)


def test_a_name_sets_the_rate_of_its_decoder() -> None:
    base = Experiment()
    assert with_decoder(base, "transpose:k4:lr0.003").optimizer.learning_rate == 0.003
    assert with_decoder(base, "transpose:lr1e-2:k4").model.kernel_size == 4
    assert with_decoder(base, "transpose:k4").optimizer == base.optimizer
    for wrong in ("lr", "lr0", "lr-1", "lrfast"):
        with pytest.raises(UsageError):
            with_decoder(base, f"transpose:{wrong}")


@pytest.mark.slow
@pytest.mark.end_to_end
def test_a_run_with_a_class_goes_on_is_evaluated_and_denoises(
    command: Command, module: Path
) -> None:
    small = ("--train_examples=200", "--test_examples=40", "--encoder_features=4,4")
    train = ("--decoder=own_decoders:Mine", "--decoder_features=4,4", *small, "--workdir=run")
    done = command(*train, "--epochs=1", cwd=module)
    assert done.returncode == 0, done.stderr
    config = json.loads((module / "run" / "config.json").read_text())
    assert config["experiment"]["model"]["decoder"] == "own_decoders:Mine"
    done = command("--mode=eval", "--workdir=run", cwd=module)
    assert done.returncode == 0, done.stderr
    noisy = np.random.default_rng(0).integers(0, 256, (20, 24), np.uint8)
    Image.fromarray(noisy).save(module / "noisy.png")
    done = command("denoise", "--input=noisy.png", "--workdir=run", cwd=module)
    assert done.returncode == 0, done.stderr
    # From elsewhere the class is not found.
    (module / "elsewhere").mkdir()
    done = command("--mode=eval", f"--workdir={module / 'run'}", cwd=module / "elsewhere")
    assert done.returncode == 2
    assert done.stderr.startswith("aedenoise: decoder own_decoders:Mine: no module own_decoders")
    assert done.stderr.count("\n") == 1
