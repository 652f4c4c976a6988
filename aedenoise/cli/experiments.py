"""The experiment that the flags describe."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

from aedenoise.cli.flags import DEFINED, FLAGS
from aedenoise.cli.process import quiet_libraries
from aedenoise.config import Experiment, dataset_kind, override, replace
from aedenoise.config.data import pair_folders
from aedenoise.config.recipes import fill_in, fill_in_pairs
from aedenoise.config.validation import local_path
from aedenoise.errors import CheckpointError, UsageError


def read_experiment() -> Experiment:
    """Returns the named experiment, or the default one, with the fields that flags override.

    For a user's folder or pairs of pages or photographs the default one is changed to fit them.
    """
    given = read_overrides()
    settings, note = _fit_folder(given)
    adapted, notes = override(read_named(), {**settings, **given})
    # Told only after nothing is refused.
    _tell([*note, *notes])
    return adapted


def adapt(experiment: Experiment, given: dict[str, Any]) -> Experiment:
    """Overrides fields of an experiment, and says which others changed with them."""
    adapted, notes = override(experiment, given)
    _tell(notes)
    return adapted


def adapt_to_comparison(experiment: Experiment) -> Experiment:
    """Drops settings that a comparison has no place for, and says so."""
    if experiment.clean_epochs and FLAGS.clean_epochs is None:
        old = experiment.clean_epochs
        _tell([f"clean_epochs 0 instead of {old}, since a comparison counts steps"])
        experiment = replace(experiment, {"clean_epochs": 0})
    matched = FLAGS.match != ["widths"]
    if matched and experiment.model.condition != "none" and FLAGS.condition is None:
        told = experiment.model.condition
        _tell([f"condition none instead of {told}, since a comparison matches plain networks"])
        experiment = replace(experiment, {"model.condition": "none"})
    return experiment


def _tell(notes: Sequence[str]) -> None:
    if notes:
        from aedenoise.reporting.console import say

        for note in notes:
            say(note)


def _fit_folder(given: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Chooses settings for a user's folder by what it holds, where no experiment is named.

    Returns:
      The settings by dotted path, and a line about them; both are empty for other data.
    """
    dataset = given.get("data.dataset", "")
    if dataset.startswith("noisy:"):
        quiet_libraries()
        from aedenoise.inference.noisy_folder import choose_settings

        settings, lines = choose_settings(dataset, given)
        flags = " ".join(_as_flags(settings))
        return settings, [f"{lines[0]}: {flags}", *lines[1:]] if lines else []
    if FLAGS.experiment is not None or not dataset.startswith(("folder:", "pairs:")):
        return {}, []
    kind, rest = dataset_kind(dataset)  # refused before the current folder is looked through
    paired = kind == "pairs"
    place = pair_folders(rest)[1] if paired else local_path("folder", rest)
    quiet_libraries()
    from aedenoise.data.contents import recognise

    found, count, looked_at = recognise(place)
    settings = (fill_in_pairs if paired else fill_in)(found, given)
    if not settings or _is_begun(given):
        return {}, []
    flags = " ".join(_as_flags(settings))
    return settings, [f"{place} holds {found} ({count} of the {looked_at} looked at): {flags}"]


def _is_begun(given: dict[str, Any]) -> bool:
    """Returns True if the workdir has a run of these flags alone, begun before recipes were."""
    if FLAGS.overwrite:
        return False
    from aedenoise.cli.values import workdir
    from aedenoise.training.workdir import Workdir, default_workdir

    # Flags that need the recipe, such as more clean epochs, are of no run without it.
    with suppress(CheckpointError, UsageError):
        named = read_named()
        plain, _ = override(named, given)
        run = Workdir(workdir() or default_workdir(plain, named))
        run.check(plain)
        return run.has_config()
    return False


def _as_flags(settings: dict[str, Any]) -> Iterator[str]:
    """Yields fields of the experiment as the flags that would set them."""
    names = {flag.field: flag.name for flag in DEFINED if flag.field}
    for path, value in settings.items():
        if path == "noise.level" and "noise.level_max" in settings:
            value = f"{value}:{settings['noise.level_max']}"
        if path != "noise.level_max":
            text = ",".join(map(str, value)) if isinstance(value, tuple) else value
            yield f"--{names[path]}={text}"


def read_named() -> Experiment:
    """Returns the experiment of ``--experiment``, or the default."""
    if FLAGS.experiment is None:
        return Experiment()
    from aedenoise.config.registry import find_experiment

    return find_experiment(FLAGS.experiment)


def list_experiments() -> None:
    """Prints the named experiments, each with the first line of its header."""
    from aedenoise.config.registry import named_experiments
    from aedenoise.reporting.console import say

    for name, document in named_experiments().items():
        say(f"{name:<26}{document.strip().splitlines()[0]}")


def read_overrides() -> dict[str, Any]:
    """Returns the given fields of the experiment by dotted path."""
    given = {flag.field: flag for flag in DEFINED if flag.field and flag.value is not None}
    values: dict[str, Any] = {
        field: _widths(flag.name, flag.value) if flag.kind == "list" else flag.value
        for field, flag in given.items()
    }
    if "noise.level" in values:
        values["noise.level"], values["noise.level_max"] = parse_levels(values["noise.level"])
    return values


def _widths(name: str, texts: list[str]) -> tuple[int, ...]:
    try:
        return tuple(int(width) for width in texts)
    except ValueError:
        raise UsageError(f"--{name} takes widths such as 32,32, not {','.join(texts)}") from None


def parse_levels(text: str) -> tuple[float, float | None]:
    """Parses ``0.4`` as one level, ``0.2:0.6`` as a range."""
    least, colon, most = text.partition(":")
    try:
        return float(least), float(most) if colon else None
    except ValueError:
        raise UsageError(f"--noise_level takes a number, or two as 0.2:0.6, not {text!r}") from None
