"""Measures how many characters a program reads wrongly on noisy, denoised and clean pages.

python -m experiments.scans test scans-test
python -m aedenoise.main denoise --input=scans-test/noisy --output=scans-test/denoised
python -m experiments.ocr scans-test --restored=scans-test/denoised

The program is Tesseract with its English data: apt-get install tesseract-ocr. The character error
rate is the Levenshtein distance to the page's text, divided by the number of its characters, over
all pages together. Its ratio to the rate of the noisy pages has a 95 % interval, by bootstrap over
pages.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from aedenoise.errors import AedenoiseError, DataError, report
from aedenoise.files import write_atomically

PROGRAM = "tesseract"
MISSING = f"{PROGRAM} is not installed; apt-get install tesseract-ocr"
SECONDS = 300
_RESAMPLES = 10_000
# Typographic characters that Tesseract writes where a text has the plain ones.
_PLAIN = str.maketrans(
    {0x2018: "'", 0x2019: "'", 0x201C: '"', 0x201D: '"', 0x2013: "-", 0x2014: "-"}
)


def edit_distance(text: str, other: str) -> int:
    """Returns the Levenshtein distance: insertions, deletions and substitutions of characters."""
    codes = np.array([ord(character) for character in other], np.int64)
    places = np.arange(len(other) + 1)
    row = places
    for number, character in enumerate(text, 1):
        found = np.empty_like(row)
        found[0] = number
        found[1:] = np.minimum(row[1:] + 1, row[:-1] + (codes != ord(character)))
        # Insertions run along the row: the least of all places to the left plus their distance.
        row = np.minimum.accumulate(found - places) + places
    return int(row[-1])


def normalise(text: str) -> str:
    """Makes quotes and dashes plain, and every run of white space or of dashes one character."""
    plain = text.translate(_PLAIN)
    return " ".join(re.sub(r"\s*-[\s-]*", "-", plain).split())


def read_text(picture: Path) -> str:
    """Returns the text that Tesseract finds in a picture.

    Raises:
      DataError: if the program is missing, or fails on the picture.
    """
    if shutil.which(PROGRAM) is None:
        raise DataError(MISSING)
    # Block of text: the search for columns takes the noise of a margin for letters.
    command = [PROGRAM, str(picture), "stdout", "-l", "eng", "--psm", "6"]
    one_thread = {**os.environ, "OMP_THREAD_LIMIT": "1"}
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=SECONDS, env=one_thread, check=False
    )
    if done.returncode != 0:
        last = done.stderr.strip().splitlines()[-1:] or ["no message"]
        raise DataError(f"{PROGRAM} fails on {picture.name}: {last[0]}")
    return done.stdout


def count_errors(pictures: Sequence[Path], texts: Sequence[str], *, processes: int) -> np.ndarray:
    """Returns the edit distance of each page to its text, int64 ``[N]``."""
    with ThreadPoolExecutor(processes) as pool:
        found = list(pool.map(read_text, pictures))
    pairs = zip(texts, found, strict=True)
    return np.array([edit_distance(normalise(t), normalise(f)) for t, f in pairs], np.int64)


def ratio_interval(errors: np.ndarray, reference: np.ndarray) -> tuple[float, float, float]:
    """Returns the ratio of summed errors to summed reference errors, with its 95 % interval.

    The interval is the percentile bootstrap's (Efron 1979), over pages.

    Args:
      errors: errors by page, ``[N]``.
      reference: errors of the same pages, ``[N]``.
    """

    drawn = np.random.default_rng(0).integers(len(errors), size=(_RESAMPLES, len(errors)))
    ratios = errors[drawn].sum(axis=1) / np.maximum(reference[drawn].sum(axis=1), 1)
    low, high = np.percentile(ratios, (2.5, 97.5))
    return float(errors.sum() / max(reference.sum(), 1)), float(low), float(high)


def make_table(errors: Mapping[str, np.ndarray], characters: np.ndarray) -> str:
    """Returns a table in Markdown with a row for each kind of pages.

    Args:
      errors: errors by page, ``[N]``, for each kind; ``noisy`` is the reference.
      characters: characters by page, ``[N]``.
    """
    lines = [
        "| pages | character error rate | median page | ratio to noisy, 95 % |",
        "| --- | --- | --- | --- |",
    ]
    for kind, count in errors.items():
        rate, median = count.sum() / characters.sum(), np.median(count / characters)
        ratio, low, high = ratio_interval(count, errors["noisy"])
        interval = "1" if kind == "noisy" else f"{ratio:.2f} [{low:.2f}, {high:.2f}]"
        lines.append(f"| {kind} | {100 * rate:.1f} % | {100 * median:.1f} % | {interval} |")
    return "\n".join(lines)


def find_restored(folder: Path, stem: str) -> Path:
    """Returns the denoised picture of a page, named as the page or ``NNN-denoised``.

    Raises:
      DataError: if there is none.
    """
    for name in (f"{stem}.png", f"{stem}-denoised.png"):
        if (folder / name).is_file():
            return folder / name
    raise DataError(f"{folder} has no {stem}.png; denoise all pages of the test")


def main(argv: Sequence[str] | None = None) -> int:
    """Prints the table; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.ocr",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, help="folder of the test")
    parser.add_argument("--restored", type=Path, help="folder of the denoised pages")
    parser.add_argument("--output", type=Path, help="file for the table")
    parser.add_argument("--processes", type=int, default=2, help="pages read at once (2)")
    given = parser.parse_args(argv)
    try:
        table = _measure(given.folder, given.restored, given.processes)
        print(table)
        if given.output is not None:
            write_atomically(given.output, (table + "\n").encode())
    except AedenoiseError as error:
        return report(error, debug=False)
    return 0


def _measure(folder: Path, restored: Path | None, processes: int) -> str:
    files = sorted((folder / "text").glob("*.txt"))
    if not files:
        raise DataError(f"no text in {folder}/text; python -m experiments.scans test {folder}")
    texts = [file.read_text(encoding="utf-8") for file in files]
    pictures = {
        kind: [folder / kind / f"{f.stem}.png" for f in files] for kind in ("clean", "noisy")
    }
    if restored is not None:
        pictures["denoised"] = [find_restored(restored, file.stem) for file in files]
    errors = {
        kind: count_errors(paths, texts, processes=processes) for kind, paths in pictures.items()
    }
    return make_table(errors, np.array([len(normalise(text)) for text in texts]))


if __name__ == "__main__":
    sys.exit(main())
