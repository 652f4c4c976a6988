"""Training and measurement of cells: a row of numbers, a learning curve and pictures each."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from aedenoise.config.options import RunOptions
from aedenoise.config.study import Cell, Study
from aedenoise.data.batch import evenly_spaced
from aedenoise.data.batches import batch_of_rows
from aedenoise.data.reading import Dataset
from aedenoise.errors import UsageError
from aedenoise.evaluation.checkerboard import constant_response, phase_stds
from aedenoise.evaluation.evaluate import evaluation_key, noisy_images
from aedenoise.metrics import checkerboard, image_quality
from aedenoise.ops.images import scale
from aedenoise.ops.noise import Noisy, clean_images
from aedenoise.runs.denoising import DenoisingWorkload, make_denoising_workload
from aedenoise.studies.comparison.matching import Network
from aedenoise.studies.comparison.rows import Row
from aedenoise.studies.comparison.stored import check_same_digest
from aedenoise.studies.comparison.training import SeedTrainer
from aedenoise.training.task import Params

_CURVE_IMAGES = 512
# A learning curve has points at the end of training, at 1/2, 1/4, … of it.
_CURVE_HALVINGS = 5
_RESPONSE_IMAGES = 64


@dataclass(frozen=True)
class Finished:
    """Trained cell with its results.

    Attributes:
      cell: the cell.
      row: columns of results, without those that identify the cell.
      curve: ``at_step``, ``psnr`` and ``excess_2`` on 512 test images.
      pictures: float arrays: original, noisy and denoised images, and those of
        ``DenoisingWorkload.grid``; empty if training diverged.
    """

    cell: Cell
    row: Row
    curve: list[Row]
    pictures: dict[str, np.ndarray]


class _Setup(NamedTuple):
    """Compiled functions and data shared by all seeds of one decoder and condition."""

    workload: DenoisingWorkload
    trainer: SeedTrainer
    curve_point: Callable[[Params], dict[str, Any]]
    constant_stds: Callable[[Params], dict[str, Any]]


class Runner:
    """Trainer of cells that sets up each decoder and condition once.

    Args:
      study: the comparison.
      options: run options.
      notify: receives lines for the user.
      digests: digests by dataset of the data that other cells were trained on; other data are
        refused with ``CheckpointError``.
    """

    def __init__(
        self,
        study: Study,
        options: RunOptions,
        notify: Callable[[str], None],
        digests: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.study = study
        self._digests = digests
        self._options = options
        self._notify = notify
        self._setups: dict[Cell, _Setup] = {}
        self._data: dict[str, tuple[Dataset, Array]] = {}

    def run(
        self,
        cells: Sequence[Cell],
        network: Network,
        *,
        steps_per_call: int,
        stop_requested: Callable[[], bool],
        reached: Callable[[float], None] = lambda share: None,
    ) -> list[Finished] | None:
        """Trains ``cells`` that differ only in their seeds.

        Args:
          cells: cells of one decoder and condition.
          network: network with the matched widths.
          steps_per_call: updates per device call.
          stop_requested: polled during training.
          reached: receives the share of the steps done, from time to time.

        Returns:
          The finished cells; None if stopped.
        """
        setup = self._set_up(cells[0], network)
        workload = setup.workload
        curves: list[list[Row]] = [[] for _ in cells]

        def at_mark(step: int, params: list[Params]) -> None:
            reached(step / workload.total_steps)
            for curve, each in zip(curves, params, strict=True):
                point = {name: float(value) for name, value in setup.curve_point(each).items()}
                if all(map(math.isfinite, point.values())):
                    curve.append({"at_step": step} | point)

        trained = setup.trainer.train(
            [cell.seed for cell in cells],
            steps_per_call=steps_per_call,
            marks=_marks(workload.total_steps),
            at_mark=at_mark,
            stop_requested=stop_requested,
        )
        if trained is None:
            return None
        # Speed counts all seeds, which train together.
        images = workload.experiment.batch_size * trained.counted_steps * len(cells)
        speed = round(images / trained.seconds, 1) if trained.seconds and images else None
        return [
            _finished(setup, network, cell, params, curve, diverged, speed)
            for cell, params, curve, diverged in zip(
                cells, trained.params, curves, trained.diverged, strict=True
            )
        ]

    def _set_up(self, cell: Cell, network: Network) -> _Setup:
        # A common seed makes the cells equal as keys, so that compilation happens once.
        alike = dataclasses.replace(cell, seed=self.study.base.seed)
        if alike not in self._setups:
            name = cell.condition.dataset
            workload = make_denoising_workload(
                self.study.experiment(alike, network.features),
                self._options,
                notify=self._notify,
                training=False,
                total_steps=cell.condition.steps,
                dataset=self._data[name][0] if name in self._data else None,
            )
            if name not in self._data:
                digest = _short_digest(workload)
                check_same_digest(name, self._digests.get(name, digest), digest)
                self._data[name] = workload.dataset, _on_device(workload.dataset)
            trainer = SeedTrainer(workload, self._data[name][1])
            self._setups[alike] = _Setup(
                workload, trainer, _curve_point(workload), _constant_stds(workload)
            )
        return self._setups[alike]


def _on_device(dataset: Dataset) -> Array:
    """Copies the training images to the training device.

    Raises:
      UsageError: if the dataset exceeds the memory budget.
    """
    images = dataset.train.images
    if not isinstance(images, np.ndarray):
        raise UsageError(
            f"{dataset.name} exceeds --memory_budget, and a comparison needs it in memory: raise "
            "the budget or lower --train_examples"
        )
    return jnp.asarray(images)


def _finished(
    setup: _Setup,
    network: Network,
    cell: Cell,
    params: Params,
    curve: list[Row],
    diverged: int | None,
    speed: float | None,
) -> Finished:
    workload = setup.workload
    row: Row = {
        "features": " ".join(map(str, network.features)),
        "parameters": network.parameters,
        "multiply_adds": network.multiply_adds,
        "matched": network.ratio,
        "images_per_second": speed,
        "device": jax.devices()[0].device_kind,
        "dataset_digest": _short_digest(workload),
    }
    # As NumPy arrays: evaluation shards over all devices, training used one.
    quality, pictures = _measures(setup, cell, jax.device_get(params))
    if diverged is None and all(map(math.isfinite, quality.values())):
        return Finished(cell, row | {"diverged_at": None} | quality, curve, pictures)
    # Metrics of a diverged network are meaningless; the row stays and records the divergence.
    step = workload.total_steps if diverged is None else diverged
    return Finished(cell, row | {"diverged_at": step} | dict.fromkeys(quality), curve, {})


def _short_digest(workload: DenoisingWorkload) -> str:
    return workload.dataset.digest[:12]


def _measures(
    setup: _Setup, cell: Cell, params: Params
) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    workload = setup.workload
    results = workload.evaluate(params)
    grid, pictures = workload.grid(params)
    denoised = results["denoised"]
    quality = {m.name: denoised[m.name] for m in image_quality.METRICS if m.in_studies}
    quality["noisy_psnr"] = results["noisy"]["psnr"]
    for of in ("residual", "gradient", "constant"):
        quality |= {f"{of}_{name}": value for name, value in grid[of].items()}
    untrained = setup.constant_stds(setup.trainer.begin(cell.seed).params)
    quality |= {f"untrained_{name}": float(value) for name, value in untrained.items()}
    original, noisy, shown = workload.examples(params)
    return quality, pictures | {"original": original, "noisy": noisy, "denoised": shown}


def _marks(steps: int) -> list[int]:
    return sorted({steps >> halvings for halvings in range(_CURVE_HALVINGS + 1)} - {0})


def _curve_point(workload: DenoisingWorkload) -> Callable[[Params], dict[str, Any]]:
    """Makes the compiled function from parameters to PSNR and excess power on fixed images."""
    images = workload.dataset.test.images
    batch = batch_of_rows(images, evenly_spaced(len(images), _CURVE_IMAGES))
    clean = clean_images(workload.task.corrupt, jnp.asarray(batch.image))
    noisy = noisy_images(workload.task.corrupt, evaluation_key(), batch)

    @jax.jit
    def measures(denoised: Any, clean: Any) -> dict[str, Any]:
        return {
            "psnr": jnp.mean(image_quality.psnr(denoised, clean)),
            "excess_2": checkerboard.excess_power(denoised - clean, 2),
        }

    return lambda params: measures(workload.predict_fn(params, noisy), clean)


def _constant_stds(workload: DenoisingWorkload) -> Callable[[Params], dict[str, Any]]:
    """Makes the compiled function from parameters to phase deviations for a constant code."""
    clean = scale(jnp.asarray(np.asarray(workload.dataset.test.images[:_RESPONSE_IMAGES])))
    images = Noisy(clean, jnp.zeros(len(clean)))
    stride = workload.experiment.model.stride
    return jax.jit(
        lambda params: phase_stds(constant_response(workload.task.model, params, images, stride))
    )
