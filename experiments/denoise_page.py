"""Writes docs/denoise.html, the packed network as a page that denoises.

python -m experiments.denoise_page
"""

from __future__ import annotations

from pathlib import Path

from aedenoise.exports.page.file import encode
from aedenoise.files import write_atomically
from aedenoise.inference.pretrained import load_pretrained, pretrained_record

PAGE = Path(__file__).parent.parent / "docs" / "denoise.html"


def content() -> bytes:
    """Returns the page of the packed network."""
    height, width, channels = pretrained_record()["dataset"]["image_shape"]
    return encode(load_pretrained(), (height, width, channels))


if __name__ == "__main__":
    write_atomically(PAGE, content())
