"""The page that denoises, used in a real browser."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from browser import Browser
from random_networks import SHAPE, SMALL, denoiser
from test_denoising_page import image

from aedenoise.exports.page.page_network import page_network
from aedenoise.exports.page.render import render_page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
PHONE = (390, 844)
DENOISED = """(async () => {{
  const image = {{ height: 28, width: 28, channels: 1, data: Float32Array.from({values}) }};
  const {{ results }} = await ask({{ clean: image, noise: {{ kind: "none" }} }});
  return results.map(each => Array.from(each.image.data));
}})()"""


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine to use the page with")
def test_a_person_draws_and_denoises(tmp_path: Path) -> None:
    networks = [denoiser(**SMALL), denoiser(**SMALL, decoder="transpose", kernel_size=4)]
    pages = [page_network(each, SHAPE) for each in networks]
    letters = np.zeros((2, *SHAPE), np.uint8)
    letters[:, 8:20, 12:16] = 255
    file = tmp_path / "page.html"
    file.write_text(render_page(pages, letters, ["I", "l"]))
    with Browser(str(CHROMIUM), tmp_path / "profile", 1000, 1400) as browser:
        browser.call("Page.navigate", url=file.as_uri())
        browser.wait_for("Number(document.body?.dataset.shown) > 0")
        _check_parity(browser, networks)
        _check_controls(browser)
        _check_drawing(browser)
        for scheme in ("light", "dark"):
            feature = {"name": "prefers-color-scheme", "value": scheme}
            browser.call("Emulation.setEmulatedMedia", features=[feature])
            ground = browser.evaluate("getComputedStyle(document.body).backgroundColor")
            assert (sum(map(int, ground[4:-1].split(","))) > 384) == (scheme == "light")
        width, height = PHONE
        browser.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=True,
        )
        assert browser.evaluate("document.documentElement.scrollWidth") == width
        unnamed = "[...document.querySelectorAll('button, input, select, canvas[role]')].filter("
        unnamed += "e => !(e.textContent.trim() || e.labels?.length || e.ariaLabel"
        unnamed += " || e.hasAttribute('aria-labelledby'))).length"
        assert browser.evaluate(unnamed) == 0
        assert browser.errors == []


def _check_parity(browser: Browser, networks: list) -> None:
    noisy = image(28, 28)
    found = browser.evaluate(DENOISED.format(values=noisy.reshape(-1).tolist()))
    for values, network in zip(found, networks, strict=True):
        np.testing.assert_allclose(values, network(noisy).reshape(-1), atol=1e-4)


def _check_controls(browser: Browser) -> None:
    numbers = "document.getElementById('noisy-numbers').textContent"
    before = browser.evaluate(numbers)
    assert "dB" in before
    browser.evaluate("document.getElementById('level').focus()")
    browser.call(
        "Input.dispatchKeyEvent", type="keyDown", key="ArrowRight", windowsVirtualKeyCode=39
    )
    browser.wait_for(f"{numbers} !== {before!r}")


def _check_drawing(browser: Browser) -> None:
    ink = "drawing.image.data.reduce((sum, value) => sum + value, 0)"
    browser.evaluate("document.getElementById('clear').click()")
    assert browser.evaluate(ink) == 0
    place = "(() => { const b = document.getElementById('pad').getBoundingClientRect();"
    left, top, side = browser.evaluate(f"{place} return [b.left, b.top, b.width]; }})()")
    points = [(left + side * share, top + side * share) for share in (0.2, 0.5, 0.8)]
    browser.mouse("mousePressed", *points[0])
    for point in points[1:]:
        browser.mouse("mouseMoved", *point)
    browser.mouse("mouseReleased", *points[-1])
    stroke = browser.evaluate(ink)
    assert stroke > 20
    browser.evaluate("document.getElementById('undo').click()")
    assert browser.evaluate(ink) == 0
    browser.evaluate("document.getElementById('pad').focus()")
    for key in (" ", "ArrowRight", "ArrowRight", "ArrowDown"):
        browser.key(key)
    assert 0 < browser.evaluate(ink) < stroke
