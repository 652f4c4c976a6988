"""Measures of a trained network in a comparison: one row of numbers, and a spectrum."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from aedenoise.data.batch import evenly_spaced
from aedenoise.data.batches import batch_of_rows
from aedenoise.evaluation.checkerboard import constant_response, phase_stds
from aedenoise.evaluation.evaluate import evaluation_key, noisy_images
from aedenoise.evaluation.random_features import QuickClassifier
from aedenoise.evaluation.stability import make_attack_step, psnr_under_attack, shift_psnr
from aedenoise.metrics import checkerboard, image_quality, spectrum
from aedenoise.metrics.label_flips import flip_share
from aedenoise.metrics.separation import separation_accuracy
from aedenoise.ops.images import scale
from aedenoise.ops.noise import Noisy, clean_images
from aedenoise.runs.denoising import DenoisingWorkload
from aedenoise.runs.workload import GRID_PIXELS
from aedenoise.studies.comparison.pairing import OF_OUTPUTS
from aedenoise.studies.comparison.rows import Row
from aedenoise.training.task import Params

# Test images of the learning curves and of all measures but quality and grids.
_IMAGES = 512
# An attack takes six gradients, as a checkerboard measure takes one.
_ATTACKED_IMAGES = 128
_RESPONSE_IMAGES = 64


class Measures:
    """Compiled measures of one decoder and condition, shared by its seeds.

    Args:
      workload: network, noise and data.
      classifier: judge of label flips; None leaves them out.
    """

    def __init__(self, workload: DenoisingWorkload, classifier: QuickClassifier | None) -> None:
        self._workload = workload
        self._classifier = classifier
        test, corrupt = workload.dataset.test, workload.task.corrupt
        self._rows = evenly_spaced(len(test.images), _IMAGES)
        batch = batch_of_rows(test.images, self._rows)
        self._clean = clean_images(corrupt, jnp.asarray(batch.image))
        self._noisy = noisy_images(corrupt, evaluation_key(), batch)
        self._clean_power = spectrum.radial_power(np.asarray(self._clean))
        height, width, _ = workload.image_shape
        most = min(_ATTACKED_IMAGES, max(16, GRID_PIXELS // (height * width)))
        chosen = evenly_spaced(len(self._rows), most)
        self._attacked = jax.tree.map(lambda x: x[chosen], (self._noisy, self._clean))
        self._attack_step = jax.jit(make_attack_step(workload.task.model))
        self._curve_values = jax.jit(_curve_values)
        responses = scale(jnp.asarray(np.asarray(test.images[:_RESPONSE_IMAGES])))
        self._response_to = Noisy(responses, jnp.zeros(len(responses)))
        self._constant_stds = jax.jit(self._constant)

    def __call__(
        self, params: Params, untrained: Params
    ) -> tuple[Row, list[Row], dict[str, np.ndarray]]:
        """Measures a network.

        Args:
          params: its parameters as NumPy arrays.
          untrained: its parameters before training.

        Returns:
          Columns of ``cells.csv``; rows of ``spectra.csv``; pictures, see ``cells.Finished``.
        """
        workload = self._workload
        results = workload.evaluate(params)
        grid, pictures = workload.grid(params)
        denoised = results["denoised"]
        row: Row = {m.name: denoised[m.name] for m in image_quality.METRICS if m.in_studies}
        row["noisy_psnr"] = results["noisy"]["psnr"]
        for of in ("residual", "gradient", "constant"):
            row |= {f"{of}_{name}": value for name, value in grid[of].items()}
        stds = self._constant_stds(untrained)
        row |= {f"untrained_{name}": float(value) for name, value in stds.items()}
        of_outputs, ratios = self._of_outputs(params)
        original, noisy, shown = workload.examples(params)
        pictures |= {"original": original, "noisy": noisy, "denoised": shown}
        return row | of_outputs, ratios, pictures

    def curve_point(self, params: Params) -> dict[str, float]:
        """Returns ``psnr`` and ``excess_2`` of a network in training."""
        denoised = self._workload.predict_fn(params, self._noisy)
        values = self._curve_values(denoised, self._clean)
        return {name: float(value) for name, value in values.items()}

    def _of_outputs(self, params: Params) -> tuple[Row, list[Row]]:
        """Measures spectra, shifts, attacks and label flips."""
        workload = self._workload
        denoised = np.asarray(workload.predict_fn(params, self._noisy))
        if not np.isfinite(denoised).all():
            return dict.fromkeys(OF_OUTPUTS, float("nan")), []
        power, clean = spectrum.radial_power(denoised), self._clean_power
        before, after = psnr_under_attack(self._attack_step, params, *self._attacked)
        row: Row = {
            "high_band_db": spectrum.high_band_db(power, clean),
            "spectrum_deviation_db": spectrum.largest_deviation_db(power, clean),
            "spectrum_accuracy": separation_accuracy(
                spectrum.log_power(power), spectrum.log_power(clean)
            ),
            "shift_psnr": shift_psnr(
                lambda noisy: workload.predict_fn(params, noisy),
                self._noisy,
                workload.experiment.model.downsampling,
            ),
            "pgd_psnr": after,
            "pgd_drop_db": before - after,
            "label_flips": self._label_flips(denoised),
        }
        frequencies = spectrum.radial_frequencies(*denoised.shape[1:3])
        ratios = spectrum.ratio_db(power, clean)
        return row, [
            {"frequency": float(frequency), "ratio_db": float(ratio)}
            for frequency, ratio in zip(frequencies, ratios, strict=True)
        ]

    def _label_flips(self, denoised: np.ndarray) -> float | None:
        if self._classifier is None:
            return None
        labels = self._workload.dataset.test.labels[self._rows]
        before = self._classifier.classify(np.asarray(self._clean))
        return flip_share(labels, before, self._classifier.classify(denoised))

    def _constant(self, params: Params) -> dict[str, Any]:
        stride = self._workload.experiment.model.stride
        model = self._workload.task.model
        return phase_stds(constant_response(model, params, self._response_to, stride))


def _curve_values(denoised: Any, clean: Any) -> dict[str, Any]:
    return {
        "psnr": jnp.mean(image_quality.psnr(denoised, clean)),
        "excess_2": checkerboard.excess_power(denoised - clean, 2),
    }
