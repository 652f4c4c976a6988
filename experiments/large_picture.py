"""How long does a photograph of 24 megapixels take, and how much memory?

python -m experiments.large_picture
python -m experiments.large_picture --update      # experiments/results/large_picture.md

Tiles scikit-image's ``coffee`` (CC0) to 6000 x 4000 pixels, adds noise of 0.1, and runs the command
``denoise`` on it in a process of its own, in colour and in grey.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import skimage.data
from PIL import Image

from experiments.output import add_update_flag, results_folder, write_results
from experiments.pictures import with_noise
from experiments.speed.machine import describe

WIDTH, HEIGHT, LEVEL = 6000, 4000, 0.1


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m experiments.large_picture")
    add_update_flag(parser)
    folder = results_folder(parser.parse_args().update, Path("runs"))
    lines = [
        "# A photograph of 24 megapixels",
        "",
        "Wall-clock seconds and peak resident memory of the command `denoise` on a PNG, with "
        "reading, choice of the network, and writing. Written by `python -m "
        f"experiments.large_picture --update`; {describe()}.",
        "",
        "| picture | options | s | GB |",
        "| --- | --- | --- | --- |",
    ]
    with tempfile.TemporaryDirectory() as name:
        for mode, title in (("RGB", "colour"), ("L", "grey")):
            source = Path(name) / f"{title}.png"
            _picture(mode).save(source, compress_level=1)
            for options in ([], ["--uncertainty"]):
                seconds, memory = _denoise(source, options)
                shown = f"{' '.join(options)}"
                lines.append(f"| {title} | {shown} | {seconds:.0f} | {memory:.2f} |")
                print(lines[-1], flush=True)
    write_results(folder, {"large_picture.md": ("\n".join(lines) + "\n").encode()})


def _picture(mode: str) -> Image.Image:
    part = np.asarray(Image.fromarray(skimage.data.coffee()).convert(mode), np.float32) / 255.0
    down, right = -(-HEIGHT // part.shape[0]), -(-WIDTH // part.shape[1])
    whole = np.tile(part, (down, right) + (1,) * (part.ndim - 2))[:HEIGHT, :WIDTH]
    return Image.fromarray(np.round(with_noise(whole, LEVEL) * 255.0).astype(np.uint8))


def _denoise(source: Path, options: list[str]) -> tuple[float, float]:
    """Returns seconds and peak gigabytes of one process."""
    command = [sys.executable, "-m", "aedenoise.main", "denoise", f"--input={source}"]
    command += [f"--output={source.parent / 'denoised.png'}", "--overwrite", *options]
    begun = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - begun
    if status:
        raise SystemExit(f"{' '.join(command)} failed")
    # Linux reports kibibytes, macOS bytes.
    unit = 1 if sys.platform == "darwin" else 1024
    return seconds, usage.ru_maxrss * unit / 1e9


if __name__ == "__main__":
    main()
