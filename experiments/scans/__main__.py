"""Draws pairs of clean and noisy pages of text, for training or for the test.

python -m experiments.scans scans --pages=400 --seed=0
python -m experiments.scans test scans-test
python -m aedenoise.main denoise --input=scans-test/noisy --output=scans-test/denoised
python -m experiments.ocr scans-test --restored=scans-test/denoised

Pairs are ``FOLDER/clean/NNN.png`` and ``FOLDER/noisy/NNN.png``, grey, of 600 x 800 pixels. The 20
pages of the test have fonts, a text and a seed that training never has, and their text is in
``FOLDER/text``. Without Debian's font packages, which ``fonts.py`` lists, training has Matplotlib's
fonts alone, and the test has none.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from aedenoise.errors import AedenoiseError, UsageError, report
from experiments.scans.fonts import find_families
from experiments.scans.pairs import TEST_PAGES, make_pair, make_test_pair, write_pair


def main(argv: Sequence[str] | None = None) -> int:
    """Writes the pairs; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.scans",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("split", nargs="?", choices=("train", "test"), default="train")
    parser.add_argument("folder", type=Path, help="folder of the pairs")
    parser.add_argument(
        "--pages", type=int, help=f"number of pairs (100; {TEST_PAGES} of the test)"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the training pages (0)")
    given = parser.parse_args(argv)
    test = given.split == "test"
    count = (TEST_PAGES if test else 100) if given.pages is None else given.pages
    try:
        if count < 1:
            raise UsageError(f"--pages must be at least 1, not {count}")
        families = find_families(held_out=test)
        for number in tqdm(range(count), unit="page", disable=not sys.stderr.isatty()):
            pair = (
                make_test_pair(number, families)
                if test
                else make_pair(given.seed, number, families)
            )
            write_pair(given.folder, number, pair, with_text=test)
    except AedenoiseError as error:
        return report(error, debug=False)
    names = f"{len(families)} families" if not test else ", ".join(f.name for f in families)
    print(f"{count} pairs are in {given.folder}; type: {names}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
