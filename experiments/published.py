"""Tabulates published figures and those measured here.

python -m experiments.published --runs=runs/udacity,runs/udacity-seed1    # next to the committed
python -m experiments.published --runs=... --update                       # commits them

Without ``--update`` the results are written beside the first run.
"""

from __future__ import annotations

import argparse
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from aedenoise.errors import UsageError
from aedenoise.reporting.metrics_log import epoch_means, read_series
from aedenoise.training.workdir import Workdir
from experiments.output import RESULTS, add_update_flag, results_folder, write_results

CURVES = RESULTS / "published.csv"
TABLE = RESULTS / "published.md"
_HEADER = "experiment,seed,epochs,epoch,value"


@dataclass(frozen=True)
class Published:
    """Published values of a training run.

    Attributes:
      source: author and year.
      quantity: the quantity in words.
      name: its name in ``metrics.jsonl``.
      points: published values by epoch.
      digits: decimals in tables.
    """

    source: str
    quantity: str
    name: str
    points: Mapping[int, float]
    digits: int = 4

    @property
    def squared(self) -> bool:
        """Whether values are squared errors, which are shown in dB too."""
        return self.quantity.endswith(" MSE")


# The first epoch of either stage is left out: Keras counts it as a running mean.
_KERAS_IO = {
    2: 0.0718, 3: 0.0695, 5: 0.0673, 10: 0.0655, 20: 0.0639, 50: 0.0626,
    52: 0.0925, 55: 0.0892, 60: 0.0875, 70: 0.0859, 100: 0.0847, 150: 0.0839,
}  # fmt: skip
# Of an image; the notebook prints that of a batch of 20.
_UDACITY = (
    0.977538, 0.690527, 0.640184, 0.613912, 0.595001, 0.582570, 0.572466, 0.564127, 0.556832,
    0.549967, 0.544791, 0.541313, 0.537340, 0.534824, 0.531550, 0.529537, 0.527350, 0.525628,
    0.523231, 0.522199,
)  # fmt: skip
PUBLISHED = {
    "keras_io": Published(
        "keras.io, 2021",
        "training BCE",
        "train/loss",
        _KERAS_IO,
    ),
    "keras_2018": Published(
        "Keras example, 2018 (PR 9058)", "test MSE", "eval/mse", {40: 0.015491}, 5
    ),
    "udacity": Published(
        "Udacity, 2018",
        "training MSE",
        "train/loss",
        {epoch: loss / 20 for epoch, loss in enumerate(_UDACITY, start=1)},
        5,
    ),
    "raschka_upsample": Published(
        "Raschka, 2017",
        "training BCE",
        "train/loss",
        dict(enumerate((0.181, 0.093, 0.087, 0.084, 0.083), start=1)),
    ),
    "raschka_transpose": Published(
        "Raschka, 2017",
        "training BCE",
        "train/loss",
        dict(enumerate((0.232, 0.093, 0.088, 0.086, 0.084), start=1)),
    ),
    "net_sure_mse": Published(
        "Net-SURE, NeurIPS 2018",
        "PSNR (dB, of the mean error)",
        "eval/psnr_of_mean_mse",
        {150: 25.36},
        2,
    ),
    "net_sure_sure": Published(
        "Net-SURE, NeurIPS 2018",
        "PSNR (dB, of the mean error)",
        "eval/psnr_of_mean_mse",
        {150: 25.36},
        2,
    ),
}


@dataclass(frozen=True)
class Run:
    """The curve of one seed: values by epoch, of a run of ``epochs`` epochs."""

    experiment: str
    seed: int
    epochs: int
    values: Mapping[int, float]


