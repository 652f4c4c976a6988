"""Configuration of the corruption.

To add a noise, add its ``NoiseSpec`` here and a function of the same name to ``ops.noise``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

from aedenoise.config.fields import check_fields, option
from aedenoise.errors import UsageError, nearest


class NoiseSpec(NamedTuple):
    """Specification of a noise, without its function.

    Attributes:
      level: meaning of the level, in words.
      most: greatest level.
      unbiased: whether the mean of noisy images over draws is the clean image.
      takes_mean: whether the noise is additive and takes ``NoiseConfig.mean``.
      needs_nonnegative: whether it is unbiased only for images without negative values.
    """

    level: str
    most: float
    unbiased: bool = False
    takes_mean: bool = False
    needs_nonnegative: bool = False


NOISE_SPECS = {
    "gaussian": NoiseSpec("the standard deviation", 2.0, unbiased=True, takes_mean=True),
    "uniform": NoiseSpec("the half width", 2.0, unbiased=True, takes_mean=True),
    "speckle": NoiseSpec("the standard deviation of the factor", 2.0, unbiased=True),
    "poisson": NoiseSpec(
        "the standard deviation at white", 2.0, unbiased=True, needs_nonnegative=True
    ),
    "poisson_gaussian": NoiseSpec(
        "the standard deviation at white", 2.0, unbiased=True, needs_nonnegative=True
    ),
    "salt_pepper": NoiseSpec("the share of pixels", 1.0),
    "masking": NoiseSpec("the share of pixels", 1.0),
    "blocks": NoiseSpec("the share of squares", 1.0),
    "quantisation": NoiseSpec("the step between values", 1.0),
}
# No corruption: the network's input is the clean image.
NO_NOISE = "none"
# No corruption either: the images are noisy already, as in ``noisy:DIR`` and ``pairs:NOISY,CLEAN``.
RECORDED = "recorded"
NOISES = (*NOISE_SPECS, NO_NOISE)
# Kinds of one word that cannot be combined with others.
_ALONE = (NO_NOISE, RECORDED)
_WITH_MEAN = tuple(name for name, spec in NOISE_SPECS.items() if spec.takes_mean)


class NoisePart(NamedTuple):
    """One kind of a combined noise, and its own level (None: ``NoiseConfig.level``)."""

    kind: str
    level: float | None


@dataclass(frozen=True, kw_only=True)
class NoiseConfig:
    """Corruption of the network's input, in units of the [0, 1] range.

    Attributes:
      kind: one of ``NOISES``; or several applied in order, some with levels of their own:
        ``poisson+gaussian:0.05``; or ``none``, which ignores the level; or ``recorded``, whose
        level is the standard deviation of the noise that is in the images.
      level: strength, with the meaning given in ``ops.noise`` for each kind.
      level_max: upper end of the range from ``level`` in which the level of each example is
        uniform (None: no range).
      mean: mean of the noise, for ``gaussian`` and ``uniform``.
      clip: whether noisy images are clipped to [0, 1].
      fresh: whether an example gets new noise in every step; otherwise one draw for all epochs.
      gain: of ``recorded``: growth of the noise's variance from black to white.
    """

    kind: str = option(
        "gaussian", "noise, or several as NAME+NAME:0.1", choices=NOISES, flag="noise"
    )
    level: float = option(
        0.4,
        "strength in units of the [0, 1] range; 0.2:0.6 draws one for each image",
        flag="noise_level",
        kind="string",
    )
    level_max: float | None = None
    mean: float = option(0.0, "mean of gaussian and uniform noise", flag="noise_mean", detail=True)
    clip: bool = option(True, "clipping of noisy images to [0, 1]", flag="noise_clip", detail=True)
    fresh: bool = option(
        True, "new noise in every step; otherwise one draw", flag="noise_fresh", detail=True
    )
    gain: float = option(
        0.0,
        "growth of the variance of recorded noise from black to white",
        flag="noise_gain",
        detail=True,
    )

    def __post_init__(self) -> None:
        check_fields(self)
        if self.gain and self.kind != RECORDED:
            raise UsageError(f"noise_gain is for --dataset=noisy:DIR, not noise {self.kind}")
        if self.kind == RECORDED:
            self._check_recorded()
            return
        if self.kind == NO_NOISE:
            if self.mean or self.level_max is not None:
                raise UsageError("noise none has neither a mean nor a range of levels")
            return
        parts = noise_parts(self.kind)
        for kind, own in parts:
            _check_level(kind, self.level if own is None else own)
            if own is None and self.level_max is not None:
                _check_level(kind, self.level_max)
        if self.level_max is not None:
            if all(own is not None for _, own in parts):
                raise UsageError(f"noise {self.kind} has its own levels; remove the range")
            if self.level_max < self.level:
                raise UsageError(
                    f"noise_level is from the least to the greatest, as 0.2:0.6, not "
                    f"{self.level:g}:{self.level_max:g}"
                )
        if not -1.0 <= self.mean <= 1.0:
            raise UsageError(f"noise_mean must be from -1 to 1, not {self.mean:g}")
        if self.mean and not any(kind in _WITH_MEAN for kind, _ in parts):
            raise UsageError(f"noise_mean is for {' and '.join(_WITH_MEAN)}, not {self.kind}")

    def _check_recorded(self) -> None:
        if self.mean or self.level_max is not None:
            raise UsageError(
                "noise that is in the pictures has neither a mean nor a range; give one number as "
                "--noise_level"
            )
        if self.clip:
            raise UsageError("noise that is in the pictures is not clipped; use --nonoise_clip")
        for name, value in (("noise_level", self.level), ("noise_gain", self.gain)):
            if not 0.0 <= value <= 2.0:
                raise UsageError(
                    f"{name} of noisy pictures is in units of the [0, 1] range, from 0 to 2, not "
                    f"{value:g}"
                )

    @property
    def unbiased(self) -> bool:
        """Returns True if the mean of noisy images over draws is the clean image."""
        if self.kind == RECORDED:  # assumed: nothing else can be learnt from noisy pictures
            return True
        specs = [NOISE_SPECS[kind] for kind, _ in noise_parts(self.kind)]
        # A noise before it can make images negative, so only the first may need non-negative ones.
        nonnegative = not any(spec.needs_nonnegative for spec in specs[1:])
        unbiased = nonnegative and all(spec.unbiased for spec in specs)
        return unbiased and not self.clip and not self.mean

    @property
    def levelled(self) -> bool:
        """Returns True if ``level`` is used; kinds with their own levels, and ``none``, ignore
        it."""
        return self.kind == RECORDED or any(own is None for _, own in noise_parts(self.kind))

    @property
    def label(self) -> str:
        """Returns the short form ``gaussian 0.2 to 0.6``, without mean and clipping."""
        if not self.levelled:
            return self.kind
        level = f"{self.level:g}"
        if self.level_max is not None:
            level += f" to {self.level_max:g}"
        return f"{self.kind} {level}"

    def __str__(self) -> str:
        if self.kind == NO_NOISE:
            return "no noise"
        if self.kind == RECORDED:
            gain = f" and gain {self.gain:.4g}" if self.gain else ""
            if not self.level and not self.gain:
                return "noisy pictures"
            return f"noisy pictures of level {self.level:.4g}{gain}"
        kind, _, levels = self.label.partition(" ")
        words = [f"{kind} noise {levels}".rstrip()]
        words += [f"mean {self.mean:g}"] if self.mean else []
        words += ["clipped"] if self.clip else []
        words += [] if self.fresh else ["drawn once"]
        return ", ".join(words)


def noise_from_text(text: str, base: NoiseConfig) -> NoiseConfig:
    """Parses a noise: ``masking``, ``gaussian:0.2``, for a range of levels ``gaussian:0.2:0.6``,
    or several joined by ``+``, each with its level. Other settings come from ``base``.

    Raises:
      UsageError: if the text describes no noise.
    """
    kind, level, level_max = text, base.level, base.level_max
    if "+" not in text:
        kind, *levels = text.split(":")
        try:
            numbers = [float(each) for each in levels]
        except ValueError:
            numbers = [0.0] * 3
        if len(numbers) > 2:
            raise UsageError(f"a noise is NAME, NAME:LEVEL or NAME:LEAST:MOST, not {text!r}")
        if numbers:
            level, level_max = numbers[0], (numbers[1] if len(numbers) == 2 else None)
    # A robustness study varies the kind: the mean must not make kinds without one invalid.
    mean = base.mean if any(part.kind in _WITH_MEAN for part in noise_parts(kind)) else 0.0
    return replace(base, kind=kind, level=level, level_max=level_max, mean=mean)


def noise_parts(kind: str) -> list[NoisePart]:
    """Splits a kind at ``+`` into kinds with optional levels of their own.

    Raises:
      UsageError: if a kind is unknown, or its level is no number.
    """
    parts: list[NoisePart] = []
    for part in [] if kind in _ALONE else kind.split("+"):
        name, colon, level = part.partition(":")
        if name not in NOISE_SPECS:
            raise UsageError(
                f"unknown noise {name!r}; {nearest(name, NOISES)}; several are joined as "
                "poisson+gaussian:0.05"
            )
        try:
            parts.append(NoisePart(name, float(level) if colon else None))
        except ValueError:
            raise UsageError(f"the level of noise {name} is a number, not {level!r}") from None
    return parts


def _check_level(kind: str, level: float) -> None:
    what, most, *_ = NOISE_SPECS[kind]
    if not 0.0 <= level <= most:
        hint = f"; for {level:g} of 255 use {level / 255:.4f}" if most < level <= 255.0 else ""
        raise UsageError(
            f"noise_level of {kind} is {what} in units of the [0, 1] range, from 0 to {most:g}, "
            f"not {level:g}{hint}"
        )
