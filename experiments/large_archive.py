"""What does an archive of the size of notMNIST_large cost in time and memory?

python -m experiments.large_archive --folder=DIR        (a folder with 3 GB to spare)

Answer: on 2 CPU cores (AMD EPYC) prepared in 224 s (362 s next to another program that kept both
busy), peak memory 1.01 GB; loaded again in 1.0 s (0.45 GB); read from disk, it is ready in 0.8 s
and gives 6,140 images/s in random order (0.28 GB). Python 3.11, 2026-11-23.

The script makes the archive once: 529,119 members in Bulatov's layout, of which 529,114 are letters
of notmnist/open, each shifted by a few pixels so that hardly two are alike, and 5 are unreadable.
Three processes then prepare it, load it again, and read it from disk.
"""

from __future__ import annotations

import argparse
import gzip
import io
import os
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from aedenoise.data.archive import ARCHIVES
from aedenoise.data.builders import FILES, LETTERS

LARGE = ARCHIVES["large"]
UNREADABLE = ("A/0", "A/1", "A/2", "B/0", "D/0")
CODE = """
import resource, sys, time
start = time.monotonic()
from aedenoise.data.batches import TrainBatches
from aedenoise.data.reading import load
from aedenoise.data.streaming import ReadAhead
what, folder = sys.argv[1:]
budget = 64 * 2**20 if what == "from disk" else 4 * 2**30
data = load("notmnist/large", folder + "/data", print, manual_dir=folder, memory_budget=budget)
seconds = time.monotonic() - start
line = f"{what}: {seconds:.1f} s, {len(data.train.images):,} + {len(data.test.images):,} images"
if what == "prepare":
    facts = data.facts
    print(f"{len(facts['unreadable'])} unreadable, {facts['left_out_of_test']:,} left out")
if what == "from disk":
    batches = TrainBatches(data.train.images, batch_size=128, seed=0)
    ahead = ReadAhead(batches, batches.steps_per_epoch, batches.steps_per_epoch)
    ahead(0)
    start = time.monotonic()
    for step in range(1, 1001):
        ahead(step)
    line += f", {128_000 / (time.monotonic() - start):,.0f} images/s in random order"
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
print(f"{line}, peak {peak:.2f} GB")
"""


def main() -> None:
    """Makes the archive if it is missing, and prints a line for each of the three processes."""
    parser = argparse.ArgumentParser(prog="python -m experiments.large_archive")
    parser.add_argument("--folder", type=Path, required=True)
    folder: Path = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    archive = folder / LARGE.file
    if not archive.exists():
        start = time.monotonic()
        part = archive.with_suffix(".part")
        _write(part)
        part.replace(archive)
        print(f"made in {time.monotonic() - start:.0f} s", flush=True)
    print(f"{archive.name}: {archive.stat().st_size:,} bytes, {os.cpu_count()} cores", flush=True)
    for what in ("prepare", "load again", "from disk"):
        subprocess.run([sys.executable, "-c", CODE, what, str(folder)], check=True)


def _write(path: Path) -> None:
    with np.load(FILES / "notmnist_open.npz", allow_pickle=False) as packed:
        images, labels, fonts = packed["image"], packed["label"], packed["font"]
    shifts = [(down, right) for down in range(-3, 4) for right in range(-3, 4)]
    with gzip.open(path, "wb", 6) as zipped, tarfile.open(fileobj=zipped, mode="w") as tar:
        for name in UNREADABLE:
            tar.addfile(tarfile.TarInfo(f"notMNIST_large/{name}.png"))
        for k in tqdm(range(LARGE.readable), unit="image", disable=not sys.stderr.isatty()):
            turn, i = divmod(k, len(images))
            buffer = io.BytesIO()
            Image.fromarray(np.roll(images[i], shifts[turn], (0, 1))).save(buffer, "PNG")
            name = f"notMNIST_large/{LETTERS[labels[i]]}/f{fonts[i]:04}_{turn:02}.png"
            member = tarfile.TarInfo(name)
            member.size = buffer.tell()
            buffer.seek(0)
            tar.addfile(member, buffer)


if __name__ == "__main__":
    main()
