"""Commands that train nothing: data, artifacts, report, doctor."""

from __future__ import annotations

from pathlib import Path

from aedenoise.cli import values
from aedenoise.cli.experiments import read_experiment, read_named
from aedenoise.cli.flags import FLAGS, spell
from aedenoise.cli.process import quiet_libraries
from aedenoise.config import DATASETS
from aedenoise.config.folders import RUN_FILE
from aedenoise.config.validation import local_path
from aedenoise.errors import GRID_FOUND, StorageError, UsageError
from aedenoise.runtime.preemption import StopSignals


def describe_data(_: StopSignals) -> int:
    """Describes a dataset and draws its contact sheet."""
    data = read_experiment().data
    name = data.dataset.replace("/", "-") if data.dataset in DATASETS else data.short_name
    quiet_libraries()
    from aedenoise.studies.data_sheet import data_sheet

    folder = values.workdir() or Path("sheets")
    data_sheet(data, values.run_options(folder), folder / f"{name}.png")
    return 0


def show_artifacts(_: StopSignals) -> int:
    """Draws the checkerboards of all decoders."""
    experiment = read_experiment()
    experiment.check_denoises()
    quiet_libraries()
    from aedenoise.studies.decoder_gallery import decoder_gallery

    folder = values.workdir() or Path("sheets")
    decoder_gallery(experiment.model, experiment.seed, folder / "artifacts.png")
    return 0


def write_report(_: StopSignals) -> int:
    """Writes the page of a run, of several, or of a study."""
    folder = values.workdir()
    runs = values.run_folders()
    if (folder is None) == (not runs):
        raise UsageError(
            f"{spell('report')} needs --workdir, the folder of a run or a comparison, or else "
            "--runs=A,B (not both)"
        )
    quiet_libraries()
    from aedenoise.reporting.console import say
    from aedenoise.runs.report_page import write_page

    if folder is not None and not (folder / RUN_FILE).exists():
        if FLAGS.output:
            raise UsageError("--output is for runs; the report of a comparison lies in its folder")
        from aedenoise.studies.comparison.compare import report_study

        report_study(folder)
        return 0
    runs = runs or [folder or Path()]
    target = local_path("--output", FLAGS.output or (runs[0] if folder else Path()) / "report.html")
    if target.suffix.lower() not in (".html", ".htm"):
        raise UsageError(f"--output of a report ends with .html, not {target}")
    write_page(runs, target)
    say(f"{target} shows {', '.join(map(str, runs))}")
    return 0


def examine(_: StopSignals) -> int:
    """Examines a model's checkerboards, or without ``--model_file`` this machine."""
    if FLAGS.model_file:
        return _examine_model(local_path("--model_file", FLAGS.model_file))
    if FLAGS.output:
        raise UsageError("--output takes a cured model; give the model to cure: --model_file=FILE")
    experiment = read_experiment()
    from aedenoise.training.workdir import default_workdir

    options = values.run_options(default_workdir(experiment, read_named()))
    quiet_libraries()
    from aedenoise.cli.doctor import examine as examine_machine

    return examine_machine(experiment, options)


def _examine_model(path: Path) -> int:
    target = local_path("--output", FLAGS.output) if FLAGS.output else None
    if target and target.suffix.lower() != ".onnx":
        raise UsageError(f"--output of a cured model ends with .onnx, not {target}")
    if target and target.resolve() == path.resolve():
        raise UsageError("--output is the model itself; give another file")
    if target and target.exists() and not FLAGS.overwrite:
        raise StorageError(f"{target} already exists; --overwrite replaces it")
    from aedenoise.exports.formats import find_format

    find_format("onnx").check_installed()
    from aedenoise.exports.grids.diagnosis import diagnose_file, write_cured
    from aedenoise.exports.grids.text import describe
    from aedenoise.reporting.console import say

    diagnosis, network = diagnose_file(path)
    for line in describe(diagnosis):
        say(line)
    if target and diagnosis.weights:
        write_cured(network, diagnosis, target)
        say(f"{target} has the cured weights")
    elif target:
        say("nothing to cure by weights; no file is written")
    return GRID_FOUND if diagnosis.has_grid else 0
