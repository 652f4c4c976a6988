"""Trains GANs that differ only in decoder and seed, and tabulates them.

python -m experiments.generators --folder=runs/gans

Trains the runs that ``--folder`` does not hold yet, resumes stopped ones, and writes
``gan.{json,md}`` from the finished ones into that folder; with ``--update`` into
``experiments/results``. Several such commands with other
``--decoders`` or ``--seeds`` may share the folder.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from aedenoise.config import Experiment, replace
from aedenoise.config.options import RunOptions
from aedenoise.config.study import display_name, parse_decoder
from aedenoise.errors import UsageError
from aedenoise.metrics.statistics import difference
from aedenoise.runs.train import train
from aedenoise.training.run_files import read_json
from aedenoise.training.workdir import Workdir
from experiments.gan import EXPERIMENT
from experiments.output import (
    RESULTS,
    add_update_flag,
    check_nothing_lost,
    results_folder,
    write_results,
)

DECODERS = ("upsample", "transpose", "transpose:notail", "subpixel")
_TRAINED, _SEEDS = "upsample,transpose", "0,1,2"
Row = Mapping[str, Any]


def experiment_of(decoder: str, seed: int) -> Experiment:
    """Returns the GAN with another decoder and seed."""
    changes = {"model": parse_decoder(decoder, EXPERIMENT.model), "seed": seed}
    return replace(EXPERIMENT, changes)


def trained(folder: Path, decoder: str, seed: int) -> bool:
    """Trains one generator; returns whether it finished before a stop signal."""
    place = folder / f"{decoder.replace(':', '-')}-{seed}"
    return train(experiment_of(decoder, seed), RunOptions(workdir=place)) is not None


def table_rows(folder: Path) -> list[dict[str, Any]]:
    """Reads the results of the finished runs in ``folder``, by decoder and seed."""
    rows = []
    for decoder in DECODERS:
        for place in sorted(folder.glob(f"{decoder.replace(':', '-')}-[0-9]*")):
            workdir = Workdir(place)
            if not workdir.results.exists():
                continue
            experiment = workdir.read_experiment()
            if experiment != experiment_of(decoder, experiment.seed):
                print(f"{place} is of another experiment: left out")
                continue
            found = read_json(workdir.results)
            kept = ("made", "yardsticks", "nearest", "artifacts", "train")
            rows.append(
                {
                    "decoder": decoder,
                    "dataset": found["dataset"]["name"],
                    "epochs": experiment.epochs,
                    "seed": experiment.seed,
                    **{name: found[name] for name in kept},
                }
            )
    return rows


def _key(row: Row) -> str:
    return f"{row['decoder']} of seed {row['seed']}"


def table(rows: Sequence[Row]) -> str:
    """Returns the rows as a page."""
    lines = [
        "# Generators by decoder\n",
        "Written by `python -m experiments.generators`; [docs/gan.md](../../docs/gan.md) says what "
        "the columns are.\n",
        "| decoder | seeds | Fréchet distance | difference | precision | recall | sure "
        "| rarest class | excess at 1/2, 1/4 | constant code, 2, 4 |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    decoders = list(dict.fromkeys(row["decoder"] for row in rows))
    for decoder in decoders:
        own = [row for row in rows if row["decoder"] == decoder]
        lines.append(
            f"| {display_name(decoder)} | {len(own)} | {_spread(own, 'frechet', '.2f')} "
            f"| {_beside(rows, decoder, decoders)} | {_spread(own, 'precision', '.3f')} "
            f"| {_spread(own, 'recall', '.3f')} | {_spread(own, 'sure', '.1%')} "
            f"| {min(row['made']['least_class'] for row in own):.1%} "
            f"| {_mean(own, 'made', 'excess_2'):+.1%}, {_mean(own, 'made', 'excess_4'):+.1%} "
            f"| {_mean(own, 'constant', 'spread_2'):.4f}, "
            f"{_mean(own, 'constant', 'spread_4'):.4f} |"
        )
    first = rows[0]
    for name, scores in first["yardsticks"].items():
        lines.append(
            f"| *{name.replace('_', ' ')}* | | {scores['frechet']:.2f} | | | "
            f"| {scores['sure']:.1%} | | | |"
        )
    test = first["artifacts"]["test"]
    lines.append(
        f"| *test images* | | | | | | | | {test['excess_2']:+.1%}, {test['excess_4']:+.1%} | |"
    )
    lines.append(
        f"\n{first['dataset']}, {first['epochs']} epochs. Mean over seeds, standard deviation "
        "behind ±; differences of the Fréchet distance are to the first row, of the same seeds, "
        "with the 95 % interval (Student's, corrected for the number of rows); bold where it "
        "leaves out zero. The rarest class is that of all seeds."
    )
    return "\n".join(lines) + "\n"


def _spread(rows: Sequence[Row], name: str, form: str) -> str:
    values = [row["made"][name] for row in rows]
    deviation = f" ± {np.std(values, ddof=1):{form}}" if len(values) > 1 else ""
    return f"{np.mean(values):{form}}{deviation}"


def _mean(rows: Sequence[Row], place: str, name: str) -> float:
    return float(np.mean([row["artifacts"][place][name] for row in rows]))


def _beside(rows: Sequence[Row], decoder: str, decoders: Sequence[str]) -> str:
    scores = {(row["decoder"], row["seed"]): row["made"]["frechet"] for row in rows}
    pairs = [
        score - scores[decoders[0], seed]
        for (name, seed), score in scores.items()
        if name == decoder != decoders[0] and (decoders[0], seed) in scores
    ]
    if not pairs:
        return ""
    found = difference(pairs, comparisons=len(decoders) - 1)
    if found.corrected_low is None:
        return f"{found.mean:+.2f}"
    text = f"{found.mean:+.2f} [{found.corrected_low:+.2f}, {found.corrected_high:+.2f}]"
    return f"**{text}**" if found.is_clear else text


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="where the runs are")
    parser.add_argument("--decoders", default=_TRAINED, help=f"some of {','.join(DECODERS)}")
    parser.add_argument("--seeds", default=_SEEDS, help="of each")
    add_update_flag(parser)
    given = parser.parse_args()
    if not set(given.decoders.split(",")) <= set(DECODERS):
        parser.error(f"--decoders are some of {','.join(DECODERS)}")
    for seed in map(int, given.seeds.split(",")):
        for decoder in given.decoders.split(","):
            if not trained(given.folder, decoder, seed):
                return 0
    rows = table_rows(given.folder)
    if given.update:
        committed = json.loads((RESULTS / "gan.json").read_text(encoding="utf-8"))
        try:
            check_nothing_lost(map(_key, committed), map(_key, rows))
        except UsageError as error:
            parser.error(str(error))
    files = {
        "gan.json": (json.dumps(rows, indent=1) + "\n").encode(),
        "gan.md": table(rows).encode(),
    }
    print(table(rows))
    write_results(results_folder(given.update, given.folder), files)
    return 0


if __name__ == "__main__":
    sys.exit(main())
