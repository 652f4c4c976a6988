"""Writing of an exported file, after its proof."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from aedenoise.errors import StorageError
from aedenoise.exports.check import Proof, prove
from aedenoise.exports.formats import FORMATS
from aedenoise.exports.network import Network
from aedenoise.exports.options import ExportOptions
from aedenoise.files import check_writable, write_atomically


@dataclass(frozen=True)
class Exported:
    """An exported file.

    Attributes:
      path: the file.
      format: its format.
      size: bytes.
      proof: comparison of its results with those of JAX; None for a page of several runs, and on
        a machine without Node.js and a browser for any page.
    """

    path: Path
    format: str
    size: int
    proof: Proof | None = None

    def __str__(self) -> str:
        line = f"{self.path}: {self.format}, {self.size:,} bytes"
        if self.proof is None:
            return f"{line}; not compared with JAX"
        difference, compared = self.proof.difference, self.proof.compared
        return f"{line}; largest difference from JAX {difference:.1e} ({compared})"


def export_network(network: Network, options: ExportOptions) -> Exported:
    """Writes a network to a file that computes the same.

    Raises:
      ExportError: if the file's results differ from JAX's; nothing is written then.
      StorageError: if the file exists and is not to be replaced, or cannot be written.
      UsageError: if the format cannot hold this network.
    """
    chosen = FORMATS[options.format]
    _check_target(options)
    content = chosen.encode(network)
    run = chosen.load(content, network)
    if run is None:
        return _write(content, options)
    like = network.in_float32() if chosen.float32 else network
    return _write(content, options, prove(run, like))


def export_page(runs: Sequence[Path], options: ExportOptions) -> Exported:
    """Writes the page of several runs.

    Raises:
      CheckpointError: if there is no run or no readable checkpoint.
      StorageError: if the file exists and is not to be replaced, or cannot be written.
      UsageError: if a page cannot carry the networks.
    """
    from aedenoise.exports.page.file import encode_runs

    _check_target(options)
    return _write(encode_runs(runs), options)


def _check_target(options: ExportOptions) -> None:
    if options.target.exists() and not options.overwrite:
        raise StorageError(f"{options.target} already exists; --overwrite replaces it")
    check_writable(options.target.parent)


def _write(content: bytes, options: ExportOptions, proof: Proof | None = None) -> Exported:
    options.target.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(options.target, content)
    return Exported(options.target, options.format, len(content), proof)
