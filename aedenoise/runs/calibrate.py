"""``--mode=calibrate``: calibration of a run's intervals on test images, and its measurement."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from aedenoise.config import Experiment
from aedenoise.config.options import RunOptions
from aedenoise.data.batch import evenly_spaced
from aedenoise.data.batches import batch_of_rows
from aedenoise.data.reading import Dataset
from aedenoise.data.splits import calibration_parts
from aedenoise.errors import CheckpointError, DataError, UsageError
from aedenoise.evaluation.evaluate import evaluation_key, noisy_images
from aedenoise.files import write_json
from aedenoise.inference.calibration import Sample, calibrate, measure
from aedenoise.inference.denoiser import Denoiser, load_denoiser
from aedenoise.inference.intervals import COVERAGE, Calibration
from aedenoise.metrics.conformal import least_images
from aedenoise.ops.noise import clean_images
from aedenoise.runs.denoising import DenoisingWorkload, make_denoising_workload
from aedenoise.runs.hooks import say
from aedenoise.runs.task_workload import EVAL_BATCH
from aedenoise.runs.workload import check_channels
from aedenoise.training.components import NO_COMPONENTS, Components
from aedenoise.training.digests import params_digest
from aedenoise.training.workdir import Workdir

# Values of the images of each part, for memory and time: 5,350 images of 28 x 28.
_VALUES = 2**22


def check_has_clean(experiment: Experiment) -> None:
    """Raises UsageError if an experiment has no clean images, on which intervals are calibrated."""
    if experiment.data.noisy:
        raise UsageError(
            "intervals are calibrated on clean images, which noisy:DIR has not; denoise "
            "without --uncertainty, or train with pairs:NOISY,CLEAN or folder:DIR"
        )


def calibrate_run(
    options: RunOptions,
    checkpoint: str = "newest",
    *,
    components: Components = NO_COMPONENTS,
    dataset: Dataset | None = None,
    denoiser: Denoiser | None = None,
    notify: Callable[[str], None] = say,
) -> Calibration:
    """Calibrates a checkpoint of ``options.workdir`` and writes ``calibration.json`` there.

    Args:
      options: ``workdir``, ``checkpoint_dir``, ``data_dir`` and other options of data are used.
      checkpoint: ``newest``, ``best`` or a step.
      components: custom components of the run; a corruption replaces the experiment's noise.
      dataset: dataset from Python, in place of the experiment's.
      denoiser: the network, if it is loaded already.
      notify: receives lines on the data and on a file that cannot be written.

    Raises:
      CheckpointError: if no checkpoint fits.
      DataError: if the test split has too few images; see also ``workload.load_context``.
      UsageError: if the run was trained on noisy pictures only.
    """
    workdir = Workdir(options.workdir)
    check_has_clean(workdir.read_experiment())
    corruption = workdir.read_parts().get("corruption")
    if corruption and components.corruption is None:
        raise CheckpointError(
            f"{workdir.path} was trained with corruption={corruption}, which comes from Python; "
            "pass it to aedenoise.calibrate"
        )
    if denoiser is None:
        place = options.checkpoint_dir
        denoiser = load_denoiser(options.workdir, checkpoint, components, place)
    workload = make_denoising_workload(
        denoiser.experiment,
        options,
        notify=notify,
        training=False,
        components=components,
        dataset=dataset,
    )
    check_channels(workdir, workload)
    made = calibrate_denoiser(denoiser, workload)
    # A workdir may be read-only, such as a shared one; the calibration still serves this process.
    try:
        write_json(workdir.calibration, made.to_json(), indent=1)
    except OSError as error:
        notify(f"cannot write {workdir.calibration}: {error.strerror}; it is only used now")
    return made


def calibrate_denoiser(denoiser: Denoiser, workload: DenoisingWorkload) -> Calibration:
    """Calibrates a network on half of the test images of ``workload`` and measures its intervals on
    the other half.

    Raises:
      DataError: if there are too few images.
    """
    rows = [_rows(workload, part) for part in range(3)]
    images, least = workload.dataset.test.images, least_images(COVERAGE)
    if min(map(len, rows)) < least:
        raise DataError(
            f"{len(images)} test images are too few to calibrate on; use {8 * least} or more"
        )
    measured, table, scaling = (_sample(denoiser, workload, each) for each in rows)
    made = calibrate(table, scaling)
    data = workload.dataset
    record = {
        "params": params_digest(denoiser.params),
        "step": denoiser.step,
        "dataset": data.name,
        "data_digest": data.digest,
        "noise": workload.noise_label,
        "images": dict(zip(("measured", "table", "scale"), map(len, rows), strict=True)),
        "wanted": COVERAGE,
        "measured": measure(made, measured),
    }
    return replace(made, record=record)


def measure_denoiser(
    denoiser: Denoiser, calibration: Calibration, workload: DenoisingWorkload
) -> dict[str, Any]:
    """Measures intervals on the test images of ``workload`` that are not for calibration."""
    return measure(calibration, _sample(denoiser, workload, _rows(workload, 0)))


def coverage_table(record: Mapping[str, Any]) -> str:
    """Formats the coverage in the record of a calibration for the console."""
    found = record["measured"]
    lines = [f"{'':<26}{'share':>8}{'inside':>10}{'half-width':>12}"]
    rows = [("all pixels", {"share": 1.0, **found})]
    for name, title in (("by_brightness", "brightness"), ("by_level", "noise level")):
        rows += [(f"{title} {_span(row)}", row) for row in found[name]]
    lines += [
        f"{name:<26}{row['share']:>8.1%}{row['coverage']:>10.1%}{row['half_width']:>12.4f}"
        for name, row in rows
    ]
    images = record["images"]
    lines.append(
        f"intervals of {record['wanted']:.0%}, calibrated on {images['table'] + images['scale']:,} "
        f"test images and measured on {images['measured']:,} others"
    )
    return "\n".join(lines)


def _span(row: Mapping[str, float]) -> str:
    low, high = (f"{row[name]:.2f}" for name in ("from", "to"))
    return low if low == high else f"{low} to {high}"


def _rows(workload: DenoisingWorkload, part: int) -> np.ndarray:
    """Returns the rows of a part of the test split, see ``calibration_parts``."""
    rows = np.flatnonzero(calibration_parts(workload.dataset.test.images) == part)
    most = max(1, _VALUES // int(np.prod(workload.image_shape)))
    return rows[evenly_spaced(len(rows), most)] if len(rows) else rows


def _sample(denoiser: Denoiser, workload: DenoisingWorkload, rows: np.ndarray) -> Sample:
    """Adds noise to test images and denoises them as ``denoise`` does."""
    corrupted = jax.jit(lambda batch: noisy_images(workload.task.corrupt, evaluation_key(), batch))
    parts = []
    for start in range(0, len(rows), EVAL_BATCH):
        batch = batch_of_rows(workload.dataset.test.images, rows[start : start + EVAL_BATCH])
        noisy = corrupted(batch)
        seen = np.asarray(noisy.image)
        denoised = denoiser(seen)
        levels = np.asarray(noisy.level)
        estimated = denoiser.levels(seen, denoised)
        clean = clean_images(workload.task.corrupt, jnp.asarray(batch.image))
        parts.append((np.asarray(clean), denoised, estimated, levels))
    return Sample(*(np.concatenate(each) for each in zip(*parts, strict=True)))
