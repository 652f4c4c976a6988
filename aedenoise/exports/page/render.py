"""The page: one HTML file with its networks, images, style and scripts."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from html import escape
from importlib import resources
from typing import Any

import numpy as np

from aedenoise.errors import UsageError
from aedenoise.exports.page.layer import Layer
from aedenoise.exports.page.page_network import PageNetwork

_FILES = resources.files("aedenoise.exports.page")
# The first run in the worker too; a script of each group has the functions of those before it.
_ENGINE = ("convolutions", "resizing", "network", "noise", "quality", "work")
_INTERFACE = ("pictures", "drawing", "page")


def render_page(
    networks: Sequence[PageNetwork], images: np.ndarray, labels: Sequence[str], title: str = ""
) -> str:
    """Renders a page that denoises; it needs no server and opens no connection.

    Args:
      networks: the networks, of equal channels.
      images: images to choose from, uint8 ``[N, H, W, C]`` of the networks' channels.
      labels: their names.
      title: title; empty: made of the networks' names.

    Raises:
      UsageError: if the networks take no common images.
    """
    _check(networks)
    first = networks[0]
    data = {
        "networks": [_network(each) for each in networks],
        "noise": {"kind": first.noise.kind, "level": _level(first), "clip": first.noise.clip},
        "shape": list(images.shape[1:]),
        "images": [
            {"label": label, "data": base64.b64encode(image.tobytes()).decode()}
            for image, label in zip(images, labels, strict=True)
        ],
    }
    engine, interface = _scripts(_ENGINE), _scripts(_INTERFACE)
    style = _read("page.css")
    policy = "; ".join(
        (
            "default-src 'none'",
            f"script-src {_digest(engine)} {_digest(interface)} blob:",
            "worker-src blob:",
            f"style-src {_digest(style)}",
            "img-src data: blob:",
            "connect-src 'none'",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )
    parts = {
        "policy": policy,
        "title": escape(title or f"Denoise: {', '.join(each.name for each in networks)}"),
        "style": style,
        # In JSON "<" occurs inside texts only, where its escape means the same.
        "data": json.dumps(data, separators=(",", ":")).replace("<", "\\u003c"),
        "engine": engine,
        "interface": interface,
    }
    page = _read("page.html")
    before, *rest = page.split("{{")
    return before + "".join(_filled(part, parts) for part in rest)


def _filled(part: str, parts: dict[str, str]) -> str:
    name, _, after = part.partition("}}")
    return parts[name] + after


def _check(networks: Sequence[PageNetwork]) -> None:
    if not networks:
        raise UsageError("a page that denoises needs at least one network")
    if len({each.shape[-1] for each in networks}) > 1:
        raise UsageError("networks of grey and of colour images do not share a page")
    if len({each.size for each in networks if each.size}) > 1:
        raise UsageError("networks of different fixed sizes do not share a page")


def _level(network: PageNetwork) -> float:
    noise = network.noise
    return noise.level if noise.level_max is None else (noise.level + noise.level_max) / 2


def _network(network: PageNetwork) -> dict[str, Any]:
    noise = network.noise
    return {
        "name": network.name,
        "facts": list(network.facts.items()),
        "encoder": network.encoder,
        "first": network.first,
        "step": network.step,
        "size": network.size,
        "kind": noise.kind,
        "levels": [noise.level, noise.level_max or noise.level] if network.conditioned else None,
        "layers": [_layer(layer) for layer in network.layers],
        "untrained": None if network.untrained is None else _array(network.untrained),
    }


def _layer(layer: Layer) -> dict[str, Any]:
    record: dict[str, Any] = {"op": layer.op, **layer.options}
    for name, array in (("kernel", layer.kernel), ("bias", layer.bias)):
        if array is not None:
            record[name] = _array(array)
    return record


def _array(array: np.ndarray) -> dict[str, Any]:
    data = np.ascontiguousarray(array, "<f4").tobytes()
    return {"shape": list(array.shape), "data": base64.b64encode(data).decode()}


def _scripts(names: Sequence[str]) -> str:
    text = "\n".join(_read(f"{name}.js") for name in names)
    if "</script" in text.lower() or "<!--" in text:
        raise ValueError("a script of the page ends its own element")
    return text


def _read(name: str) -> str:
    return (_FILES / name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
