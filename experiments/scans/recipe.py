"""Damage of one page: kinds and strengths, in the order of print, paper, light and scan."""

from __future__ import annotations

import numpy as np

from experiments.scans import paper, scanner

# Share of nearly clean pages; the others have a severity from LEAST to 1.
NEARLY_CLEAN = 0.12
LEAST = 0.25
# The strongest blur in units of the x-height: more leaves no letters to restore.
_BLUR = 0.09


def degrade(
    rng: np.random.Generator,
    page: np.ndarray,
    x_height: float,
    *,
    nearly_clean: float = NEARLY_CLEAN,
    least: float = LEAST,
) -> np.ndarray:
    """Returns the scan of a clean page.

    Args:
      rng: chooses kinds and strengths.
      page: clean page, float32 ``[H, W]`` in [0, 1].
      x_height: height of the smallest letters in pixels, which limits blur.
      nearly_clean: share of pages that are left nearly clean.
      least: lowest severity of the others; the strengths of all damage are multiples of it.
    """
    if rng.random() < nearly_clean:
        return _nearly_clean(rng, page)
    severity = rng.uniform(least, 1.0)
    page = _age(rng, page, severity)
    page = _light(rng, page, severity)
    return _scan(rng, page, severity, x_height)


def _nearly_clean(rng: np.random.Generator, page: np.ndarray) -> np.ndarray:
    kind = rng.integers(4)
    if kind == 0:
        return page
    if kind == 1:
        return scanner.jpeg(page, quality=int(rng.integers(75, 96)))
    if kind == 2:
        return scanner.gaussian_noise(rng, page, level=rng.uniform(0.0, 0.02))
    return paper.tint(page, level=rng.uniform(0.95, 1.0))


def _age(rng: np.random.Generator, page: np.ndarray, severity: float) -> np.ndarray:
    """Applies the damage of ink and paper."""
    # Rolled, so that a line does not lie on its own mirror image.
    back = np.roll(page, int(rng.integers(len(page))), axis=0)
    if rng.random() < 0.25:
        page = paper.fade_ink(rng, page, strength=severity * rng.uniform(0.0, 0.5))
    if rng.random() < 0.3:
        strength = severity * rng.uniform(0.02, 0.3)
        page = paper.show_through(page, back, strength=strength, blur=rng.uniform(0.7, 3.0))
    if rng.random() < 0.6:
        page = paper.tint(page, level=1.0 - severity * rng.uniform(0.0, 0.3))
    if rng.random() < 0.6:
        strength = severity * rng.uniform(0.0, 0.06)
        page = paper.grain(rng, page, strength=strength, size=float(rng.uniform(0.5, 2.5)))
    for _ in range(int(rng.poisson(0.25))):
        strength = severity * rng.uniform(0.1, 0.6)
        page = paper.stain(rng, page, strength=strength, radius=float(rng.uniform(0.03, 0.35)))
    for _ in range(int(rng.poisson(0.2))):
        page = paper.fold(rng, page, strength=severity * rng.uniform(0.1, 0.5))
    return page


def _light(rng: np.random.Generator, page: np.ndarray, severity: float) -> np.ndarray:
    if rng.random() < 0.5:
        page = paper.uneven_light(rng, page, strength=severity * rng.uniform(0.0, 0.6))
    if rng.random() < 0.2:
        strength, softness = severity * rng.uniform(0.1, 0.5), float(rng.uniform(0.02, 0.2))
        page = paper.shadow(rng, page, strength=strength, softness=softness)
    if rng.random() < 0.2:
        page = paper.vignette(page, strength=severity * rng.uniform(0.1, 0.6))
    if rng.random() < 0.12:
        page = paper.border(rng, page, strength=float(rng.uniform(0.2, 1.0)))
    return page


def _scan(
    rng: np.random.Generator, page: np.ndarray, severity: float, x_height: float
) -> np.ndarray:
    """Applies the damage of optics, sensor and file."""
    if rng.random() < 0.5:
        page = scanner.blur(page, sigma=severity * rng.uniform(0.2, 1.0) * _BLUR * x_height)
    if rng.random() < 0.1:
        length = severity * rng.uniform(0.1, 0.25) * x_height
        page = scanner.motion_blur(page, length=length, angle=rng.uniform(0.0, np.pi))
    if rng.random() < 0.3:
        black, white = severity * rng.uniform(0.0, 0.45), 1.0 - severity * rng.uniform(0.0, 0.25)
        page = scanner.low_contrast(page, black=black, white=white)
    if rng.random() < 0.2:
        page = scanner.gamma(page, exponent=float(np.exp(severity * rng.uniform(-0.6, 0.6))))
    if rng.random() < 0.65:
        page = scanner.gaussian_noise(rng, page, level=0.3 * severity * rng.random())
    if rng.random() < 0.2:
        page = scanner.poisson_noise(rng, page, photons=float(np.exp(rng.uniform(2.7, 6.0))))
    if rng.random() < 0.15:
        page = scanner.salt_and_pepper(rng, page, share=severity * rng.uniform(0.0, 0.12))
    if rng.random() < 0.4:
        page = scanner.jpeg(page, quality=int(rng.integers(20, 91)))
    return page
