"""Comparisons: intervals that cover, seeds that pair, cells that are trained once."""

from __future__ import annotations

import multiprocessing
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import ROOT
from helpers import SMALL, digest, saved_state, small, study_rows, workload
from scipy import stats

from aedenoise.config.options import RunOptions
from aedenoise.config.study import Cell, Study, parse_decoder, study_from_dict, study_to_dict
from aedenoise.errors import CheckpointError, UsageError
from aedenoise.metrics.statistics import difference, percentile_interval, student_interval
from aedenoise.models import build_autoencoder
from aedenoise.runs.train import train
from aedenoise.studies.comparison import output_table, pairing, report
from aedenoise.studies.comparison.cells import Runner
from aedenoise.studies.comparison.compare import write_report
from aedenoise.studies.comparison.folder import StudyFolder
from aedenoise.studies.comparison.matching import match_networks
from aedenoise.studies.comparison.rows import from_csv, to_csv
from aedenoise.studies.comparison.training import SeedTrainer
from aedenoise.training.task import run_keys

TINY = Study(base=SMALL, decoders=("upsample", "transpose:k3"), steps=(12,), seeds=3)


class TestIntervals:
    def test_intervals_of_eight_normal_seeds_cover_their_mean(self) -> None:
        """Expects 95 % of 300 draws; the standard error of the fraction is 1.3 %."""
        draws = np.random.default_rng(0).normal(size=(300, 8))
        for interval in (percentile_interval, lambda values: student_interval(values, 0.95)):
            ends = [interval(values) for values in draws]
            assert np.mean([low < 0.0 < high for low, high in ends]) == pytest.approx(
                0.95, abs=0.04
            )

    def test_students_interval_is_that_of_the_paired_t_test(self) -> None:
        values = np.random.default_rng(1).normal(0.3, 0.1, size=9)
        expected = stats.ttest_1samp(values, 0.0).confidence_interval(0.99)
        assert student_interval(values.tolist(), 0.99) == pytest.approx(tuple(expected), rel=0.02)

    def test_correction_widens_and_is_the_same_each_time(self) -> None:
        values = [0.1, 0.2, 0.15, 0.12, 0.3, 0.18]
        alone, among = difference(values), difference(values, 16)
        assert (alone.low, alone.high) == (among.low, among.high)
        assert among.corrected_low < alone.corrected_low < alone.mean < alone.corrected_high
        assert among == difference(values, 16)

    def test_one_seed_has_no_interval_and_three_are_never_clear_among_many(self) -> None:
        assert difference([0.5]).low is None
        assert not difference([0.5]).is_clear
        assert not difference([0.4, 0.5, 0.7], 16).is_clear

    def test_five_seeds_have_students_interval_and_six_the_bootstraps(self) -> None:
        values = [0.1, 0.3, 0.2, 0.5, 0.4, 0.15]
        five, six = difference(values[:5]), difference(values)
        assert (five.low, five.high) == student_interval(values[:5], 0.95)
        assert (six.low, six.high) == percentile_interval(values)

    def test_equal_values_have_an_interval_of_no_width(self) -> None:
        assert difference([0.25] * 4, 3).corrected_low == pytest.approx(0.25)


