"""Chooses the learning rate of each decoder from the validation PSNR of a sweep.

python -m experiments.choose_rates runs/compare-rates
python -m experiments.choose_rates runs/compare-rates --update    # experiments/results/rates.md

The sweeps are the comparisons rates, rates_mnist, rates_noise and rates_long.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

from aedenoise.errors import AedenoiseError, DataError
from aedenoise.studies.comparison.folder import StudyFolder
from experiments.output import add_update_flag, results_folder, write_results

Rates = dict[float, float]
Sweep = dict[float, dict[str, Rates]]
USUAL = 0.012


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m experiments.choose_rates")
    parser.add_argument("workdir", type=Path, help="folder of the sweep")
    add_update_flag(parser)
    arguments = parser.parse_args()
    found = read(arguments.workdir / "cells.csv")
    folder = results_folder(arguments.update, arguments.workdir)
    name = StudyFolder(arguments.workdir).read()[0].name
    lines = page(found, name)
    write_results(folder, {f"{name}.md": ("\n".join(lines) + "\n").encode()})
    print("\n".join(lines))
    for level, decoders in found.items():
        missing = [
            f"{decoder}:lr{rate:g}"
            for decoder, rates in decoders.items()
            if (rate := beyond(rates))
        ]
        if missing:
            print(
                f"noise {level:g}: the best rate is at the end of its row; train also "
                f"{','.join(missing)}"
            )


def read(path: Path) -> Sweep:
    """Reads the PSNR in dB by noise level, decoder and learning rate.

    Raises:
      DataError: if the file is missing.
    """
    found: Sweep = {}
    try:
        with path.open(newline="") as file:
            for row in csv.DictReader(file):
                decoder, _, rate = row["decoder"].rpartition(":lr")
                if row["psnr"]:
                    decoders = found.setdefault(float(row["noise_level"]), {})
                    decoders.setdefault(decoder, {})[float(rate)] = float(row["psnr"])
    except FileNotFoundError:
        raise DataError(f"there is no {path}; run the sweep first") from None
    return {
        level: {decoder: dict(sorted(rates.items())) for decoder, rates in decoders.items()}
        for level, decoders in sorted(found.items())
    }


def choose(rates: Rates) -> float:
    """Returns the rate with the best PSNR."""
    return max(rates, key=lambda rate: rates[rate])


def beyond(rates: Rates) -> float | None:
    """Returns the next rate to try, where the best one is the smallest or the largest."""
    best = choose(rates)
    if best == max(rates):
        return best * 2
    return best / 2 if best == min(rates) else None


def page(found: Sweep, name: str) -> list[str]:
    """Lists the tables of the sweep ``name``, one for each noise level."""
    lines = [
        f"# Learning rates ({name})",
        "",
        "Validation PSNR in dB of each decoder by peak learning rate, from `python -m "
        f"aedenoise.main --mode=compare --experiment={name}`; bold is the best. The last column is "
        "what the choice gains on the default rate.",
    ]
    for level, decoders in found.items():
        lines += ["", *([f"## Noise {level:g}", ""] if len(found) > 1 else []), *table(decoders)]
    return lines


def table(decoders: dict[str, Rates]) -> list[str]:
    """Lists the PSNR by decoder and rate at one noise level; the chosen rate is bold."""
    columns = sorted({rate for rates in decoders.values() for rate in rates})
    lines = [
        f"| decoder | {' | '.join(f'{rate:g}' for rate in columns)} | gain on {USUAL:g} |",
        f"| --- {'| --- ' * (len(columns) + 1)}|",
    ]
    for decoder, rates in decoders.items():
        best = choose(rates)
        shown = {rate: f"{psnr:.2f}" for rate, psnr in rates.items()}
        shown[best] = f"**{shown[best]}**"
        cells = [shown.get(rate, "") for rate in columns]
        gain = f"{rates[best] - rates[USUAL]:.2f}" if USUAL in rates else ""
        lines.append(f"| {decoder} | {' | '.join(cells)} | {gain} |")
    return lines


if __name__ == "__main__":
    try:
        main()
    except AedenoiseError as error:
        raise SystemExit(f"choose_rates: {error}") from None
