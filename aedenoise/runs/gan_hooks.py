"""Training hooks of a GAN: evaluation, logging, figures and results."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from aedenoise.config.options import RunOptions
from aedenoise.reporting.figures import contact_sheet, strip
from aedenoise.reporting.flat import flat
from aedenoise.runs.gan import SHOWN_COLUMNS, SHOWN_ROWS, GanWorkload, Made
from aedenoise.runs.hooks import TrainingHooks, say
from aedenoise.runs.records import dataset_record, environment, training_record
from aedenoise.runtime.distributed import is_first_process
from aedenoise.training.gan import GanState
from aedenoise.training.task import Params, parameter_count

# Recall below which the images are reported as collapsed to a few modes.
_COLLAPSED = 0.1
_NUMBERS = ("frechet", "precision", "recall", "sure", "least_class")


class GanHooks(TrainingHooks):
    """Training hooks of a GAN, see ``TrainingHooks``.

    Attributes:
      made: generated images of the last step; None before.
    """

    measure = "frechet"
    # A lambda, since ``say_gan`` is defined below.
    show = staticmethod(lambda results: say_gan(results))

    def __init__(self, workload: GanWorkload, *outside: Any) -> None:
        super().__init__(*outside)
        self._workload = workload
        # Before the first step: a signal during the classifier's training then has nothing to save.
        workload.prepare()
        self.made: Made | None = None

    def _is_better(self, score: float | None, best: float | None) -> bool:
        # The smaller Frechet distance wins, unlike PSNR in the base class.
        return score is None or best is None or score < best

    def _evaluated(self, step: int, state: GanState) -> float | None:
        # The moving average of the parameters makes better images than the last parameters do.
        made = self._workload.evaluate(state.average, self._signalled)
        if step == self._plan.total_steps:
            self.made = made
        values = {f"eval/{name}": made.scores[name] for name in _NUMBERS if name in made.scores}
        self._write(step, values)
        if self._log is not None:
            if step == self._plan.total_steps:
                self._log.write_settings(step, flat(self._config["experiment"]), values)
            self._log.write_image(step, "made", strip(*_image_rows(made.images)))
        epoch = step // self._plan.steps_per_epoch
        say(f"epoch {epoch}/{self._plan.epochs}: {scores_line(made.scores)}")
        collapse = collapsed(made.scores)
        if collapse:
            say(f"mode collapse: {collapse}")
        return made.scores.get("frechet")

    def finish(self, state: GanState, options: RunOptions) -> dict[str, Any]:
        workload = self._workload
        made = self.made or workload.evaluate(state.average)
        neighbours, distances = workload.neighbours(made.images)
        results = {
            **gan_record(workload, state.average, options.baselines, made, distances),
            "train": training_record(workload, self._clock, self._last_loss()),
            "best": dict(self.best),
            "parameters": parameter_count(state.params),
        }
        if is_first_process():
            self._draw(state, made.images, neighbours)
        say_gan(results)
        return results

    def _draw(self, state: GanState, images: np.ndarray, neighbours: np.ndarray) -> None:
        title = f"{self._workload.experiment.label}: {self._workload.dataset.name}"
        # Another seed than the evaluation's, so that this figure shows other images.
        ends = self._workload.latents(2 * SHOWN_ROWS, seed=1)
        between = np.concatenate(
            [
                between_latents(a, b, SHOWN_COLUMNS)
                for a, b in zip(ends[::2], ends[1::2], strict=True)
            ]
        )
        walk = self._workload.generate(state.average, between)
        for name, rows, names, what in (
            ("made", _image_rows(images), [], "generated images"),
            ("between", _image_rows(walk), [], "interpolation between latents"),
            (
                "nearest",
                [images[:SHOWN_COLUMNS], neighbours],
                ["generated", "nearest training image"],
                "memorisation check",
            ),
        ):
            contact_sheet(
                self._workdir.figures / f"{name}.png",
                rows=[np.round(np.clip(row, 0.0, 1.0) * 255).astype(np.uint8) for row in rows],
                names=names or [""] * len(rows),
                title=f"{title}, {what}",
            )


def gan_record(
    workload: GanWorkload,
    average: Params,
    yardsticks: bool,
    made: Made | None = None,
    distances: Mapping[str, float] | None = None,
) -> dict[str, Any]:
    """Builds the entries of a GAN that ``results.json`` and ``eval.json`` share.

    Args:
      workload: a GAN and its data.
      average: the generator's parameters, averaged over steps.
      yardsticks: whether to score the baselines too.
      made: generated images; None: computed here.
      distances: distances to training images, see ``neighbours``; None: computed here.
    """
    made = made or workload.evaluate(average)
    return {
        "experiment": workload.experiment.label,
        "dataset": dataset_record(workload),
        "made": made.scores,
        "collapse": collapsed(made.scores),
        "yardsticks": workload.yardsticks() if yardsticks else {},
        "nearest": dict(distances or workload.neighbours(made.images)[1]),
        "artifacts": workload.grid(average, made.images),
        "environment": environment(),
    }


def say_gan(results: Mapping[str, Any]) -> None:
    """Prints the results of a GAN."""
    say(scores_line(results["made"]))
    for name, scores in results["yardsticks"].items():
        say(f"{name.replace('_', ' ')}: {scores_line(scores)}")
    if results["collapse"]:
        say(f"mode collapse: {results['collapse']}")
    nearest = results["nearest"]
    say(
        f"median distance to the nearest training image: {nearest['made']:.2f} generated, "
        f"{nearest['test']:.2f} test"
    )
    made, test = results["artifacts"]["made"], results["artifacts"]["test"]
    constant = results["artifacts"]["constant"]
    say(
        "checkerboards, period 2 and 4 pixels (0: none): images "
        f"{made['excess_2']:+.1%}, {made['excess_4']:+.1%} power over neighbouring frequencies "
        f"(test images {test['excess_2']:+.1%}, {test['excess_4']:+.1%}); response to a constant "
        f"code {constant['spread_2']:.4f}, {constant['spread_4']:.4f} deviation between pixel "
        "positions"
    )


def scores_line(scores: Mapping[str, Any]) -> str:
    """Formats the scores of images as one line."""
    if not scores:
        return "images generated, without scores (the dataset has no usable labels)"
    words = [f"{scores['count']:,} images: "] if "count" in scores else [""]
    words[0] += f"Frechet distance {scores['frechet']:.2f}"
    if "precision" in scores:
        words.append(f"precision {scores['precision']:.3f}, recall {scores['recall']:.3f}")
    words.append(f"{scores['sure']:.1%} classified with confidence")
    if "least_class" in scores:
        words.append(f"rarest class {scores['least_class']:.1%}")
    return ", ".join(words)


def collapsed(scores: Mapping[str, Any]) -> str:
    """Describes mode collapse in words; returns an empty string if there is none."""
    if not scores:
        return ""
    words = []
    if scores["lost_classes"]:
        lost = scores["lost_classes"]
        words.append(f"almost no images of class {', '.join(lost[:10])}")
    # Lost classes show collapse between classes, low recall also collapse within them.
    if scores["recall"] < _COLLAPSED:
        words.append(f"only {scores['recall']:.1%} of the test images are near a generated one")
    return "; ".join(words)


def between_latents(a: np.ndarray, b: np.ndarray, steps: int) -> np.ndarray:
    """Interpolates spherically from ``a[L]`` to ``b[L]``: ``[steps, L]`` (Shoemake 1985).

    Normal vectors concentrate near a sphere, which a straight line would leave.
    """
    cosine = float(np.dot(a, b) / (np.linalg.norm(a) * np.linalg.norm(b)))
    angle = np.arccos(np.clip(cosine, -1.0, 1.0))
    t = np.linspace(0.0, 1.0, steps, dtype=np.float32)[:, None]
    # Parallel vectors define no unique arc, and the formula would divide by zero.
    if np.sin(angle) < 1e-6:
        line: np.ndarray = (1.0 - t) * a + t * b
        return line
    arc: np.ndarray = (np.sin((1.0 - t) * angle) * a + np.sin(t * angle) * b) / np.sin(angle)
    return arc.astype(np.float32)


def _image_rows(images: np.ndarray) -> list[np.ndarray]:
    """Arranges the first images ``[N, H, W, C]`` in complete rows, at least one."""
    columns = min(SHOWN_COLUMNS, len(images))
    count = min(SHOWN_ROWS, len(images) // columns)
    return list(images[: count * columns].reshape(count, columns, *images.shape[1:]))