class TestReport:
    def test_pairs_cancel_what_seeds_share(self) -> None:
        shared = [20.0, 22.0, 19.0, 25.0, 21.0, 18.0]
        better = [value + 0.12 + 0.01 * (-1) ** i for i, value in enumerate(shared)]
        found = pairing.compare(
            study_rows({"upsample": shared, "transpose:k3": better}), "upsample"
        )
        psnr = next(c for c in found if c.metric == "psnr")
        assert psnr.difference.mean == pytest.approx(0.12)
        assert report.sentence(psnr) == (
            "transpose k3 is better than upsample by 0.12 dB [0.11, 0.13]; "
            "6 seeds, mnist, noise 0.4, 100 steps, equal parameters"
        )

    def test_what_is_not_clear_is_not_called_better(self) -> None:
        found = pairing.compare(
            study_rows({"a": [1.0, 2.0, 3.0], "b": [1.2, 1.7, 3.2]}), "a", ["psnr"]
        )
        assert "b is not clearly better than a: 0.03 dB [-" in report.sentence(found[0])

    def test_diverged_cells_are_named_and_leave_their_pair_out(self) -> None:
        table = study_rows({"upsample": [20.0, 21.0, 22.0], "transpose:k3": [20.1, None, 22.1]})
        assert pairing.paired(table, "transpose:k3", "upsample", "psnr") == pytest.approx(
            {0: 0.1, 2: 0.1}
        )
        text = report.tables(table, "upsample")
        assert "| 2 of 3 |" in text
        assert "- transpose k3, seed 1, mnist, noise 0.4, 100 steps, equal parameters: " in text
        assert "training diverged by step 50" in text

    def test_a_reference_without_cells_is_no_error(self) -> None:
        text = report.tables(study_rows({"transpose:k3": [None]}), "upsample")
        assert "Nothing to compare yet." in text
        assert "| none |" in text

    def test_the_mean_over_conditions_is_of_the_seeds_that_all_have(self) -> None:
        low = study_rows({"a": [1.0, 2.0, 3.0], "b": [1.5, 2.0, 3.25]})
        high = study_rows({"a": [1.0, 2.0, None], "b": [1.1, 2.2, 3.5]})
        both = low + [row | {"noise_level": 0.8} for row in high]
        *_, pooled = pairing.compare(both, "a", ["psnr"])
        assert str(pooled.condition) == "all conditions, 100 steps, equal parameters"
        assert pooled.difference.seeds == 2
        assert pooled.difference.mean == pytest.approx((0.5 + 0.1 + 0.0 + 0.2) / 4)

    def test_clear_grids_are_bold(self) -> None:
        table = study_rows({"a": [20.0] * 6, "b": [20.0] * 6})
        for row in table:
            row["constant_spread_2"] = 0.01 if row["decoder"] == "a" else 0.02 + row["seed"] / 1e3
        *_, last = report.grids(table, "a", ("parameters", 100)).splitlines()
        assert last == "| b | 0.0000 | **0.0225** | 0.000 |"

    def test_measures_of_outputs_are_differences_to_the_first_decoder(self) -> None:
        table = study_rows({"a": [20.0] * 6, "b": [20.0] * 6})
        for row in table:
            row["shift_psnr"] = 30.0 if row["decoder"] == "a" else 25.0 + row["seed"] / 50
            row["label_flips"] = None
        *_, first, second = output_table.output_tables(table, "a", [("parameters", 100)])[
            -1
        ].splitlines()
        assert first == "| a | 0.00 | 0.00 | 0.000 | 30.00 | 0.00 | 0.00 | - |"
        assert "| **-4.95 [-4.9" in second
        assert second.endswith("| +0.00 [+0.00, +0.00] | - |")

    def test_rows_of_earlier_versions_have_no_measures_of_outputs(self) -> None:
        old = study_rows({"a": [20.0, 21.0], "b": [20.5, 21.5]})
        for row in old:
            for name in pairing.OF_OUTPUTS:
                del row[name]
        assert "Spectrum, shifts" not in report.tables(old, "a")
        # A study that was begun by an earlier version and continued by this one.
        new = study_rows({"a": [None, None, 22.0], "b": [None, None, 22.5]})[2::3]
        both = from_csv(to_csv(old + new))
        assert [row["shift_psnr"] for row in both] == [None] * 4 + [0.0, 0.0]
        assert pairing.paired(both, "b", "a", "shift_psnr") == {2: 0.0}
        assert "| b | +0.00 | +0.00 |" in report.tables(both, "a")

    def test_committed_results_are_reported_as_before(self) -> None:
        folder = ROOT / "experiments" / "results" / "upsample_vs_transpose"
        table = from_csv((folder / "cells.csv").read_text(encoding="utf-8"))
        assert report.tables(table, "upsample") == (folder / "tables.md").read_text(
            encoding="utf-8"
        )

    def test_csv_returns_what_it_was_given(self) -> None:
        table = study_rows({"upsample": [20.125, None]})
        text = to_csv(table)
        assert from_csv(text) == table
        assert to_csv(from_csv(text)) == text
        assert from_csv(to_csv([])) == []

    def test_a_table_of_something_else_is_refused_by_its_line(self) -> None:
        with pytest.raises(CheckpointError, match="line 3 "):
            from_csv("decoder,seed\nupsample,1\nupsample,one\n")


