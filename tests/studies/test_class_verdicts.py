"""Verdicts on denoised images: counts worked out by hand, their report and their figure."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import Command
from jax import Array
from PIL import Image

from aedenoise.data.splits import calibration_parts
from aedenoise.evaluation.classifier import Trained, TrainedClassifier
from aedenoise.metrics.label_flips import LabelFlips
from aedenoise.reporting.class_map_figures import MapExample, maps_figure
from aedenoise.studies.hallucination.class_verdicts import judge_classes
from aedenoise.studies.hallucination.report import flips_table, markdown
from aedenoise.studies.hallucination.verdict_report import verdict_rows, verdict_sentences


class Corner(nn.Module):
    """Reads class b where the first pixel is above 0.5."""

    @nn.compact
    def __call__(self, image: Array) -> Array:
        slope = self.param("slope", nn.initializers.ones, (1,))
        margin = slope * (image[:, 0, 0, 0] - 0.5)
        return jnp.stack([-margin, margin], axis=1)


CORNER = TrainedClassifier(
    Corner(), {"slope": np.ones(1, np.float32)}, Trained(1, 1.0, 1, 1), ("a", "b")
)


class Denoised:
    """Stands for a workload and its network: every third image becomes an a of 0.4, which its
    interval of 0.2 leaves; the others are a b of 0.9, which it does not."""

    def __init__(self, count: int, flipped: bool = True) -> None:
        images = np.random.default_rng(0).integers(0, 256, (count, 4, 4, 1), np.uint8)
        images[:, 0, 0] = 230
        self.dataset = SimpleNamespace(test=SimpleNamespace(images=images))
        self.image_shape = (4, 4, 1)
        self.params: dict[str, Any] = {}
        self._denoised = (images / 255.0).astype(np.float32)
        self._clean = self._denoised.copy()
        self.changed = (np.arange(count) % 3 == 0) & flipped
        self._denoised[self.changed, 0, 0] = 0.4

    def examples(self, params: Any, rows: np.ndarray) -> tuple[np.ndarray, ...]:
        return self._clean[rows], self._clean[rows], self._denoised[rows]

    def half_width(self, noisy: np.ndarray, denoised: np.ndarray) -> np.ndarray:
        width = np.full_like(denoised, 0.2)
        width[:, 3, 3] = 0.3
        return width

    @property
    def flips(self) -> LabelFlips:
        labels = np.ones(len(self.changed), int)
        judged = np.ones(len(labels), bool)
        judged[1] = False
        became = np.where(self.changed, 0, 1)
        return LabelFlips(labels, judged, became, np.where(self.changed, 0.6, 0.95))


def judge(case: Any) -> tuple[dict[str, Any], MapExample]:
    found = judge_classes(case, case, CORNER, case.flips)
    assert found is not None
    return found


def test_a_verdict_by_hand() -> None:
    case = Denoised(120)
    record, example = judge(case)
    measured = calibration_parts(case.dataset.test.images) == 0
    same = ~case.changed & case.flips.judged
    flipped, others = int(np.sum(case.changed & measured)), int(np.sum(same & measured))
    assert (record["flipped"], record["others"]) == (flipped, others)
    assert record["calibrated_on"] == int(np.sum(case.changed & ~measured)) >= 9
    # The margin is zero at half of the interval, found up to 14 %.
    assert 0.5 <= record["share"] <= 0.57
    counts = {"flipped": flipped, "true_class": flipped, "others": 0}
    assert record["within_share"] == record["within_all"] == counts
    assert record["probability"] == 0.6
    assert record["by_probability"] == {"flipped": flipped, "others": 0}
    # One pixel in 16: the first has the class, the last the widest interval.
    assert record["restored"] == {"pixels": 1, "map": flipped, "half_width": 0}
    # Of each flipped image one pixel in 16 lies outside.
    assert record["coverage"] == pytest.approx(1.0 - flipped / 16 / (flipped + others))
    assert example.images.shape == (10, 4, 4, 4, 1)
    assert list(example.titles) == ["b \N{RIGHTWARDS ARROW} a"] * 6 + ["b"] * 4
    assert list(example.verdicts) == ["may show b"] * 6 + ["rival a"] * 4
    assert np.all(example.maps[:6, 0, 0] == 1.0)
    np.testing.assert_allclose(example.maps[6:, 0, 0], 0.2 / (230 / 255 - 0.5), rtol=1e-4)
    assert not example.maps[:, 1:].any()


def test_without_flips_the_verdict_takes_whole_intervals() -> None:
    record, example = judge(Denoised(30, flipped=False))
    assert (record["flipped"], record["calibrated_on"]) == (0, 0)
    assert (record["share"], record["probability"]) == (1.0, 1.0)
    assert record["by_probability"]["others"] == record["others"] > 0
    assert record["restored"] == {"pixels": 1, "map": 0, "half_width": 0}
    assert len(example.titles) == 4
    place = {"name": "n", "dataset": "d", "noise": "gaussian 0.4"}
    assert [row[4] for row in verdict_rows([{**place, **record}])] == ["none"] * 3


def test_nothing_is_measured_where_every_image_calibrates() -> None:
    case = Denoised(40)
    calibrating = calibration_parts(case.dataset.test.images) != 0
    flips = case.flips
    left = LabelFlips(flips.labels, calibrating, flips.became, flips.probability)
    assert judge_classes(case, case, CORNER, left) is None


def test_a_report_by_hand() -> None:
    record = {
        "name": "upsample",
        "dataset": "mnist",
        "noise": "gaussian 0.4",
        "level": 0.4,
        "flipped": 10,
        "others": 1000,
        "calibrated_on": 12,
        "coverage": 0.9,
        "share": 0.25,
        "within_share": {"flipped": 9, "true_class": 8, "others": 50},
        "within_all": {"flipped": 10, "true_class": 9, "others": 900},
        "probability": 0.99,
        "by_probability": {"flipped": 9, "others": 40},
        "restored": {"pixels": 16, "map": 6, "half_width": 4},
    }
    rows = [[cell.split(" [")[0] for cell in row[3:]] for row in verdict_rows([record])]
    assert rows == [
        ["another class within 0.25 of the intervals", "90.0 %", "80.0 %", "5.0 %"],
        ["another class within the intervals", "100.0 %", "90.0 %", "90.0 %"],
        ["probability at most 0.9900", "90.0 %", "", "4.0 %"],
    ]
    (line,) = verdict_sentences([record])
    assert "10 flipped and 1,000 other test images" in line
    assert "16 pixels of the original undo 60.0 %" in line
    found = {"confident_above": 0.9, "classifiers": {}, "results": [], "differences": []}
    for write in (flips_table, markdown):
        assert line in write({**found, "class_maps": [record]})
        assert "flipped" not in write({**found, "class_maps": []}).replace("flips", "")
        assert write(found) == write({**found, "class_maps": []})


@pytest.mark.parametrize("channels", [1, 3])
def test_the_figure_has_a_band_for_each_network(tmp_path: Path, channels: int) -> None:
    rng = np.random.default_rng(0)
    example = MapExample(
        rng.random((3, 4, 8, 8, channels)), rng.random((3, 8, 8)), "abc", ["rival b"] * 3
    )
    sizes = []
    for count in (0, 1, 2):
        maps_figure(tmp_path / "maps.png", {f"network {n}": example for n in range(count)})
        with Image.open(tmp_path / "maps.png") as picture:
            sizes.append(picture.size)
    assert sizes[0] < sizes[1]
    assert sizes[2][1] > 1.7 * sizes[1][1]


@pytest.mark.slow
@pytest.mark.end_to_end
def test_the_command_calibrates_and_maps(command: Command, tmp_path: Path) -> None:
    small = ("--encoder_features=4,4", "--decoder_features=4,4", "--batch_size=32", "--epochs=1")
    flags = ("--dataset=notmnist", *small, "--train_examples=300", "--decoders=upsample")
    few = command("hallucination", *flags, "--test_examples=20", "--workdir=few", cwd=tmp_path)
    assert few.returncode == 0, few.stderr
    assert "no maps of classes for upsample: 20 test images are too few" in few.stdout
    assert json.loads((tmp_path / "few" / "invented.json").read_text())["class_maps"] == []
    done = command("hallucination", *flags, "--test_examples=400", "--workdir=run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "is not calibrated: calibrating on half of its test images" in done.stdout
    (record,) = json.loads((tmp_path / "run" / "invented.json").read_text())["class_maps"]
    assert record["flipped"] > 0
    assert record["within_share"]["flipped"] <= record["within_all"]["flipped"] <= record["flipped"]
    assert 0.8 < record["coverage"] < 0.98
    assert (tmp_path / "run" / "maps.png").stat().st_size > 5000
    (line,) = verdict_sentences([record])
    assert line in done.stdout
    again = command("hallucination", *flags, "--test_examples=400", "--workdir=run", cwd=tmp_path)
    assert "not calibrated" not in again.stdout
    assert line in again.stdout
