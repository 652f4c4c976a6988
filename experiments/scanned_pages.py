"""How much does the packed network for pages improve scans, to the eye and to a reader?

python -m experiments.scanned_pages
python -m experiments.scanned_pages --update       # experiments/results/scanned_pages.md

20 pages of the test of ``experiments.scans``: their fonts, text and damage are in no training. The
classical methods get, of their settings, the one that is best over all pages, and the level that
scikit-image estimates on each page. The character error rate is that of ``experiments.ocr``, if
Tesseract is installed.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image
from skimage.restoration import denoise_nl_means, denoise_tv_chambolle, estimate_sigma

import aedenoise
from aedenoise.errors import AedenoiseError
from experiments import ocr
from experiments.output import add_update_flag, results_folder, write_results
from experiments.scans.fonts import find_families
from experiments.scans.pairs import TEST_PAGES, make_test_pair
from experiments.speed.machine import describe

Pages = list[np.ndarray]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m experiments.scanned_pages")
    add_update_flag(parser)
    parser.add_argument("--workdir", help="a run instead of the packed network for pages")
    given = parser.parse_args()
    folder = results_folder(given.update, Path("runs"))
    families = find_families(held_out=True)
    pairs = [make_test_pair(number, families) for number in range(TEST_PAGES)]
    clean, noisy = ([_float(getattr(p, kind)) for p in pairs] for kind in ("clean", "noisy"))
    network = aedenoise.load(given.workdir, network=None if given.workdir else "pages")
    restored = {
        "input": noisy,
        "pages": [np.asarray(network(page[None, ..., None])[0, ..., 0]) for page in noisy],
        "non-local means": _best(_non_local_means, (0.6, 0.8, 1.0, 1.5, 2.0), clean, noisy),
        "total variation": _best(_total_variation, (0.02, 0.05, 0.1, 0.2, 0.4), clean, noisy),
    }
    text = "\n\n".join(
        [
            "# Scanned pages",
            f"{TEST_PAGES} pages of 600 x 800 pixels that no network saw, damaged like scans. "
            f"Written by `python -m experiments.scanned_pages --update`; {describe()}.",
            _psnr_table(clean, restored),
            *_reading(clean, restored, [pair.text for pair in pairs]),
        ]
    )
    print(text)
    write_results(folder, {"scanned_pages.md": (text + "\n").encode()})


def _float(pixels: np.ndarray) -> np.ndarray:
    return np.asarray(pixels.astype(np.float32) / np.float32(255.0))


def _psnr(page: np.ndarray, clean: np.ndarray) -> float:
    return float(-10.0 * np.log10(np.mean(np.square(np.clip(page, 0.0, 1.0) - clean))))


def _mean_psnr(pages: Pages, clean: Pages) -> float:
    return float(np.mean([_psnr(*pair) for pair in zip(pages, clean, strict=True)]))


def _best(
    method: Callable[..., np.ndarray], settings: tuple[float, ...], clean: Pages, noisy: Pages
) -> Pages:
    tried = [list(map(partial(method, setting=setting), noisy)) for setting in settings]
    return max(tried, key=lambda pages: _mean_psnr(pages, clean))


def _non_local_means(page: np.ndarray, *, setting: float) -> np.ndarray:
    level = estimate_sigma(page)
    return np.asarray(
        denoise_nl_means(page, h=setting * level, sigma=level, patch_size=5, patch_distance=9)
    )


def _total_variation(page: np.ndarray, *, setting: float) -> np.ndarray:
    return np.asarray(denoise_tv_chambolle(page, weight=setting))


def _psnr_table(clean: Pages, restored: dict[str, Pages]) -> str:
    lines = [
        f"| page | {' | '.join(restored)} | gain on the best classical |",
        f"| ---{' | ---' * (len(restored) + 1)} |",
    ]
    rows = np.array(
        [[_psnr(page, own) for page, own in zip(pages, clean, strict=True)]
         for pages in restored.values()]
    ).T  # fmt: skip
    names = [*(f"{number:03}" for number in range(len(rows))), "mean"]
    for name, row in zip(names, [*rows, rows.mean(axis=0)], strict=True):
        values = " | ".join(f"{value:.2f}" for value in row)
        lines.append(f"| {name} | {values} | {row[1] - max(row[2:]):+.2f} |")
    return "\n".join(["PSNR in dB:", "", *lines])


def _reading(clean: Pages, restored: dict[str, Pages], texts: list[str]) -> list[str]:
    """Returns the table of character error rates, if there is a program that reads."""
    if shutil.which(ocr.PROGRAM) is None:
        return [f"Character error rates were not measured: {ocr.MISSING}."]
    kinds = {"clean": clean, "noisy": restored["input"], **restored}
    del kinds["input"]
    errors = {}
    with tempfile.TemporaryDirectory() as place:
        for kind, pages in kinds.items():
            files = [Path(place) / f"{kind}-{i:03}.png" for i in range(len(pages))]
            for file, page in zip(files, pages, strict=True):
                Image.fromarray(np.rint(np.clip(page, 0.0, 1.0) * 255.0).astype(np.uint8)).save(
                    file
                )
            errors[kind] = ocr.count_errors(files, texts, processes=2)
    characters = np.array([len(ocr.normalise(text)) for text in texts])
    return ["Characters that Tesseract reads wrongly:", ocr.make_table(errors, characters)]


if __name__ == "__main__":
    try:
        main()
    except AedenoiseError as error:
        raise SystemExit(f"scanned_pages: {error}") from None