class TestDesign:
    def test_cells_go_seed_by_seed_and_have_names_of_their_own(self) -> None:
        study = replace(TINY, noise_levels=(0.2, 0.4), matches=("parameters", "widths"))
        cells = list(study.cells())
        assert len(cells) == len({cell.name for cell in cells}) == 2 * 2 * 2 * 3
        assert [cell.seed for cell in cells] == sorted(cell.seed for cell in cells)

    def test_json_returns_the_study(self) -> None:
        assert study_from_dict(study_to_dict(TINY)) == TINY
        with pytest.raises(CheckpointError, match="not a study of this version"):
            study_from_dict({**study_to_dict(TINY), "colour": "red"})

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({"matches": ("weight",)}, "unknown match"),
            ({"steps": (0,)}, "steps must be at least 1"),
            ({"seeds": 0}, "seeds must be at least 1"),
            ({"decoders": ("upsample", "upsample")}, "each value once"),
            ({"noise_levels": (0.2, 25.0)}, "use 0.0980"),
            ({"datasets": ("mnits",)}, "did you mean 'mnist'"),
        ],
    )
    def test_wrong_grids_are_refused(self, change: dict[str, Any], words: str) -> None:
        with pytest.raises(UsageError, match=words):
            replace(TINY, **change)


class TestFolder:
    def test_another_study_is_refused_and_more_seeds_are_welcome(self, tmp_path: Path) -> None:
        folder = StudyFolder(tmp_path / "grid")
        folder.claim(replace(TINY, steps=(14,)), overwrite=False)
        folder.claim(TINY, overwrite=False)  # nothing was begun
        folder.networks(dict)
        folder.claim(replace(TINY, seeds=5), overwrite=False)
        assert folder.read()[0].seeds == 5
        folder.claim(TINY, overwrite=False)
        assert folder.read()[0].seeds == 5
        with pytest.raises(CheckpointError, match=r"another study: steps \(12, now 13\)"):
            folder.claim(replace(TINY, steps=(13,)), overwrite=False)
        with pytest.raises(CheckpointError, match=r"another study: batch_size \(32, now 16\)"):
            folder.claim(replace(TINY, base=small(batch_size=16)), overwrite=False)
        folder.claim(replace(TINY, steps=(13,)), overwrite=True)
        assert folder.read()[0].steps == (13,)

    def test_folders_of_other_things_are_refused(self, tmp_path: Path) -> None:
        (tmp_path / "config.json").write_text("{}")
        with pytest.raises(CheckpointError, match="holds a training run"):
            StudyFolder(tmp_path).claim(TINY, overwrite=False)
        (tmp_path / "config.json").unlink()
        (tmp_path / "study.json").write_text("{")
        (tmp_path / "cells").mkdir()
        for overwrite in (False, True):
            with pytest.raises(CheckpointError, match="damaged"):
                StudyFolder(tmp_path).claim(TINY, overwrite=overwrite)
        (tmp_path / "study.json").unlink()
        with pytest.raises(CheckpointError, match=r"has cells but no study\.json"):
            StudyFolder(tmp_path).claim(TINY, overwrite=True)

    @pytest.mark.slow
    def test_a_cell_belongs_to_who_took_it_until_it_is_done(self, tmp_path: Path) -> None:
        folder = StudyFolder(tmp_path)
        folder.claim(TINY, overwrite=False)
        cells = list(TINY.cells())
        with folder.taking(cells[:2]) as mine:
            assert mine == cells[:2]
            assert _taken_elsewhere(tmp_path, cells[:3]) == [cells[2].name]
            folder.record(cells[0], {"psnr": 20.0}, [], {})
        assert _taken_elsewhere(tmp_path, cells[:2]) == [cells[1].name]
        assert folder.results(TINY)[0][0]["psnr"] == 20.0

    def test_cells_of_different_data_are_not_compared(self, tmp_path: Path) -> None:
        folder = StudyFolder(tmp_path)
        folder.claim(TINY, overwrite=False)
        for row in (mixed := study_rows({"upsample": [20.0, 21.0]})):
            row["dataset_digest"] = f"{row['seed']:012d}"
        folder.table.write_text(to_csv(mixed))
        folder.curves.write_text("")
        with pytest.raises(CheckpointError, match="cells of mnist come from different data"):
            write_report(folder)

    def test_a_damaged_cell_is_named(self, tmp_path: Path) -> None:
        folder = StudyFolder(tmp_path)
        folder.claim(TINY, overwrite=False)
        path = tmp_path / "cells" / f"{next(TINY.cells()).name}.json"
        path.write_text("{")
        with pytest.raises(CheckpointError, match="remove it to train its cell again"):
            folder.results(TINY)


