"""Verdicts on denoised test images: which may show another class, and what the verdicts are worth.

The verdict is calibrated like the intervals: on flips among the test images that calibrate, it is
the smallest share of the intervals that finds 90 % of them. It is measured on the other half.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from aedenoise.data.batch import evenly_spaced
from aedenoise.data.splits import calibration_parts
from aedenoise.evaluation.class_maps import find_other_class, map_classes
from aedenoise.evaluation.classifier import TrainedClassifier
from aedenoise.inference.denoiser import Denoiser
from aedenoise.inference.intervals import Interval
from aedenoise.metrics.conformal import conformal_bound
from aedenoise.metrics.label_flips import LabelFlips
from aedenoise.reporting.class_map_figures import MapExample
from aedenoise.runs.denoising import DenoisingWorkload
from aedenoise.runs.task_workload import EVAL_BATCH

# Share of flips that a verdict shall find.
FOUND = 0.9
# Share of pixels that the check of the maps takes from the original.
_RESTORED = 0.02
# Images of each kind, and their values, for time and memory.
_IMAGES, _VALUES = 1000, 2**22
# Columns of the figure: flipped and other images.
_FLIPPED, _OTHERS = 6, 4


@dataclass(frozen=True)
class Judged:
    """Test images with intervals and what the classifier may read within them.

    Attributes:
      clean, noisy: images, float32 ``[N, H, W, C]`` in [0, 1].
      interval: denoised images with the half-widths of their intervals.
      share, may_show: see ``evaluation.class_maps.OtherClass``.
    """

    clean: np.ndarray
    noisy: np.ndarray
    interval: Interval
    share: np.ndarray
    may_show: np.ndarray


def judge_classes(
    workload: DenoisingWorkload,
    denoiser: Denoiser,
    classifier: TrainedClassifier,
    flips: LabelFlips,
) -> tuple[dict[str, Any], MapExample] | None:
    """Measures how well verdicts and maps tell images whose class denoising changed from others.

    Args:
      workload: data and noise of the test.
      denoiser: calibrated network.
      classifier: classifier of the data.
      flips: label flips of the denoised test images.

    Returns:
      Counts for ``invented.json`` and images for the figure; None if no image is left to measure.
    """
    measured = calibration_parts(workload.dataset.test.images) == 0
    most = max(1, min(_IMAGES, _VALUES // int(np.prod(workload.image_shape))))
    chosen = [
        _some(mask, most)
        for mask in (
            flips.flipped & measured,
            flips.judged & ~flips.flipped & measured,
            flips.flipped & ~measured,
        )
    ]
    if not len(chosen[0]) + len(chosen[1]):
        return None
    rows = np.concatenate(chosen)
    judged = _judge(workload, denoiser, classifier, rows)
    kinds = np.repeat(np.arange(3), [len(each) for each in chosen])
    flipped, others, tuned = (kinds == kind for kind in range(3))
    labels, probability = flips.labels[rows], flips.probability[rows]
    # With too few flips to calibrate on, all intervals and any probability.
    share = min(1.0, conformal_bound(judged.share[tuned], FOUND))
    unsure = min(1.0, conformal_bound(probability[tuned], FOUND))
    true_class = judged.may_show == labels

    def count(found: np.ndarray) -> dict[str, int]:
        return {
            "flipped": int(np.sum(found & flipped)),
            "true_class": int(np.sum(found & flipped & true_class)),
            "others": int(np.sum(found & others)),
        }

    inside = np.abs(judged.clean - judged.interval.denoised) <= judged.interval.half_width
    guessed = count(probability <= unsure)
    del guessed["true_class"]  # a probability names no other class
    record = {
        "flipped": int(flipped.sum()),
        "others": int(others.sum()),
        "calibrated_on": int(tuned.sum()),
        "coverage": float(np.mean(inside[flipped | others])),
        "share": share,
        "within_share": count(judged.share <= share),
        "within_all": count(np.isfinite(judged.share)),
        "probability": unsure,
        "by_probability": guessed,
        "restored": _restored(classifier, judged, np.flatnonzero(flipped), labels),
    }
    # Not the most confident flips, which the gallery has: these are typical.
    shown = np.concatenate([_some(flipped, _FLIPPED), _some(others, _OTHERS)])
    return record, _example(classifier, judged, labels, shown, share)


def _some(mask: np.ndarray, most: int) -> np.ndarray:
    rows = np.flatnonzero(mask)
    return rows[evenly_spaced(len(rows), most)] if len(rows) else rows


def _judge(
    workload: DenoisingWorkload,
    denoiser: Denoiser,
    classifier: TrainedClassifier,
    rows: np.ndarray,
) -> Judged:
    parts = []
    for start in range(0, len(rows), EVAL_BATCH):
        here = rows[start : start + EVAL_BATCH]
        clean, noisy, denoised = workload.examples(denoiser.params, here)
        parts.append((clean, noisy, denoised, denoiser.half_width(noisy, denoised)))
    clean, noisy, *both = (np.concatenate(each) for each in zip(*parts, strict=True))
    interval = Interval(*both)
    found = find_other_class(classifier, interval.denoised, interval.low, interval.high)
    return Judged(clean, noisy, interval, *found)


def _restored(
    classifier: TrainedClassifier, judged: Judged, places: np.ndarray, labels: np.ndarray
) -> dict[str, int]:
    """Counts the flips that are undone by a few pixels of the original.

    The pixels are the brightest of the map; for comparison those of the widest intervals.
    """
    height, width = judged.clean.shape[1:3]
    pixels = max(1, round(_RESTORED * height * width))
    record = {"pixels": pixels, "map": 0, "half_width": 0}
    if not len(places):
        return record
    image, low, high = (
        each[places]
        for each in (judged.interval.denoised, judged.interval.low, judged.interval.high)
    )
    order = {
        "map": map_classes(classifier, image, low, high).change,
        "half_width": judged.interval.half_width[places].sum(axis=-1),
    }
    for name, values in order.items():
        flat = values.reshape(len(places), -1)
        brightest = np.argsort(-flat, axis=1, kind="stable")[:, :pixels]
        mask = np.zeros(flat.shape, bool)
        np.put_along_axis(mask, brightest, True, axis=1)
        mixed = np.where(mask.reshape(values.shape)[..., None], judged.clean[places], image)
        read = classifier.probabilities(mixed).argmax(axis=1)
        record[name] = int(np.sum(read == labels[places]))
    return record


def _example(
    classifier: TrainedClassifier,
    judged: Judged,
    labels: np.ndarray,
    shown: np.ndarray,
    share: float,
) -> MapExample:
    interval = Interval(judged.interval.denoised[shown], judged.interval.half_width[shown])
    maps = map_classes(classifier, interval.denoised, interval.low, interval.high)
    names = classifier.names
    titles, verdicts = [], []
    for place, read, rival in zip(shown, maps.shown, maps.rival, strict=True):
        true = labels[place]
        other = f" \N{RIGHTWARDS ARROW} {names[read]}" if read != true else ""
        titles.append(f"{names[true]}{other}")
        verdicts.append(
            f"may show {names[judged.may_show[place]]}"
            if judged.share[place] <= share
            else f"rival {names[rival]}"
        )
    images = judged.clean[shown], judged.noisy[shown], *interval
    return MapExample(np.stack(images, axis=1), maps.change, titles, verdicts)
