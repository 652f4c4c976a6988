"""A comparison as a value: a grid of decoders, datasets, noise levels, matchings, steps and seeds.

A *condition* is a point of the grid without decoder and seed; a *cell* is one training run.
Decoders are compared within a condition, seed by seed.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from aedenoise.config import (
    DataConfig,
    Experiment,
    ModelConfig,
    from_dict,
    replace,
    to_dict,
)
from aedenoise.config.decoders import get_decoder_spec, is_class_name
from aedenoise.config.fields import MOST_STEPS, check_fields, option
from aedenoise.errors import CheckpointError, UsageError, nearest

_MOST_CELLS = 100_000
# Quantities that the networks of one comparison share; see ``studies.comparison.matching``.
ALL = "all conditions"
MATCHES = ("parameters", "multiply_adds", "latency", "widths")
# Fields of ``Study`` that list the values of the grid, without the seeds.
AXES = ("decoders", "datasets", "noise_levels", "matches", "steps")
_MODIFIERS: dict[str, dict[str, Any]] = {
    "resize_conv": {"order": "resize_conv"},
    "notail": {"tail": False},
    "noicnr": {"icnr": False},
    "add": {"skip": "add"},
    "concat": {"skip": "concat"},
    "residual": {"residual": True},
}
_RATE = re.compile(r"lr((?:\d+\.?\d*|\.\d+)(?:e-?\d+)?)")


@dataclass(frozen=True)
class Condition:
    """Setting in which decoders are compared. ``ALL`` as dataset, without a noise level, is the
    mean over all settings."""

    dataset: str
    noise_level: float | None
    match: str
    steps: int

    def __str__(self) -> str:
        noise = "" if self.noise_level is None else f", noise {self.noise_level:g}"
        match = "widths" if self.match == "widths" else self.match.replace("_", "-")
        return f"{self.dataset}{noise}, {self.steps:,} steps, equal {match}"


@dataclass(frozen=True)
class Cell:
    """One training run of a comparison."""

    decoder: str
    condition: Condition
    seed: int

    @property
    def name(self) -> str:
        """A name for files, different for each cell of a study."""
        c = self.condition
        parts = (self.decoder, c.dataset, f"{c.noise_level or 0.0:g}", c.match, str(c.steps))
        return "_".join(map(slug, parts)) + f"_seed{self.seed}"


@dataclass(frozen=True, kw_only=True)
class Study:
    """A comparison of decoders.

    Attributes:
      name: that of the experiment on which it is based.
      base: settings of all cells: encoder, widths to match, loss, optimizer, batch size. Its
        dataset and noise level replace empty ``datasets`` or ``noise_levels``; its seed is the
        first of the seeds; its epochs are ignored.
      decoders: such as ``transpose:k4:notail``, see ``with_decoder``; the first is the reference
        that the others are compared with and matched to.
      datasets, noise_levels, matches: the grid; matches are from ``MATCHES``.
      steps: lengths of training in updates; each is a run of its own with its whole schedule.
      seeds: number of seeds.
    """

    name: str = ""
    base: Experiment
    decoders: tuple[str, ...] = option(
        ("upsample", "bilinear", "transpose:k3", "transpose:k4", "subpixel"),
        "decoders, as upsample,transpose:k4:lr0.003,module:Class; the first is the reference",
    )
    datasets: tuple[str, ...] = option((), "datasets (default: --dataset)")
    noise_levels: tuple[float, ...] = option((), "noise levels (default: --noise_level)")
    matches: tuple[str, ...] = option(
        ("parameters",), "equal quantities of the networks", choices=MATCHES, flag="match"
    )
    steps: tuple[int, ...] = option((1000,), "lengths of training in updates", most=MOST_STEPS)
    seeds: int = option(8, "number of seeds, from --seed on", most=10_000)

    def __post_init__(self) -> None:
        check_fields(self)
        self.base.check_denoises()
        if self.base.data.noisy or self.base.loss == "unsure":
            raise UsageError("a comparison needs clean images; use another --dataset and --loss")
        if self.base.data.paired:
            raise UsageError(
                "a comparison adds its noise to clean images; use folder:DIR with the clean ones"
            )
        names = self.datasets or (self.base.data.dataset,)
        datasets = tuple(DataConfig(dataset=name).dataset for name in names)
        object.__setattr__(self, "datasets", datasets)
        levels = self.noise_levels or (self.base.noise.level,)
        object.__setattr__(self, "noise_levels", tuple(float(level) for level in levels))
        for axis in AXES:
            values = tuple(getattr(self, axis))
            object.__setattr__(self, axis, values)
            if not values or len(set(values)) < len(values):
                raise UsageError(f"{axis} must name each value once: {', '.join(map(str, values))}")
        for match in self.matches:
            if match not in MATCHES:
                raise UsageError(f"unknown match {match!r}; {nearest(match, MATCHES)}")
        if min(self.steps) < 1:
            raise UsageError(f"steps must be at least 1, not {min(self.steps)}")
        if self.seeds < 1:
            raise UsageError(f"seeds must be at least 1, not {self.seeds}")
        self._check_number()
        for decoder in self.decoders:
            with_decoder(self.base, decoder)
        if self.base.clean_epochs:
            raise UsageError("a comparison counts steps, not epochs; use --clean_epochs=0")
        if self.base.model.condition != "none" and self.matches != ("widths",):
            raise UsageError("a comparison matches plain networks; use --condition=none")
        if not self.base.noise.levelled and len(self.noise_levels) > 1:
            raise UsageError(f"noise {self.base.noise.kind} ignores --noise_levels; leave them out")
        if self.base.noise.level_max is not None:
            raise UsageError("a comparison takes single levels of noise, as --noise_levels=0.2,0.4")
        for level in self.noise_levels:
            replace(self.base, {"noise.level": level})
        files = [cell.name for cell in self.cells()]
        if len(set(files)) < len(files):
            raise UsageError("two datasets or decoders have the same file name; rename one of them")

    def _check_number(self) -> None:
        """Refuses grids that no one can train, before their cells are listed."""
        if self.base.seed + self.seeds > 2**32:
            raise UsageError(
                f"{self.seeds} seeds from {self.base.seed} on pass 2**32 - 1; use a smaller --seed"
            )
        axes = (self.decoders, self.datasets, self.noise_levels, self.matches, self.steps)
        cells = self.seeds * math.prod(map(len, axes))
        if cells > _MOST_CELLS:
            raise UsageError(
                f"{cells:,} trainings are more than {_MOST_CELLS:,}; use fewer --seeds, "
                "--noise_levels or --decoders"
            )

    def conditions(self) -> Iterator[Condition]:
        """Yields every condition, in the order of the reports."""
        for match, steps, dataset, level in itertools.product(
            self.matches, self.steps, self.datasets, self.noise_levels
        ):
            yield Condition(dataset, level, match, steps)

    def cells(self) -> Iterator[Cell]:
        """Yields every cell, seed by seed, so that a stopped study has whole comparisons."""
        for seed in range(self.base.seed, self.base.seed + self.seeds):
            for condition in self.conditions():
                for decoder in self.decoders:
                    yield Cell(decoder, condition, seed)

    def experiment(self, cell: Cell, features: tuple[int, ...]) -> Experiment:
        """Returns the experiment of a cell, with the decoder's matched widths."""
        changes: dict[str, Any] = {
            "seed": cell.seed,
            "data.dataset": cell.condition.dataset,
            "noise.level": cell.condition.noise_level,
        }
        # Networks without widths of their own have none to set, see ``matching.Network``.
        if features:
            changes["model.decoder_features"] = features
        return replace(with_decoder(self.base, cell.decoder), changes)


