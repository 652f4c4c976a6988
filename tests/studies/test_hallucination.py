"""Hallucination: counts worked out by hand, a small classifier, and the whole mode."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import ROOT, Command
from helpers import digest, letters, small

from aedenoise.config.options import RunOptions
from aedenoise.data.reading import Dataset, Split
from aedenoise.errors import CheckpointError, DataError, UsageError
from aedenoise.evaluation import classifier
from aedenoise.evaluation.classifier import Trained, TrainedClassifier, class_names, load_classifier
from aedenoise.metrics.label_flips import find_label_flips
from aedenoise.metrics.statistics import paired_shares, wilson_interval
from aedenoise.models import build_classifier
from aedenoise.runtime.preemption import StopSignals
from aedenoise.studies.hallucination import hallucination
from aedenoise.studies.hallucination.hallucination import measure_hallucination
from aedenoise.studies.hallucination.networks import networks_of_decoders, networks_of_runs
from aedenoise.studies.hallucination.report import (
    NOISY,
    Outcome,
    flips_table,
    found_record,
    markdown,
)
from aedenoise.training.classification import bilinear, cross_entropy, distorted
from aedenoise.training.params_file import packed, unpacked

RESULTS = ROOT / "experiments" / "results" / "invent"


def certain(classes: list[int], probability: float = 0.98) -> np.ndarray:
    """Probabilities ``[N, 3]``, with ``probability`` for each of ``classes``."""
    rest = (1.0 - probability) / 2
    return np.where(np.eye(3, dtype=bool)[classes], probability, rest)


def test_changes_are_counted_where_the_clean_image_was_right() -> None:
    labels = np.array([0, 0, 1, 1, 2, 2])
    before = certain([0, 0, 1, 1, 2, 0])  # the last is wrong already
    after = certain([0, 1, 1, 0, 0, 1])
    after[1] = [0.3, 0.6, 0.1]
    after[3] = [0.95, 0.03, 0.02]
    flips = find_label_flips(labels, before, after)
    assert flips.judged.tolist() == [True] * 5 + [False]
    assert flips.flipped.tolist() == [False, True, False, True, True, False]
    assert flips.confident.tolist() == [False, False, False, True, True, False]
    assert flips.most_confident(2).tolist() == [4, 3]
    assert flips.most_confident(9).tolist() == [4, 3, 1]
    assert flips.confusions() == [(0, 1, 1), (1, 0, 1), (2, 0, 1)]


def test_the_most_frequent_confusion_comes_first() -> None:
    labels = np.array([0, 1, 1, 2])
    flips = find_label_flips(labels, certain([0, 1, 1, 2]), certain([2, 0, 0, 2]))
    assert flips.confusions() == [(1, 0, 2), (0, 2, 1)]
    with pytest.raises(ValueError, match="do not match"):
        find_label_flips(labels[:3], certain([0, 1, 1, 2]), certain([0, 1, 1, 2]))


@pytest.mark.parametrize(
    ("count", "of", "low", "high"),
    # (p + z^2 / 2n -+ z sqrt(p (1 - p) / n + z^2 / 4n^2)) / (1 + z^2 / n), z = 1.959964
    [(0, 10, 0.0, 0.27753), (5, 10, 0.23659, 0.76341), (10, 10, 0.72247, 1.0)],
)
def test_wilson(count: int, of: int, low: float, high: float) -> None:
    assert wilson_interval(count, of) == pytest.approx((low, high), abs=1e-5)


def test_paired_shares() -> None:
    first = np.array([True] * 3 + [False] * 97)
    second = np.array([True] * 2 + [False] * 2 + [True] * 6 + [False] * 90)
    pairs = paired_shares(first, second)
    assert (pairs.only_first, pairs.only_second) == (1, 6)
    assert pairs.difference == pytest.approx(0.05)
    assert pairs.p == pytest.approx(2 * (1 + 7) / 2**7)
    # The standard error is sqrt(0.07 - 0.05**2) / 10 = 0.026.
    assert pairs.low == pytest.approx(0.05 - 1.96 * 0.026, abs=0.012)
    assert pairs.high == pytest.approx(0.05 + 1.96 * 0.026, abs=0.012)
    alike = paired_shares(first, first)
    assert (alike.difference, alike.low, alike.high, alike.p) == (0.0, 0.0, 0.0, 1.0)


def test_bilinear_by_hand() -> None:
    image = jnp.array([[0.0, 1.0], [2.0, 4.0]])[..., None]
    row = jnp.array([0.0, 1.0, 0.5, 1.5, -1.0, 9.0])
    column = jnp.array([1.0, 0.5, 0.5, 1.0, 0.0, 9.0])
    assert bilinear(image, row, column)[:, 0].tolist() == [1.0, 3.0, 1.75, 2.0, 0.0, 0.0]


@pytest.mark.slow
def test_distorted_letters_are_letters_still() -> None:
    images = jnp.asarray(letters(8), jnp.float32) / 255.0
    keys = jax.random.split(jax.random.key(0), 8)
    found = jax.jit(jax.vmap(distorted))(keys, images)
    assert found.shape == images.shape
    assert float(found.min()) >= 0.0
    assert float(found.max()) <= 1.0
    for before, after in zip(np.asarray(images), np.asarray(found), strict=True):
        assert np.corrcoef(before.ravel(), after.ravel())[0, 1] > 0.3
        assert not np.array_equal(before, after)


def test_cross_entropy_by_hand() -> None:
    logits = jnp.array([[0.0, 0.0], [math.log(3.0), 0.0]])
    found = cross_entropy(logits, jnp.array([1, 0]))
    assert found.tolist() == pytest.approx([math.log(2.0), math.log(4.0 / 3.0)])


@pytest.mark.parametrize(
    ("shape", "stages", "sides"),
    [((28, 28, 1), 2, (7, 7)), ((30, 17, 3), 2, (8, 5)), ((64, 40, 1), 3, (8, 5))],
)
def test_the_classifier_takes_any_size(
    shape: tuple[int, int, int], stages: int, sides: tuple[int, int]
) -> None:
    model = build_classifier(shape, 7)
    images = jax.ShapeDtypeStruct((3, *shape), jnp.float32)
    variables = jax.eval_shape(model.init, jax.random.key(1), images)
    assert len(variables["params"]["encoder"]) == stages
    assert variables["params"]["hidden"]["kernel"].shape[0] == 32 * sides[0] * sides[1]
    assert jax.eval_shape(model.apply, variables, images).shape == (3, 7)


def test_logits_are_linear_in_features() -> None:
    model = build_classifier((10, 13, 1), 7)
    images = jax.random.uniform(jax.random.key(0), (3, 10, 13, 1))

    @jax.jit
    def computed(key: jax.Array, images: jax.Array) -> tuple[jax.Array, jax.Array, dict]:
        variables = model.init(key, images)
        features = model.apply(variables, images, method="features")
        return model.apply(variables, images), features, variables["params"]

    logits, features, params = jax.device_get(computed(jax.random.key(1), images))
    assert features.min() >= 0.0
    found = features @ params["out"]["kernel"] + params["out"]["bias"]
    np.testing.assert_allclose(found, logits, atol=1e-5)
    assert digest(unpacked(packed(params))) == digest(params)


def labelled(count: int, labels: np.ndarray | None = None) -> Dataset:
    """Makes white squares in one of three places, ``count`` for training and 30 for testing."""
    wanted = np.arange(count + 30) % 3 if labels is None else labels
    images = np.zeros((count + 30, 28, 28, 1), np.uint8)
    for image, place in zip(images, np.arange(count + 30) % 3, strict=True):
        image[9 * place + 1 : 9 * place + 8, 9 * place + 1 : 9 * place + 8] = 255
    train, test = Split(images[:-30], wanted[:-30]), Split(images[-30:], wanted[-30:])
    return Dataset("squares", train, test, (), "0" * 64, {})


@pytest.mark.slow
def test_a_classifier_is_trained_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    said: list[str] = []
    dataset = labelled(90)
    first = load_classifier(dataset, lowering="plain", notify=said.append)
    assert said == ["training a classifier of squares, once per dataset"]
    assert (first.trained.correct, first.trained.tested, first.trained.steps) == (30, 30, 20)
    assert first.names == ("0", "1", "2")
    clean = dataset.test.images.astype(np.float32) / 255.0
    assert first.probabilities(clean).sum(axis=1) == pytest.approx(1.0, abs=1e-5)
    assert first.features(clean).shape == (30, 128)

    kept = load_classifier(dataset, lowering="plain", notify=said.append)
    assert len(said) == 1
    assert kept.trained == first.trained
    assert digest(kept.params) == digest(first.params)

    (file,) = (tmp_path / "aedenoise" / "classifiers").glob("*.npz")
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    again = load_classifier(dataset, lowering="plain", notify=said.append)
    assert len(said) == 2
    assert digest(again.params) == digest(first.params)

    def refuse(line: str) -> None:
        raise AssertionError(line)

    load_classifier(dataset, lowering="plain", notify=refuse)
    monkeypatch.setattr(classifier, "VERSION", classifier.VERSION + 1)
    with pytest.raises(AssertionError, match="training a classifier"):
        load_classifier(dataset, lowering="plain", notify=refuse)


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (np.zeros(60, np.int64), "labels of fewer than two classes"),
        (np.arange(60) % 3 - 1, "from -1 to 1"),
        (np.arange(60) % 2 * 10**9, "from 0 to 1000000000"),
    ],
)
def test_labels_that_are_no_classes(labels: np.ndarray, words: str) -> None:
    with pytest.raises(DataError, match=words):
        class_names(labelled(30, labels))


def test_a_record_by_hand() -> None:
    labels = np.array([0, 0, 1, 1, 2, 2])
    clean = certain([0, 0, 1, 1, 2, 0])
    place = {"dataset": "squares", "noise": "gaussian 0.3", "level": 0.3}
    said = {
        "noisy input": certain([1, 1, 1, 1, 2, 2], 0.5),
        "upsample": certain([0, 1, 1, 1, 2, 2]),
        "transpose k3": certain([0, 0, 2, 2, 1, 2]),
    }
    tested = [
        Outcome(
            name, None if name == NOISY else 7, 20.0, find_label_flips(labels, clean, now), place
        )
        for name, now in said.items()
    ]
    model = build_classifier((8, 8, 1), 3)
    classifier = TrainedClassifier(model, {}, Trained(7, 1.0, 5, 6), ("a", "b", "c"))
    found = found_record(tested, {"squares": classifier})
    assert found["classifiers"]["squares"]["accuracy"] == pytest.approx(5 / 6)
    assert [result["images"] for result in found["results"]] == [5, 5, 5]
    assert [result["changed"] for result in found["results"]] == [2, 1, 3]
    assert [result["confident"] for result in found["results"]] == [0, 1, 3]
    assert found["results"][2]["confusions"] == {"b -> c": 2, "c -> b": 1}
    (difference,) = found["differences"]
    assert (difference["first"], difference["second"]) == ("upsample", "transpose k3")
    assert (difference["only_first"], difference["only_second"]) == (1, 3)
    assert difference["difference"] == pytest.approx(0.4)
    assert "| transpose k3 | squares | gaussian 0.3 | 20.00 | 60.00 % [" in markdown(found)
    assert "83.33 % of 6 test images right" in flips_table(found)


@pytest.mark.slow
def test_the_mode(data_dir: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "own"
    options = RunOptions(workdir=folder, data_dir=data_dir)
    networks = networks_of_decoders(small(epochs=1), ["transpose:k2"], [0.3], folder)
    found = measure_hallucination(networks, options, StopSignals())
    assert found is not None
    assert json.loads((folder / "invented.json").read_text()) == found
    for figure in ("invented.png", "maps.png", "shares.png"):
        assert (folder / figure).stat().st_size > 5000
    classifier = found["classifiers"]["notmnist/open"]
    low, high = classifier["interval"]
    assert 0.5 < low < classifier["accuracy"] < high <= 1.0
    assert [result["name"] for result in found["results"]] == ["noisy input", "transpose k2"]
    for result in found["results"]:
        assert result["images"] == classifier["correct"]
        assert sum(result["confusions"].values()) == result["changed"]
        assert result["interval"][0] <= result["share"] <= result["interval"][1]

    # The same network as finished runs, also on noise that it has not seen.
    run = folder / "transpose-k2-gaussian-0.3"
    shutil.copytree(run, tmp_path / "copy")
    # The first call has calibrated the run, so that the gallery shows half-widths.
    shown = []
    monkeypatch.setattr(hallucination, "gallery_figure", lambda _, rows: shown.extend(rows))
    runs = networks_of_runs([run, tmp_path / "copy"], [0.3, 0.6])
    options = RunOptions(workdir=tmp_path / "runs", data_dir=data_dir)
    tried = measure_hallucination(runs, options, StopSignals())
    assert tried is not None
    noisy, _, *results = tried["results"]
    assert noisy == found["results"][0]
    assert [result["noise"] for result in results] == ["gaussian 0.3", "gaussian 0.6"] * 2
    assert results[0] | {"name": ""} == found["results"][1] | {"name": ""}
    assert results[2] | {"name": ""} == found["results"][1] | {"name": ""}
    assert [(d["only_first"], d["only_second"]) for d in tried["differences"]] == [(0, 0)] * 2
    kinds = {row.name.split("\n")[0]: row.images.shape[1] for row in shown}
    assert kinds == {run.name: 4, "copy": 4}
    verdicts = [{**each, "name": ""} for each in tried["class_maps"]]
    assert verdicts[:2] == verdicts[2:]
    assert verdicts[0] == {**found["class_maps"][0], "name": ""}


def test_networks_that_cannot_be_tested(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="each decoder once"):
        networks_of_decoders(small(), ["upsample", "upsample"], [], tmp_path)
    with pytest.raises(UsageError, match="each level once"):
        networks_of_decoders(small(noise__kind="masking:0.2"), ["upsample"], [0.1, 0.3], tmp_path)
    with pytest.raises(CheckpointError, match="no config"):
        networks_of_runs([tmp_path], [])
    with pytest.raises(UsageError, match="each run once"):
        networks_of_runs([tmp_path, tmp_path], [])


@pytest.mark.end_to_end
def test_data_without_labels_are_refused_before_anything_is_trained(
    command: Command, tmp_path: Path
) -> None:
    np.savez(tmp_path / "plain.npz", images=letters(60)[..., 0])
    done = command(
        "--mode=invent", f"--dataset=npz:{tmp_path}/plain.npz", f"--workdir={tmp_path}/run"
    )
    assert done.returncode == 3
    assert "labels of fewer than two classes" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("path", sorted(RESULTS.glob("*.json")), ids=lambda path: path.stem)
def test_committed_tables_come_from_the_counts(path: Path) -> None:
    found = json.loads(path.read_text(encoding="utf-8"))
    assert path.with_suffix(".md").read_text(encoding="utf-8") == markdown(found)
