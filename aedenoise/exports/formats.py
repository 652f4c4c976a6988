"""The formats of exported files, each declared once. To add one, add its ``Format`` here.

Modules are imported when a format is used: the command line reads this table for its flags.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from aedenoise.config.validation import check_known
from aedenoise.errors import UsageError

if TYPE_CHECKING:
    import numpy as np

    from aedenoise.exports.network import Network

Run = Callable[..., "np.ndarray"]


@dataclass(frozen=True, kw_only=True)
class Format:
    """A format of exported files.

    Attributes:
      suffix: ending of its files.
      stem: name of the file where none is given.
      encode: returns the content of a network's file.
      load: returns the function that a file's content holds, ``(noisy[, level]) -> denoised`` or
        ``(latent) -> image``, by which the file is checked, or None if this machine has no
        program for it; also receives the network.
      float32: files compute in float32, whatever the network's precision is.
      libraries: packages of the extra ``export`` that it needs.
    """

    suffix: str
    encode: Callable[[Network], bytes]
    load: Callable[[bytes, Network], Run | None]
    stem: str = "model"
    float32: bool = False
    libraries: tuple[str, ...] = ()

    def check_installed(self) -> None:
        """Raises ``UsageError`` if a library is missing."""
        missing = [name for name in self.libraries if importlib.util.find_spec(name) is None]
        if missing:
            raise UsageError(
                f"this format needs {' and '.join(missing)}; pip install 'aedenoise[export]'"
            )


def _encode_onnx(network: Network) -> bytes:
    from aedenoise.exports.onnx import file

    return file.encode(network)


def _load_onnx(content: bytes, _: Network) -> Run:
    from aedenoise.exports.onnx import file

    return file.load(content)


def _encode_stablehlo(network: Network) -> bytes:
    from aedenoise.exports import stablehlo

    return stablehlo.encode(network)


def _load_stablehlo(content: bytes, _: Network) -> Run:
    from aedenoise.exports import stablehlo

    return stablehlo.load(content)


def _encode_safetensors(network: Network) -> bytes:
    from aedenoise.exports import safetensors

    return safetensors.encode(network)


def _load_safetensors(content: bytes, network: Network) -> Run:
    from aedenoise.exports import safetensors

    return safetensors.load(content, network)


def _encode_page(network: Network) -> bytes:
    from aedenoise.exports.page import file

    return file.encode(network.source, network.image_shape)


def _load_page(content: bytes, _: Network) -> Run | None:
    from aedenoise.exports.page.engine import find_engine, run_page

    engine = find_engine()
    if engine is None:
        return None

    def run(noisy: np.ndarray, level: np.ndarray | None = None) -> np.ndarray:
        return run_page(engine, content, noisy, None if level is None else float(level[0]))[0]

    return run


FORMATS: dict[str, Format] = {
    "onnx": Format(
        suffix=".onnx",
        encode=_encode_onnx,
        load=_load_onnx,
        float32=True,
        libraries=("onnx", "onnxruntime"),
    ),
    "stablehlo": Format(suffix=".stablehlo", encode=_encode_stablehlo, load=_load_stablehlo),
    "safetensors": Format(
        suffix=".safetensors", encode=_encode_safetensors, load=_load_safetensors
    ),
    # Reports link to a page of this name.
    "html": Format(suffix=".html", encode=_encode_page, load=_load_page, stem="denoise"),
}


def find_format(name: str) -> Format:
    """Returns the format of a name.

    Raises:
      UsageError: if it is unknown.
    """
    check_known("format", name, tuple(FORMATS))
    return FORMATS[name]


def is_file_of_network(path: Path) -> bool:
    """Returns True for the path of a safetensors file, which need not exist."""
    return path.suffix.lower() == FORMATS["safetensors"].suffix and not path.is_dir()
