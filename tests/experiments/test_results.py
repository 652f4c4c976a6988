"""The committed studies: their tables and the README follow from their cells."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT

from aedenoise.errors import UsageError
from aedenoise.studies.comparison import report
from aedenoise.studies.comparison.folder import StudyFolder
from aedenoise.studies.comparison.pairing import differences_table
from aedenoise.studies.comparison.rows import from_csv, to_csv
from experiments import (
    adversarial,
    adversarial_weights,
    blind,
    blind_levels,
    gan,
    generators,
    mlp_basic,
    output,
    published,
    sdae,
)
from experiments.report import BLOCKS, DOCUMENTS, RESULTS, STUDIES, with_blocks


@pytest.mark.parametrize("name", STUDIES)
@pytest.mark.slow
def test_tables_come_from_the_cells_to_the_byte(name: str) -> None:
    folder = StudyFolder(RESULTS / name)
    study, networks = folder.read()
    assert networks is not None
    text = folder.table.read_text(encoding="utf-8")
    rows = from_csv(text)
    assert to_csv(rows) == text
    assert len(rows) == len(list(study.cells()))
    reference = study.decoders[0]
    assert (folder.path / "tables.md").read_text("utf-8") == report.tables(rows, reference)
    differences = to_csv(differences_table(rows, reference))
    assert (folder.path / "differences.csv").read_text("utf-8") == differences


def test_documents_say_what_the_tables_say() -> None:
    for path in DOCUMENTS:
        text = path.read_text(encoding="utf-8")
        assert any(begin in text for begin in BLOCKS), path.relative_to(ROOT)
        assert with_blocks(text) == text, path.relative_to(ROOT)


def test_the_blind_network_says_what_its_file_says() -> None:
    found = json.loads((RESULTS / "blind.json").read_text(encoding="utf-8"))
    said = " ".join((blind.__doc__ or "").split())
    assert found["sentence"] in said
    assert blind_levels.sentence(blind.EXPERIMENT.epochs, found["psnr"]) == found["sentence"]


def test_what_is_said_of_codes_is_in_their_files() -> None:
    header = " ".join((sdae.__doc__ or "").split())
    page = (ROOT / "docs" / "representations.md").read_text(encoding="utf-8")
    for name in ("mnist", "open", "small"):
        found = json.loads((RESULTS / "probe" / f"{name}.json").read_text(encoding="utf-8"))
        for kind in ("pixels", "code", "tuned"):
            share, low, high = (
                f"{100 * found[kind][key]:.2f}" for key in ("accuracy", "low", "high")
            )
            assert f"{share} %" in header, (name, kind)
            assert f"{share} [{low}, {high}]" in page, (name, kind)


def test_what_is_said_of_a_plain_code_is_in_its_file() -> None:
    header = " ".join((mlp_basic.__doc__ or "").split())
    found = json.loads((RESULTS / "probe" / "mlp_basic.json").read_text(encoding="utf-8"))
    for kind in ("pixels", "code", "tuned"):
        assert f"{100 * found[kind]['accuracy']:.2f} %" in header, kind


def test_what_is_said_of_generators_is_in_their_file() -> None:
    rows = json.loads((RESULTS / "gan.json").read_text(encoding="utf-8"))
    assert (RESULTS / "gan.md").read_text(encoding="utf-8") == generators.table(rows)
    header = " ".join((gan.__doc__ or "").split())
    assert {row["epochs"] for row in rows} == {gan.EXPERIMENT.epochs}
    for decoder in ("upsample", "transpose"):
        own = [row["made"] for row in rows if row["decoder"] == decoder]
        frechet, sure = (np.mean([made[key] for made in own]) for key in ("frechet", "sure"))
        assert f"{frechet:.2f}" in header, decoder
        assert f"{100 * sure:.1f} %" in header, decoder
    least = min(row["made"]["least_class"] for row in rows)
    assert f"{100 * least:.1f} %" in header


def test_what_is_said_of_denoisers_that_look_real_is_in_their_file() -> None:
    rows = json.loads((RESULTS / "adversarial.json").read_text(encoding="utf-8"))
    text = (RESULTS / "adversarial.md").read_text(encoding="utf-8")
    assert text == adversarial_weights.table(rows)
    header = " ".join((adversarial.__doc__ or "").split())
    assert {0.0, adversarial.EXPERIMENT.adversary.weight} < {row["weight"] for row in rows}
    for row in rows:
        for key, form in (("psnr", ".2f"), ("sharpness", ".3f"), ("frechet", ".2f")):
            assert f"{row[key]:{form}}" in header


def test_a_run_of_fewer_epochs_does_not_replace_a_published_one() -> None:
    committed = published.read_curves()
    old = committed[0]
    assert published.with_runs(committed, [old]) == committed
    shorter = dataclasses.replace(old, values={1: 0.1})
    with pytest.raises(UsageError, match="the run has 1 epochs"):
        published.with_runs(committed, [shorter])
    other = dataclasses.replace(shorter, seed=old.seed + 99)
    assert len(published.with_runs(committed, [other])) == len(committed) + 1


def test_scripts_write_beside_runs_without_update(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output.write_results(output.results_folder(False, tmp_path / "runs"), {"a.json": b"[]"})
    assert (tmp_path / "runs" / "a.json").read_bytes() == b"[]"
    assert "the committed ones with --update" in capsys.readouterr().out
    assert output.results_folder(True, tmp_path) == RESULTS
    with pytest.raises(UsageError, match="have not: b;"):
        output.check_nothing_lost(["a", "b"], ["a", "c"])
