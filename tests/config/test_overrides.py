"""Overrides of named experiments: valid ones apply, others are rejected naming the flag."""

from __future__ import annotations

import re
from typing import Any

import pytest
from conftest import ROOT

from aedenoise.config import Experiment, NoiseConfig, override, replace
from aedenoise.config.registry import find_experiment, named_experiments
from aedenoise.config.run_names import run_name
from aedenoise.errors import UsageError

SMALL = {"epochs": 1, "data.train_examples": 512, "data.test_examples": 128}
OVERRIDES: list[dict[str, Any]] = [
    {"noise.kind": "masking"},
    {"noise.kind": "none"},
    {"noise.level": 0.2, "noise.level_max": None},
    {"noise.level": 0.2, "noise.level_max": 0.6},
    {"model.decoder": "transpose"},
    {"model.decoder": "max_unpool"},
    {"model.encoder_features": (8, 8)},
    {"model.condition": "noise_level"},
    {"loss": "mse"},
    {"loss": "noise2self"},
    {"adversary.weight": 0.1},
    {"code.sparsity": "l1"},
    {"greedy_epochs": 1},
    {"clean_epochs": 1},
]
NETWORKS = ("conv", "mlp", "gan", "keras_2018", "net_sure", "udacity")
NAMES = list(named_experiments())


def test_every_file_with_an_experiment_has_its_name_in_the_list() -> None:
    files = {path.stem for path in (ROOT / "experiments").glob("*.py")}
    found = {
        name
        for name in files
        if "\nEXPERIMENT = " in (ROOT / "experiments" / f"{name}.py").read_text()
    }
    assert found == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_every_named_experiment_can_be_made_small(name: str) -> None:
    small, notes = override(find_experiment(name), SMALL)
    assert (small.epochs, small.data.train_examples) == (1, 512)
    assert len(notes) == (name in ("keras_io", "sdae"))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("given", OVERRIDES, ids=str)
def test_an_override_works_or_a_flag_is_named(name: str, given: dict[str, Any]) -> None:
    refusal = ""
    try:
        changed, notes = override(find_experiment(name), given)
    except UsageError as error:
        refusal = str(error)
    if refusal:
        assert "--" in refusal
        assert "\n" not in refusal
        return
    assert replace(changed, given) == changed
    assert all(" instead of " in note or "without a range" in note for note in notes)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("network", NETWORKS)
def test_every_named_experiment_takes_every_network(name: str, network: str) -> None:
    if (name, network) == ("packed_pages", "gan"):
        with pytest.raises(UsageError, match="change --model"):
            override(find_experiment(name), {"model.network": network})
        return
    changed, _ = override(find_experiment(name), {"model.network": network})
    assert changed.model.network == network


@pytest.mark.parametrize("name", NAMES)
def test_what_is_possible_is_replaced_and_nothing_else(name: str) -> None:
    experiment = find_experiment(name)
    assert override(experiment, {}) == (experiment, ())
    assert override(experiment, {"seed": 7}) == (replace(experiment, {"seed": 7}), ())


@pytest.mark.parametrize(
    ("name", "given", "expected", "note"),
    [
        ("keras_io", {"epochs": 1}, {"clean_epochs": 0}, "clean_epochs 0 instead of 50"),
        ("keras_io", {"epochs": 30}, {"clean_epochs": 10}, "since epochs is 30"),
        ("keras_io", {"epochs": 60}, {"clean_epochs": 50}, ""),
        ("sdae", {"epochs": 3}, {"greedy_epochs": 0}, "greedy_epochs 0 instead of 1"),
        ("blind", {"noise.level": 0.2, "noise.level_max": None}, {"level_power": 0.0}, "0 instead"),
        ("blind", {"noise.kind": "none"}, {"model.condition": "none"}, "since noise is none"),
        ("keras_2018", {"noise.kind": "masking"}, {"noise.mean": 0.0}, "noise_mean 0 instead"),
        ("raschka_upsample", {"model.decoder": "transpose"}, {"model.order": "conv_resize"}, ""),
        ("adversarial", {"model.network": "mlp"}, {"adversary.weight": 0.0}, "since model is mlp"),
        ("net_sure_sure", {"model.network": "gan"}, {"loss": "bce"}, "since model is gan"),
    ],
)
def test_dependent_fields_change_where_they_must(
    name: str, given: dict[str, Any], expected: dict[str, Any], note: str
) -> None:
    changed, notes = override(find_experiment(name), given)
    assert replace(changed, expected) == changed
    assert note in " ".join(notes)