def _taken_elsewhere(path: Path, cells: list[Cell]) -> list[str]:
    """Returns those of ``cells`` that another process gets."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        return pool.apply(_take, (path, cells))


def _take(path: Path, cells: list[Cell]) -> list[str]:
    with StudyFolder(path).taking(cells) as mine:
        return [cell.name for cell in mine]


@pytest.fixture(scope="module")
def trainer(data_dir: str) -> SeedTrainer:
    """Makes a trainer for one epoch of a small network on real letters."""
    setup = workload(small(epochs=1), data_dir)
    return SeedTrainer(setup, jnp.asarray(np.asarray(setup.dataset.train.images)))


def assert_same(a: Any, b: Any) -> None:
    """Compares two trees of parameters up to rounding."""
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, atol=2e-5), a, b)


class TestTraining:
    @pytest.mark.slow
    def test_seeds_trained_at_once_are_the_seeds_trained_alone(self, trainer: SeedTrainer) -> None:
        together = trainer.train([3, 4], steps_per_call=3)
        assert together is not None
        for which, seed in enumerate((3, 4)):
            alone = trainer.train([seed], steps_per_call=1)
            assert alone is not None
            assert_same(together.params[which], alone.params[0])

    @pytest.mark.slow
    def test_a_cell_is_the_run_that_the_same_seed_would_be(
        self, trainer: SeedTrainer, data_dir: str, tmp_path: Path
    ) -> None:
        train(small(epochs=1, seed=5), RunOptions(workdir=tmp_path / "run", data_dir=data_dir))
        cell = trainer.train([5], steps_per_call=1)
        assert cell is not None
        assert_same(saved_state(tmp_path / "run", data_dir).params, cell.params[0])

    def test_decoders_of_one_seed_begin_with_one_encoder(self) -> None:
        begun = set()
        for decoder in TINY.decoders:
            model = build_autoencoder(parse_decoder(decoder, SMALL.model), lowering="plain")
            init_key, _ = run_keys(7)
            begun.add(digest(model.init(init_key, jnp.zeros((1, 8, 8, 1)))["params"]["encoder"]))
        assert len(begun) == 1

    def test_it_stops_when_asked(self, trainer: SeedTrainer) -> None:
        assert trainer.train([0], steps_per_call=1, stop_requested=lambda: True) is None

    @pytest.mark.slow
    def test_a_cell_has_every_measure_and_a_spectrum(self, data_dir: str, tmp_path: Path) -> None:
        study = replace(TINY, base=small(data__dataset="mnist"), steps=(8,), seeds=1)
        runner = Runner(study, RunOptions(workdir=tmp_path, data_dir=data_dir), print)
        cell = next(study.cells())
        network = match_networks(("upsample",), study.base.model, (28, 28, 1), "widths")["upsample"]
        found = runner.run([cell], network, steps_per_call=1, stop_requested=lambda: False)
        assert found is not None
        row = found[0].row
        assert set(pairing.COMPARED) <= set(row)
        assert 0.5 <= row["spectrum_accuracy"] <= 1.0
        assert 0.0 <= row["label_flips"] <= 1.0
        assert 0.0 < row["shift_psnr"] < 100.0
        assert row["pgd_drop_db"] > 0.0
        ratios = [abs(point["ratio_db"]) for point in found[0].spectrum]
        assert max(ratios) == row["spectrum_deviation_db"]
        assert len(ratios) == 20
        folder = StudyFolder(tmp_path / "grid")
        folder.claim(study, overwrite=False)
        folder.record(cell, row, found[0].curve, {}, found[0].spectrum)
        write_report(folder, quiet=True)
        spectra = from_csv(folder.spectra.read_text(encoding="utf-8"))
        assert [point["frequency"] for point in spectra][13] == pytest.approx(0.5)
        assert (folder.figures / "spectra.png").stat().st_size > 1000

    @pytest.mark.slow
    def test_a_diverged_cell_has_a_row_without_numbers(self, data_dir: str, tmp_path: Path) -> None:
        study = replace(TINY, base=small(optimizer__learning_rate=1e12), steps=(8,), seeds=2)
        runner = Runner(study, RunOptions(workdir=tmp_path, data_dir=data_dir), print)
        cells = [cell for cell in study.cells() if cell.decoder == "upsample"]
        network = match_networks(("upsample",), study.base.model, (28, 28, 1), "widths")["upsample"]
        found = runner.run(cells, network, steps_per_call=1, stop_requested=lambda: False)
        assert found is not None
        # Found out at the next point of the learning curve.
        assert all(each.row["diverged_at"] in range(1, 9) for each in found)
        assert all(each.row["psnr"] is None for each in found)
        assert all(each.row["shift_psnr"] is None and not each.spectrum for each in found)
