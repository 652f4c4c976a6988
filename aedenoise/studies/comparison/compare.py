"""``--mode=compare`` and ``--mode=report``: a grid of training runs and its reports."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import jax

from aedenoise.config.options import RunOptions
from aedenoise.config.study import Cell, Study, display_name
from aedenoise.errors import CheckpointError
from aedenoise.files import write_atomically
from aedenoise.reporting.console import Parts, say
from aedenoise.runs.denoising import make_denoising_workload
from aedenoise.runtime.preemption import StopSignals
from aedenoise.runtime.process import prepare_process
from aedenoise.studies.comparison import report
from aedenoise.studies.comparison.cells import Finished, Runner
from aedenoise.studies.comparison.drawing import draw
from aedenoise.studies.comparison.folder import StudyFolder
from aedenoise.studies.comparison.matching import check_importable, match_networks
from aedenoise.studies.comparison.pairing import differences_table, list_decoders
from aedenoise.studies.comparison.rows import from_csv, to_csv
from aedenoise.studies.comparison.stored import check_same_data
from aedenoise.studies.comparison.study_file import Networks
from aedenoise.training.memory import check_memory
from aedenoise.training.sharding import automatic_steps_per_call

# Seeds trained together on an accelerator; one seed already saturates a CPU.
_SEEDS_AT_ONCE = 8


def compare(
    study: Study,
    options: RunOptions,
    signals: StopSignals | None = None,
    *,
    seeds_at_once: int = 0,
    shard: tuple[int, int] = (1, 1),
) -> bool:
    """Trains the untrained cells of ``study`` and writes the reports.

    Args:
      study: the comparison.
      options: run options; ``workdir`` is the folder of the study, which several processes may
        share.
      signals: installed signal handlers; None installs them for SIGTERM and SIGINT.
      seeds_at_once: seeds trained together by ``vmap``; 0: one on CPU, 8 elsewhere.
      shard: (i, n) restricts training to shard i of n, counted from 1, for machines without a
        shared folder.

    Returns:
      True if all cells of the study are done.
    """
    if signals is None:
        with StopSignals() as own:
            return compare(study, options, own, seeds_at_once=seeds_at_once, shard=shard)
    check_importable(study)
    folder = StudyFolder(options.workdir)
    folder.claim(study, overwrite=options.overwrite)
    prepare_process(say)
    on_cpu = jax.default_backend() == "cpu"
    together = min(seeds_at_once or (1 if on_cpu else _SEEDS_AT_ONCE), study.seeds)
    networks = folder.networks(lambda known: _match(study, options, together, known))
    for line in _network_lines(networks):
        say(line)
    cells = list(study.cells())
    todo = [cell for cell in cells[shard[0] - 1 :: shard[1]] if not folder.is_done(cell)]
    say(f"{len(todo)} of {len(cells)} cells to train here, in {folder.path}")
    runner = Runner(study, options, say, folder.digests())
    # From here on a signal lets the current step finish instead of raising.
    signals.remember()
    with Parts(len(todo), "cell") as parts:
        for group in _groups(todo, together):
            for each in _train_group(group, networks, runner, folder, options, signals, parts):
                say(_cell_line(folder, cells, each))
            if signals.received is not None:
                break
    left = sum(not folder.is_done(cell) for cell in cells)
    if any(folder.is_done(cell) for cell in cells):
        write_report(folder, quiet=left > 0)
    if left:
        name = f"{signals.received.name}: " if signals.received else ""
        say(
            f"{name}{left} of {len(cells)} cells are unfinished or in other processes; "
            "the same command continues"
        )
    return left == 0


def _train_group(
    group: list[Cell],
    networks: Networks,
    runner: Runner,
    folder: StudyFolder,
    options: RunOptions,
    signals: StopSignals,
    parts: Parts,
) -> list[Finished]:
    """Trains and records those cells of a group that no other process has taken."""
    with folder.taking(group) as mine:
        if not mine:
            parts.passed(len(group))
            return []
        condition = mine[0].condition
        finished = runner.run(
            mine,
            networks[condition.match][condition.dataset][mine[0].decoder],
            steps_per_call=options.steps_per_call or automatic_steps_per_call(),
            stop_requested=lambda: signals.received is not None,
            reached=lambda share: parts.reached(share * len(mine)),
        )
        for each in finished or []:
            # Pictures of one seed suffice for the figures.
            drawn = each.pictures if each.cell.seed == runner.study.base.seed else {}
            folder.record(each.cell, each.row, each.curve, drawn, each.spectrum)
        if finished:
            with folder.lock():
                folder.write_tables()
    parts.passed(len(group))
    return finished or []


def write_report(folder: StudyFolder, *, quiet: bool = False) -> None:
    """Writes tables and figures of all finished cells.

    Those that are in ``cells.csv`` alone, such as the cells of a published result, count as well.

    Raises:
      CheckpointError: if there is no study, no finished cell, or cells of different data.
    """
    study, _ = folder.read()
    folder.write_tables()
    if not folder.table.is_file():
        raise CheckpointError(f"{folder.path} has no finished cell yet; --mode=compare trains them")
    # Read back from the files, so that reports from cells and from CSV agree in every digit.
    rows = from_csv(folder.table.read_text(encoding="utf-8"))
    curves = from_csv(folder.curves.read_text(encoding="utf-8"))
    # Results of earlier versions have no spectra.
    spectra = []
    if folder.spectra.is_file():
        spectra = from_csv(folder.spectra.read_text(encoding="utf-8"))
    check_same_data(rows)
    reference = study.decoders[0]
    text = report.tables(rows, reference)
    write_atomically(folder.path / "tables.md", text.encode())
    differences = to_csv(differences_table(rows, reference))
    write_atomically(folder.path / "differences.csv", differences.encode())
    decoders = tuple(dict.fromkeys((*study.decoders, *list_decoders(rows))))
    draw(folder.figures, rows, curves, spectra, decoders, folder.load_pictures)
    if not quiet:
        say(text.rstrip())
    say(f"tables and figures are in {folder.path}")


def _match(study: Study, options: RunOptions, together: int, known: Networks) -> Networks:
    """Adds networks of equal cost for each match and dataset to those that are known."""
    missing = {
        (match, dataset): tuple(
            decoder
            for decoder in study.decoders
            if decoder not in known.get(match, {}).get(dataset, {})
        )
        for match in study.matches
        for dataset in study.datasets
    }
    shapes = {}
    for dataset in dict.fromkeys(dataset for (_, dataset), decoders in missing.items() if decoders):
        cell = next(cell for cell in study.cells() if cell.condition.dataset == dataset)
        features = study.base.model.decoder_features
        workload = make_denoising_workload(
            study.experiment(cell, features), options, notify=say, training=False
        )
        check_memory(workload.experiment, workload.image_shape, networks=together)
        shapes[dataset] = workload.image_shape
    # Costs depend on the image shape alone, so datasets of one shape share a search.
    search = functools.cache(
        lambda match, shape, decoders: match_networks(
            (study.decoders[0], *decoders), study.base.model, shape, match
        )
    )
    networks = {match: dict(datasets) for match, datasets in known.items()}
    for (match, dataset), decoders in missing.items():
        if decoders:
            others = tuple(decoder for decoder in decoders if decoder != study.decoders[0])
            found = search(match, shapes[dataset], others)
            datasets = networks.setdefault(match, {})
            datasets[dataset] = {**found, **datasets.get(dataset, {})}
    return networks


def _network_lines(networks: Networks) -> Iterator[str]:
    for match, datasets in networks.items():
        for dataset, decoders in datasets.items():
            yield f"equal {match.replace('_', '-')}, {dataset}:"
            for decoder, network in decoders.items():
                widths = ",".join(map(str, network.features))
                yield (
                    f"  {display_name(decoder):<24}{widths:<12}"
                    f"{network.parameters:>10,} parameters {network.multiply_adds:>14,} "
                    f"multiply-adds   {network.ratio:.3f}"
                    + ("" if widths else "   taken as it is: no field features to match")
                )


def _groups(cells: list[Cell], together: int) -> Iterator[list[Cell]]:
    """Yields groups of up to ``together`` cells that differ only in their seeds."""
    # First seeds first: an interrupted study then covers every decoder.
    seeds = list(dict.fromkeys(cell.seed for cell in cells))
    for start in range(0, len(seeds), together):
        chunk = set(seeds[start : start + together])
        groups: dict[Cell, list[Cell]] = {}
        for cell in cells:
            if cell.seed in chunk:
                groups.setdefault(replace(cell, seed=0), []).append(cell)
        yield from groups.values()


def _cell_line(folder: StudyFolder, cells: list[Cell], finished: Finished) -> str:
    done = sum(folder.is_done(cell) for cell in cells)
    cell, row = finished.cell, finished.row
    what = (
        f"diverged by step {row['diverged_at']}"
        if row["diverged_at"] is not None
        else f"{row['psnr']:.2f} dB, excess {row['residual_excess_2']:.3f}"
    )
    return (
        f"{done}/{len(cells)} {display_name(cell.decoder)}, {cell.condition}, seed {cell.seed}: "
        f"{what}"
    )


def report_study(path: Path) -> None:
    """Rewrites the tables and figures of the study in folder ``path`` from its results."""
    write_report(StudyFolder(path))
