"""Runs the network of a page outside of it, by the page's own scripts: in Node.js or a browser."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from aedenoise.errors import ExportError

_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_SECONDS = 300
# Appended to the scripts of the page: the images that come in one call.
_CALL = """
function denoiseAll({ record, height, width, channels, images, level }) {
  const network = loadNetwork(record);
  const image = (data) => ({ height, width, channels, data: Float32Array.from(data) });
  const once = (data) => denoise(network, image(data), level);
  once(images[0]);
  const start = performance.now();
  const results = images.map(once);
  const milliseconds = (performance.now() - start) / images.length;
  return JSON.stringify({ milliseconds, images: results.map(({ data }) => Array.from(data)) });
}
"""
_IN_NODE = """
const { code, given } = JSON.parse(require("fs").readFileSync(0, "utf8"));
console.log(require("vm").runInThisContext(code + "; denoiseAll")(given));
"""
_IN_BROWSER = """<!doctype html><meta charset="utf-8"><body><script>{code}
document.body.textContent = "result:" + denoiseAll({given}) + ":end";</script>"""


@dataclass(frozen=True)
class Engine:
    """A program that runs JavaScript.

    Attributes:
      name: its name.
      run: ``(scripts, argument of denoiseAll) -> its result``.
    """

    name: str
    run: Callable[[str, dict[str, Any]], dict[str, Any]]


def find_engine() -> Engine | None:
    """Returns Node.js, or a browser, or None if this machine has neither."""
    node = shutil.which("node")
    if node is not None:
        return Engine("Node.js", lambda code, given: _in_node(node, code, given))
    browser = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if browser is None:
        return None
    return Engine(Path(browser).name, lambda code, given: _in_browser(browser, code, given))


def run_page(
    engine: Engine, page: bytes, noisy: np.ndarray, level: float | None = None, index: int = 0
) -> tuple[np.ndarray, float]:
    """Denoises images by one network of a page.

    Args:
      engine: a program that runs JavaScript.
      page: content of the page.
      noisy: float32 ``[N, H, W, C]``.
      level: noise level, for networks that take it.
      index: which of the page's networks.

    Returns:
      The denoised images, and the milliseconds that one took.

    Raises:
      ExportError: if the scripts fail.
    """
    text = page.decode()
    record = json.loads(_part(text, "data"))["networks"][index]
    _, height, width, channels = noisy.shape
    given = {
        **{"record": record, "height": height, "width": width, "channels": channels},
        "images": noisy.reshape(len(noisy), -1).tolist(),
        "level": level,
    }
    found = engine.run(_part(text, "engine") + _CALL, given)
    images = np.asarray(found["images"], np.float32).reshape(noisy.shape)
    return images, float(found["milliseconds"])


def _part(page: str, name: str) -> str:
    return page.split(f'id="{name}">')[1].split("</script>")[0]


def _in_node(node: str, code: str, given: dict[str, Any]) -> dict[str, Any]:
    done = _output([node, "-e", _IN_NODE], json.dumps({"code": code, "given": given}))
    found: dict[str, Any] = json.loads(done)
    return found


def _in_browser(browser: str, code: str, given: dict[str, Any]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        page = Path(folder) / "page.html"
        page.write_text(_IN_BROWSER.format(code=code, given=json.dumps(given)), encoding="utf-8")
        flags = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder}/profile"]
        shown = _output([browser, *flags, "--dump-dom", page.as_uri()], "")
    result = re.search("result:(.*):end", html.unescape(shown), re.DOTALL)
    if result is None:
        raise ExportError("the page's scripts fail in the browser; nothing is written")
    found: dict[str, Any] = json.loads(result[1])
    return found


def _output(command: list[str], given: str) -> str:
    try:
        done = subprocess.run(
            command, input=given, capture_output=True, text=True, timeout=_SECONDS, check=True
        )
    except subprocess.CalledProcessError as error:
        reason = (error.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise ExportError(f"the page's scripts fail ({reason}); nothing is written") from error
    except subprocess.TimeoutExpired as error:
        raise ExportError("the page's scripts take too long; nothing is written") from error
    return done.stdout