def split_decoder(decoder: str) -> tuple[str, list[str]]:
    """Splits ``transpose:k4:notail`` or ``module:Class:k4`` into the decoder and its modifiers."""
    kind, *modifiers = decoder.split(":")
    if modifiers and is_class_name(f"{kind}:{modifiers[0]}"):
        kind = f"{kind}:{modifiers.pop(0)}"
    return kind, modifiers


def parse_decoder(decoder: str, base: ModelConfig) -> ModelConfig:
    """Parses a decoder: one of ``DECODERS`` or ``module:Class``, then any of ``kN`` (side of the
    kernels), ``resize_conv``, ``notail``, ``noicnr``, ``add`` or ``concat`` (skip connections),
    ``residual`` and ``lrX`` (learning rate, see ``with_decoder``), joined by colons. The rest comes
    from ``base``.

    Raises:
      UsageError: if a part is unknown, or contradicts the decoder.
    """
    kind, modifiers = split_decoder(decoder)
    get_decoder_spec(kind)
    values: dict[str, Any] = {"order": "conv_resize", "tail": True, "icnr": True, "decoder": kind}
    for modifier in modifiers:
        if re.fullmatch(r"k\d{1,3}", modifier):
            values["kernel_size"] = int(modifier[1:])
        elif modifier in _MODIFIERS:
            values |= _MODIFIERS[modifier]
        elif not _RATE.fullmatch(modifier):
            known = ("k3", "lr0.003", *_MODIFIERS)
            raise UsageError(f"unknown {modifier!r} in {decoder!r}; {nearest(modifier, known)}")
    return dataclasses.replace(base, **values)


def with_decoder(base: Experiment, decoder: str) -> Experiment:
    """Returns the experiment with another decoder, as ``parse_decoder``, and with the peak learning
    rate of its ``lrX``, if it has one.

    Raises:
      UsageError: as ``parse_decoder``, and if the rate is not positive.
    """
    changed = dataclasses.replace(base, model=parse_decoder(decoder, base.model))
    rates = [found[1] for each in split_decoder(decoder)[1] if (found := _RATE.fullmatch(each))]
    return replace(changed, {"optimizer.learning_rate": float(rates[-1])}) if rates else changed


def display_name(decoder: str) -> str:
    """Formats a decoder's name for sentences: ``transpose k4 notail``."""
    kind, modifiers = split_decoder(decoder)
    return " ".join((kind, *modifiers))


def study_to_dict(study: Study) -> dict[str, Any]:
    """Converts the study to plain values for JSON."""
    values = dataclasses.asdict(study)
    return {
        name: list(value) if isinstance(value, tuple) else value for name, value in values.items()
    } | {"base": to_dict(study.base)}


def study_from_dict(values: Mapping[str, Any]) -> Study:
    """Inverts ``study_to_dict``; raises ``CheckpointError`` on anything else."""
    try:
        tuples: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v for k, v in dict(values).items()
        }
        return Study(**{**tuples, "base": from_dict(values["base"])})
    except (KeyError, TypeError, ValueError, UsageError) as error:
        raise CheckpointError(f"study.json is not a study of this version: {error}") from error


def slug(text: str) -> str:
    """Makes ``text`` fit for a file's name."""
    return re.sub(r"[^A-Za-z0-9.]+", "-", text).strip("-")
