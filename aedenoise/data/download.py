"""Checked downloads: the complete file with the expected digest, or none."""

from __future__ import annotations

import csv
import hashlib
import http.client
import sys
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from aedenoise.errors import DataError

CHECKSUMS = Path(__file__).resolve().parent / "checksums.tsv"
_SECONDS = 20  # timeout of a connection without data
_BLOCK = 2**18


class _NotThereError(Exception):
    """An address does not serve the file; the text gives the reason."""


def addresses(file: str) -> list[str]:
    """Returns the addresses of a file in checksums.tsv (columns: address, size, SHA-256, file)."""
    with open(CHECKSUMS, encoding="utf-8", newline="") as table:
        return [row[0] for row in csv.reader(table, delimiter="\t") if row[3] == file]


def download(file: str, size: int, sha256: str, folder: Path, sources: Sequence[str]) -> Path:
    """Downloads ``folder / file`` from the first of ``sources`` that serves it. No other process
    may write there at the same time.

    Raises:
      DataError: if no address serves a file of ``size`` bytes with digest ``sha256``; the caller
        adds the name of the file to the text.
    """
    path, part = folder / file, folder / f"{file}.part"
    if path.exists() and file_digest(path) == sha256:
        return path
    folder.mkdir(parents=True, exist_ok=True)
    reasons = []
    for address in sources:
        try:
            _fetch(address, size, sha256, part)
            part.replace(path)
            return path
        except _NotThereError as reason:
            reasons.append(f"{address}: {reason}")
        finally:
            part.unlink(missing_ok=True)
    raise DataError(f"cannot be downloaded ({'; '.join(reasons)})")


def _fetch(address: str, size: int, sha256: str, part: Path) -> None:
    digest = hashlib.sha256()
    found = 0
    try:
        with (
            # A fresh opener: the global one keeps the proxy settings of its first use.
            urllib.request.build_opener().open(address, timeout=_SECONDS) as source,
            open(part, "wb") as target,
            tqdm(
                total=size,
                unit="B",
                unit_scale=True,
                desc=f"downloading {part.stem}",
                disable=not sys.stderr.isatty(),
                leave=False,
            ) as bar,
        ):
            while found <= size and (block := source.read(_BLOCK)):
                # Captive portals and expired links answer 200 with a page of HTML.
                if not found and block.lstrip()[:1] == b"<":
                    raise _NotThereError("a web page, no archive")
                target.write(block)
                digest.update(block)
                found += len(block)
                bar.update(len(block))
    except urllib.error.HTTPError as error:
        raise _NotThereError(f"HTTP {error.code}") from error
    except urllib.error.URLError as error:
        raise _NotThereError(str(error.reason)) from error
    except (TimeoutError, ConnectionError, http.client.HTTPException) as error:
        raise _NotThereError(f"broke off after {found:,} bytes ({type(error).__name__})") from error
    if found != size:
        more = "more than " if found > size else ""
        raise _NotThereError(f"{more}{min(found, size):,} bytes, expected {size:,}")
    if digest.hexdigest() != sha256:
        raise _NotThereError(f"SHA-256 {digest.hexdigest()}, expected {sha256}")


def file_digest(path: Path) -> str:
    """Computes the SHA-256 of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
