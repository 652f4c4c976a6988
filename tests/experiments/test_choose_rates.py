"""Rates are chosen by the best validation PSNR, and rows that end with it are extended."""

from __future__ import annotations

from pathlib import Path

import pytest

from aedenoise.errors import DataError
from experiments.choose_rates import beyond, choose, page, read, table


def test_the_best_rate_is_chosen_and_shown(tmp_path: Path) -> None:
    rows = [
        "upsample:lr0.006,20.5",
        "upsample:lr0.003,20",
        "upsample:lr0.012,20.25",
        "transpose:k4:lr0.012,19",
        "transpose:k4:lr0.006,18",
        "transpose:k4:lr0.024,",  # diverged
    ]
    cells = tmp_path / "cells.csv"
    lines = [f"{row},0.4" for row in rows] + ["upsample:lr0.006,15,0.6"]
    cells.write_text("\n".join(["decoder,psnr,noise_level", *lines]) + "\n")
    both = read(cells)
    assert list(both) == [0.4, 0.6]
    found = both[0.4]
    assert {decoder: choose(rates) for decoder, rates in found.items()} == {
        "upsample": 0.006,
        "transpose:k4": 0.012,
    }
    rows = [
        "| upsample | 20.00 | **20.50** | 20.25 | 0.25 |",
        "| transpose:k4 |  | 18.00 | **19.00** | 0.00 |",
    ]
    assert table(found)[-2:] == rows
    shown = page(both, "rates_noise")
    assert shown[shown.index("## Noise 0.4") + 4 :][:2] == rows
    assert shown[-1] == "| upsample | **15.00** |  |"
    assert beyond(found["upsample"]) is None
    assert beyond(found["transpose:k4"]) == 0.024
    assert beyond({0.003: 2.0, 0.006: 1.0}) == 0.0015


def test_a_folder_without_results_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="run the sweep first"):
        read(tmp_path / "cells.csv")