def test_a_given_field_never_changes() -> None:
    with pytest.raises(UsageError, match="clean_epochs"):
        override(find_experiment("keras_io"), {"epochs": 10, "clean_epochs": 50})
    with pytest.raises(UsageError, match="change --noise, or give --loss"):
        override(find_experiment("net_sure_sure"), {"noise.kind": "none"})


def test_a_trained_network_does_not_adapt() -> None:
    with pytest.raises(UsageError, match=r"level_power.*change --noise_level"):
        override(
            find_experiment("blind"), {"noise.level": 0.2, "noise.level_max": None}, adapt=False
        )


def test_the_level_is_checked_with_the_noise_of_the_experiment() -> None:
    with pytest.raises(UsageError, match="--noise_level does not count with --noise=none"):
        override(find_experiment("mlp_basic"), {"noise.level": 0.2})
    given = {"noise.level": 0.2, "noise.kind": "gaussian"}
    changed, _ = override(find_experiment("mlp_basic"), given)
    assert changed.noise == NoiseConfig(level=0.2)


def test_a_gan_keeps_its_own_settings() -> None:
    gan = find_experiment("gan")
    assert override(gan, {"model.network": "gan"}) == (gan, ())
    made, notes = override(Experiment(), {"model.network": "gan", "optimizer.b1": 0.5})
    assert (made.optimizer.b1, made.optimizer.b2, made.model.hidden) == (0.5, 0.99, (1024,))
    assert notes == ()


def test_a_misspelt_field_is_answered_with_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"did you mean 'noise\.level'"):
        override(Experiment(), {"noise.levl": 0.2})


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({}, "upsample-notmnist"),
        ({"noise.kind": "masking", "noise.level": 0.25, "seed": 1}, "@-masking0.25-seed1"),
        ({"noise.level": 0.2, "noise.level_max": 0.6}, "@-gaussian0.2to0.6"),
        ({"noise.kind": "none"}, "@-nonoise"),
        ({"noise.fresh": False}, "@-nonoise_fresh"),
        ({"epochs": 10}, "@-epochs10"),
        ({"loss": "mse", "model.encoder_features": (4, 4)}, "@-encoder_features4x4-mse"),
        ({"data.dataset": "notmnist/small"}, "@-small"),
        ({"data.dataset": "mnist", "model.decoder": "transpose"}, "transpose-mnist"),
        ({"model.network": "gan", "seed": 2}, "gan-upsample-notmnist-seed2"),
        ({"model.network": "mlp"}, "mlp-notmnist"),
    ],
)
def test_a_run_is_named_after_what_was_changed(given: dict[str, Any], name: str) -> None:
    experiment, _ = override(Experiment(), given)
    assert run_name(experiment, Experiment()) == name.replace("@", "upsample-notmnist")


def test_a_changed_named_experiment_has_a_name_of_its_own() -> None:
    named = replace(Experiment(), {"name": "debug", "epochs": 3})
    assert run_name(named, named) == "debug"
    assert run_name(replace(named, {"model.decoder": "transpose"}), named) == "debug-transpose"


def test_any_two_experiments_have_two_names() -> None:
    folders = [f"folder:/{where}/letters" for where in "ab"]
    long = {"model.encoder_features": (8,) * 9, "model.decoder_features": (8,) * 9}
    variants: list[dict[str, Any]] = [
        {},
        *({"data.dataset": name} for name in (*folders, "npz:/a/letters.npz", "notmnist/large")),
        *({"data.dataset": folders[0], "seed": seed} for seed in (1, 2)),
        *({"model.encoder_features": widths} for widths in ((44, 4), (4, 44))),
        *({**long, "seed": seed} for seed in (1, 2)),
        *({"noise.level": level} for level in (0.25, 0.2500001)),
        *({"optimizer.b1": b1} for b1 in (0.1, 0.11)),
    ]
    names = [run_name(replace(Experiment(), each), Experiment()) for each in variants]
    assert len(set(names)) == len(names)
    assert max(map(len, names)) < 90
    assert all(re.fullmatch(r"[\w.+-]+", name) for name in names)
