"""Enters a decoder into the grid of a committed study, and prints its place among the others.

python -m experiments.leaderboard --decoder=mydecoder:Mine              # the whole grid
python -m experiments.leaderboard --decoder=mydecoder:Mine --seeds=1    # a quick look
python -m experiments.leaderboard --update                              # docs/leaderboard.md

Only the decoder's own cells are trained, in ``--workdir``; the same command continues. They are
paired, seed by seed, with the cells in ``--results``, which ``--enter`` adds them to.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from aedenoise.config.options import RunOptions
from aedenoise.config.study import Study, display_name, slug
from aedenoise.errors import AedenoiseError, CheckpointError, UsageError, report
from aedenoise.files import write_atomically
from aedenoise.metrics.statistics import Difference
from aedenoise.reporting.console import say
from aedenoise.studies.comparison import pairing
from aedenoise.studies.comparison.compare import compare
from aedenoise.studies.comparison.folder import StudyFolder
from aedenoise.studies.comparison.matching import check_importable
from aedenoise.studies.comparison.report import budgets
from aedenoise.studies.comparison.rows import Row

# Every decoder at its own learning rate. The first is the default grid.
GRIDS = tuple(
    Path(__file__).parent / "results" / name
    for name in ("own_rates", "own_rates_mnist", "own_rates_long")
)
PAGE = Path(__file__).parent.parent / "docs" / "leaderboard.md"


class Standing(NamedTuple):
    """A decoder's place in one budget of a study.

    Attributes:
      difference: PSNR minus that of the reference in dB, the mean over all conditions; None for
        the reference, and for decoders without a pair.
      excess: excess of the residual at Nyquist's frequency, the mean over the trained cells; None
        without any.
      spectrum: largest deviation of the outputs' radial spectrum from that of the clean images in
        dB, the mean over the trained cells; None where it was not measured.
      seeds: seeds with a pair; for the reference, all of its seeds.
    """

    decoder: str
    difference: Difference | None
    excess: float | None
    spectrum: float | None
    parameters: int
    multiply_adds: int
    seeds: int


def standings(rows: Sequence[Row], reference: str, budget: tuple[str, int]) -> list[Standing]:
    """Ranks the decoders of a study by their mean difference in PSNR to the reference.

    Args:
      rows: rows of all cells.
      reference: decoder that the others are compared with.
      budget: match and number of training steps.

    Returns:
      The best first, those without a pair last.
    """
    mine = [row for row in rows if (row["match"], row["steps"]) == budget]
    # The last comparison of a decoder is the mean over conditions, where there are several.
    differences = {
        c.decoder: c.difference
        for c in pairing.compare(rows, reference, ["psnr"])
        if (c.condition.match, c.condition.steps) == budget
    }
    found = []
    for decoder in pairing.list_decoders(mine):
        own = [row for row in mine if row["decoder"] == decoder]
        good = [row for row in own if row["diverged_at"] is None]
        difference = differences.get(decoder)
        found.append(
            Standing(
                decoder,
                difference,
                _mean(good, "residual_excess_2"),
                _mean(good, "spectrum_deviation_db"),
                own[0]["parameters"],
                own[0]["multiply_adds"],
                difference.seeds if difference else len({row["seed"] for row in own}),
            )
        )

    def order(standing: Standing) -> tuple[bool, float]:
        if standing.difference is None:
            return standing.decoder != reference, 0.0
        return False, -standing.difference.mean

    return sorted(found, key=order)


def _mean(rows: Sequence[Row], name: str) -> float | None:
    """Returns the mean of a column; None where no row has it."""
    values = [row[name] for row in rows if row.get(name) is not None]
    return float(np.mean(values)) if values else None


def table(found: Sequence[Standing], reference: str, only: str | None = None) -> str:
    """Formats standings as a Markdown table; ``only`` leaves one decoder's row."""
    titles = (
        *("rank", "decoder", "PSNR, dB", "excess", "spectrum, dB"),
        *("parameters", "multiply-adds", "seeds"),
    )
    lines = [f"| {' | '.join(titles)} |", "|" + " --- |" * len(titles)]
    for rank, standing in enumerate(found, start=1):
        if only not in (None, standing.decoder):
            continue
        cells = (
            f"{rank} of {len(found)}" if only else f"{rank}",
            display_name(standing.decoder),
            _psnr(standing, reference),
            "" if standing.excess is None else f"{standing.excess:.3f}",
            "" if standing.spectrum is None else f"{standing.spectrum:.2f}",
            f"{standing.parameters:,}",
            f"{standing.multiply_adds:,}",
            f"{standing.seeds}",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _psnr(standing: Standing, reference: str) -> str:
    d = standing.difference
    if d is None:
        return "reference" if standing.decoder == reference else "diverged"
    text = _interval(d)
    return f"**{text}**" if d.is_clear else text


def _interval(d: Difference) -> str:
    if d.low is None or d.high is None:
        return f"{d.mean:+.2f}"
    return f"{d.mean:+.2f} [{d.low:+.2f}, {d.high:+.2f}]"


def standing_block() -> str:
    """Returns a table for each of ``GRIDS`` below its conditions, for ``docs/leaderboard.md``."""
    parts = []
    for place in GRIDS:
        folder = StudyFolder(place)
        study, _ = folder.read()
        rows = folder.results(study)[0]
        reference = study.decoders[0]
        for budget in budgets(rows):
            found = standings(rows, reference, budget)
            where = "; ".join(str(c) for c in study.conditions() if (c.match, c.steps) == budget)
            parts.append(f"**{where}** ({place.name})\n\n{table(found, reference)}")
    return "\n\n".join(parts) + "\n"


def train_entry(
    decoder: str, results: StudyFolder, options: RunOptions, seeds: int
) -> StudyFolder | None:
    """Trains a decoder's cells of the grid in ``results``, in the workdir of ``options``.

    Args:
      decoder: the decoder, as in ``--decoders`` of a comparison.
      results: folder of the study; not written.
      options: run options.
      seeds: number of first seeds.

    Returns:
      The folder of the cells; None if a signal stopped the training, which the same call continues.

    Raises:
      UsageError, CheckpointError, DataError: see ``compare``.
    """
    study, _ = results.read()
    reference = study.decoders[0]
    own = dataclasses.replace(study, decoders=(reference, decoder), seeds=seeds)
    folder = StudyFolder(options.workdir)
    check_importable(own)
    folder.claim(own, overwrite=False)
    # With the reference's cells in the folder, the decoder's are left to train.
    folder.adopt(results, {reference})
    return folder if compare(own, options) else None


def print_standing(rows: Sequence[Row], study: Study, decoder: str) -> None:
    """Prints a decoder's row, and its differences to every other decoder."""
    reference = study.decoders[0]
    for match, steps in budgets(rows):
        say(f"{steps:,} steps, equal {match.replace('_', '-')}:")
        say(table(standings(rows, reference, (match, steps)), reference, only=decoder))
        for other in pairing.list_decoders(rows):
            found = pairing.compare(
                [row for row in rows if row["decoder"] in (decoder, other)], other, ["psnr"]
            )
            mine = [c for c in found if (c.condition.match, c.condition.steps) == (match, steps)]
            if mine:
                say(f"to {display_name(other)}: {_interval(mine[-1].difference)} dB")


def enter(decoder: str, results: StudyFolder, folder: StudyFolder) -> None:
    """Adds the cells of a decoder to the tables of ``results``, and it to the study."""
    study, _ = results.read()
    grown = dataclasses.replace(study, decoders=(*study.decoders, decoder))
    results.claim(grown, overwrite=False)
    results.adopt(folder, {decoder})
    say(f"{display_name(decoder)} is in {results.table}; python -m experiments.report follows")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--decoder", help="as module:Class, or transpose:k5")
    parser.add_argument("--results", type=Path, default=GRIDS[0], help="folder of the study")
    parser.add_argument("--seeds", type=int, default=0, help="first seeds alone (default: all)")
    parser.add_argument("--workdir", type=Path, help="default: runs/leaderboard-DECODER")
    parser.add_argument("--data_dir", help="folder of prepared datasets")
    parser.add_argument("--enter", action="store_true", help="add the cells to --results")
    parser.add_argument("--update", action="store_true", help="write docs/leaderboard.md anew")
    given = parser.parse_args(arguments)
    if not given.decoder and not given.update:
        parser.error("give --decoder=module:Class, or --update")
    try:
        if given.decoder:
            _run(given)
        if given.update:
            from experiments.report import with_blocks

            write_atomically(PAGE, with_blocks(PAGE.read_text(encoding="utf-8")).encode())
    except AedenoiseError as error:
        return report(error, debug=False)
    return 0


def _run(given: argparse.Namespace) -> None:
    results = StudyFolder(given.results)
    study, _ = results.read()
    seeds = given.seeds or study.seeds
    if not 1 <= seeds <= study.seeds:
        raise UsageError(f"--seeds must be from 1 to {study.seeds}, the seeds of {given.results}")
    if given.enter and seeds < study.seeds:
        raise UsageError(f"--enter takes all {study.seeds} seeds; leave --seeds out")
    rows = results.results(study)[0]
    if not rows:
        raise CheckpointError(f"{given.results} has no finished cell to compare with")
    folder = None
    if given.decoder not in study.decoders:
        workdir = given.workdir or Path("runs") / f"leaderboard-{slug(given.decoder)}"
        folder = train_entry(
            given.decoder, results, RunOptions(workdir=workdir, data_dir=given.data_dir), seeds
        )
        if folder is None:
            return
        own = folder.results(folder.read()[0])[0]
        rows += [row for row in own if row["decoder"] == given.decoder]
    last = study.base.seed + seeds
    print_standing([row for row in rows if row["seed"] < last], study, given.decoder)
    if given.enter and folder is not None:
        enter(given.decoder, results, folder)


if __name__ == "__main__":
    sys.exit(main())
