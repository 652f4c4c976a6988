"""Options of the command ``export``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from aedenoise.config.fields import check_fields, option
from aedenoise.errors import UsageError
from aedenoise.exports.formats import FORMATS, find_format


@dataclass(frozen=True, kw_only=True)
class ExportOptions:
    """Format and place of an exported file.

    Attributes:
      format: one of ``FORMATS``.
      target: file to write; a suffix is the format's.
      overwrite: replaces an existing file.
    """

    format: str = option("onnx", "format of the exported file", choices=tuple(FORMATS))
    target: Path = Path("model.onnx")
    overwrite: bool = False

    def __post_init__(self) -> None:
        check_fields(self)
        chosen = find_format(self.format)
        if self.target.suffix.lower() != chosen.suffix:
            raise UsageError(
                f"a file of format {self.format} ends with {chosen.suffix}, not {self.target}"
            )
        chosen.check_installed()
