"""Experiments: validation, JSON, overrides, names."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aedenoise.config import (
    DECODERS,
    DataConfig,
    Experiment,
    ModelConfig,
    NoiseConfig,
    OptimizerConfig,
    first_difference,
    from_dict,
    replace,
    to_dict,
)
from aedenoise.config.registry import find_experiment, named_experiments
from aedenoise.errors import CheckpointError, UsageError


@given(
    st.sampled_from(DECODERS),
    st.lists(st.integers(1, 16).map(lambda n: 4 * n), min_size=1, max_size=3),
    st.floats(0, 2),
    st.integers(0, 2**32 - 1),
)
def test_json_round_trip(decoder: str, features: list[int], level: float, seed: int) -> None:
    experiment = Experiment(
        model=ModelConfig(
            decoder=decoder,
            encoder_features=tuple(features),
            decoder_features=tuple(reversed(features)),
        ),
        noise=NoiseConfig(level=level),
        seed=seed,
    )
    assert from_dict(json.loads(json.dumps(to_dict(experiment)))) == experiment


def test_notmnist_is_recorded_in_full() -> None:
    assert DataConfig(dataset="notmnist").dataset == "notmnist/open"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: ModelConfig(decoder="upsampel"), "did you mean 'upsample'"),
        (lambda: DataConfig(dataset="notmist"), "did you mean 'notmnist'"),
        (lambda: NoiseConfig(level=25.0), "for 25 of 255 use 0.0980"),
        (lambda: NoiseConfig(level=-0.1), "from 0 to 2"),
        (lambda: NoiseConfig(level=float("nan")), "from 0 to 2"),
        (lambda: Experiment(epochs=0), "epochs must be at least 1"),
        (lambda: Experiment(batch_size=-1), "batch_size must be at least 1"),
        (lambda: Experiment(loss="l3"), "unknown loss"),
        (lambda: Experiment(seed=-1), "seed must be"),
        (lambda: Experiment(clean_epochs=5), "from 0 to 4"),
        (lambda: NoiseConfig(kind="none", mean=0.5), "noise none has neither"),
        (lambda: NoiseConfig(kind="none+gaussian"), "unknown noise 'none'"),
        (lambda: ModelConfig(network="lenet"), "unknown model"),
        (lambda: OptimizerConfig(learning_rate=0.0), "learning_rate must be above 0"),
        (lambda: OptimizerConfig(learning_rate=float("nan")), "learning_rate must be above 0"),
        (lambda: ModelConfig(encoder_features=(8,)), "the same number of stages"),
        (lambda: ModelConfig(encoder_features=()), "positive widths"),
        (lambda: ModelConfig(stride=1), "stride must be from 2"),
        (lambda: ModelConfig(kernel_size=0), "kernel_size must be"),
    ],
)
def test_contradictions_are_refused(make: object, words: str) -> None:
    with pytest.raises(UsageError, match=re.escape(words)):
        make()  # type: ignore[operator]


def test_overrides_state_only_the_difference() -> None:
    base = Experiment()
    changed = replace(base, {"noise.level": 0.2, "epochs": 7, "model.decoder": "transpose"})
    assert first_difference(base, changed) == "model.decoder ('upsample', now 'transpose')"
    assert first_difference(base, replace(base, {"name": "other"})) is None
    assert replace(base, {}) == base


FOREIGN = [{"nois": {}}, {"model": {"decoder": "spline"}}, {"epochs": 0}, {"model": None}, None, 3]


@pytest.mark.parametrize("values", FOREIGN)
def test_a_foreign_config_is_refused(values: Any) -> None:
    with pytest.raises(CheckpointError, match=r"config\.json"):
        from_dict(values)


COMPARISONS = {
    "decoder_budget",
    "own_rates",
    "own_rates_long",
    "own_rates_long_noise",
    "own_rates_mnist",
    "own_rates_noise",
    "rates",
    "rates_long",
    "rates_mnist",
    "rates_noise",
    "skips",
    "upsample_vs_transpose",
}


def test_every_named_experiment_loads_and_states_question_and_command() -> None:
    documents = named_experiments()
    assert set(documents) >= {
        "part2_notmnist_upsample",
        "part3_mnist_transpose",
        "keras_blog",
        "keras_io",
        "debug",
    }
    for name, document in documents.items():
        assert find_experiment(name).name == name
        assert "?" in document.splitlines()[0]
        mode = "--mode=compare " if name in COMPARISONS else ""
        assert f"python -m aedenoise.main {mode}--experiment={name}" in document


def test_named_experiments_match_the_published_networks() -> None:
    blog, io = find_experiment("keras_blog"), find_experiment("keras_io")
    assert (blog.model.decoder, blog.noise.level) == ("upsample", 0.5)
    assert (io.model.decoder, io.noise.level) == ("transpose", 0.4)


def test_a_misspelt_experiment_is_answered_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="did you mean 'debug'"):
        find_experiment("debgu")


def test_flags_are_read_without_anything_heavy() -> None:
    code = (
        "import sys, aedenoise.main; from aedenoise.config.registry import named_experiments; "
        "named_experiments(); "
        "print([m for m in ('jax', 'numpy', 'flax', 'tensorflow_datasets') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_what_belongs_to_the_training_noise_is_left_out_of_tests_on_another() -> None:
    blind = Experiment(noise=NoiseConfig(level=0.2, level_max=0.6), level_power=2.5, loss="mse")
    tested = blind.tested_on(NoiseConfig(kind="salt_pepper", level=0.1))
    assert (tested.level_power, tested.loss) == (0.0, "mse")
    free = Experiment(noise=NoiseConfig(level=0.2, clip=False), loss="sure")
    assert free.tested_on(NoiseConfig()).loss == "bce"