def read_run(folder: Path) -> Run:
    """Reads the curve of a run of a published experiment, which may be unfinished."""
    workdir = Workdir(folder)
    experiment = workdir.read_experiment()
    name = PUBLISHED[experiment.name].name
    per_epoch = workdir.read_config()["total_steps"] // experiment.epochs
    if name == "train/loss":
        done = max(read_series(workdir.metrics, name)[0]) // per_epoch
        means = epoch_means(workdir.metrics, name, per_epoch)
        values = {epoch: mean for epoch, mean in means.items() if epoch <= done}
    else:
        steps, found = read_series(workdir.metrics, name)
        values = {step // per_epoch: value for step, value in zip(steps, found, strict=True)}
    return Run(experiment.name, experiment.seed, experiment.epochs, values)


def read_curves() -> list[Run]:
    """Reads the committed curves."""
    return from_csv(CURVES.read_text(encoding="utf-8")) if CURVES.exists() else []


def from_csv(text: str) -> list[Run]:
    """Reads what ``to_csv`` writes."""
    found: dict[tuple[str, int, int], dict[int, float]] = {}
    for line in text.splitlines()[1:]:
        experiment, seed, epochs, epoch, value = line.split(",")
        found.setdefault((experiment, int(seed), int(epochs)), {})[int(epoch)] = float(value)
    return [Run(*run, values) for run, values in found.items()]


def with_runs(committed: Sequence[Run], new: Sequence[Run]) -> list[Run]:
    """Returns the committed runs, with the new ones in place of those of the same seed.

    Raises:
      UsageError: a new run has seen fewer epochs than the committed one.
    """
    before = {(run.experiment, run.seed): run for run in committed}
    for run in new:
        old = before.get((run.experiment, run.seed), run)
        if max(run.values, default=0) < max(old.values):
            raise UsageError(
                f"{run.experiment}, seed {run.seed}: the run has {max(run.values, default=0)} "
                f"epochs, the committed one {max(old.values)}; continue it, or leave it out"
            )
    replaced = {(run.experiment, run.seed) for run in new}
    kept = [run for key, run in before.items() if key not in replaced]
    # In the order and the precision of the file.
    return from_csv(to_csv([*kept, *new]))


def to_csv(runs: Sequence[Run]) -> str:
    """Returns the runs as text, by experiment and seed."""
    order = list(PUBLISHED)
    lines = [
        f"{run.experiment},{run.seed},{run.epochs},{epoch},{value:.6g}"
        for run in sorted(runs, key=lambda run: (order.index(run.experiment), run.seed))
        for epoch, value in sorted(run.values.items())
    ]
    return "\n".join([_HEADER, *lines]) + "\n"


def sentence(name: str, runs: Sequence[Run]) -> str:
    """Returns the sentence for an experiment's header: ``training BCE: published 0.0840, here
    0.0836 ± 0.0002 (5 seeds)``; for unfinished runs at the last published epoch they reached."""
    published = PUBLISHED[name]
    last = max(published.points)
    done = min(max(run.values) for run in runs)
    epoch = max((e for e in published.points if e <= done), default=last)
    said = [
        f"{published.quantity}: published {_value(published, [published.points[epoch]])}",
        f"here {_value(published, _at(runs, min(epoch, done)))}",
    ]
    if done < epoch:  # no published value to compare with
        said[0] += f" after {epoch} epochs"
        said[1] += f" after {done}"
    elif epoch < last:
        said[0] += f" after {epoch} of {last} epochs"
    return f"{', '.join(said)} ({len(runs)} seed{'s' if len(runs) > 1 else ''})"


def table(runs: Sequence[Run]) -> str:
    """Returns the page."""
    parts = [_INTRODUCTION, "| experiment | by | |", "| --- | --- | --- |"]
    own = {name: [run for run in runs if run.experiment == name] for name in PUBLISHED}
    parts += [
        f"| [`{name}`](../{name}.py) | {PUBLISHED[name].source} | {sentence(name, found)} |"
        for name, found in own.items()
        if found
    ]
    for name, found in own.items():
        reached = [
            epoch
            for epoch in PUBLISHED[name].points
            if found and all(epoch in run.values for run in found)
        ]
        if len(reached) > 1:
            form = f".{PUBLISHED[name].digits}f"
            parts += ["", f"`{name}`, {PUBLISHED[name].quantity} by epoch:", ""]
            parts += ["| epoch | published | here |", "| --- | --- | --- |"]
            parts += [
                f"| {epoch} | {PUBLISHED[name].points[epoch]:{form}} "
                f"| {_spread(_at(found, epoch), form)} |"
                for epoch in reached
            ]
    return "\n".join(parts) + "\n"


_INTRODUCTION = """# Published figures

Written by `python -m experiments.published` from [published.csv](published.csv). Networks, noise,
initialisation and recipe are the published ones; ± is the standard deviation over seeds.
"""


def _at(runs: Sequence[Run], epoch: int) -> list[float]:
    return [run.values[epoch] for run in runs]


def _spread(values: Sequence[float], form: str) -> str:
    mean = f"{statistics.mean(values):{form}}"
    return mean if len(values) < 2 else f"{mean} ± {statistics.stdev(values):{form}}"


def _value(published: Published, values: Sequence[float]) -> str:
    """Formats a value, or mean and deviation of several; squared errors in dB too."""
    text = _spread(values, f".{published.digits}f")
    if published.squared:
        text += f" ({-10.0 * math.log10(statistics.mean(values)):.2f} dB)"
    return text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", default="", help="workdirs of runs, as A,B")
    add_update_flag(parser)
    given = parser.parse_args()
    folders = [Path(folder) for folder in given.runs.split(",") if folder]
    try:
        runs = with_runs(read_curves(), [read_run(folder) for folder in folders])
    except UsageError as error:
        parser.error(str(error))
    if folders or given.update:
        files = {CURVES.name: to_csv(runs).encode(), TABLE.name: table(runs).encode()}
        beside = folders[0].parent if folders else RESULTS
        write_results(results_folder(given.update, beside), files)
    for name in PUBLISHED:
        own = [run for run in runs if run.experiment == name]
        if own:
            print(f"{name}: {sentence(name, own)}")


if __name__ == "__main__":
    main()
