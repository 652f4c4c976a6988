"""Console output: plain lines on stdout, a progress bar on stderr if that is a terminal."""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any, TypeVar

from tqdm import tqdm

Item = TypeVar("Item")
_ROWS = (
    ("denoised", "denoised"),
    ("noisy", "noisy input"),
    ("mean_image", "mean training image"),
    ("black", "black image"),
)
# Minimum gain in dB over a constant image; a network below it has learnt nothing.
_BARELY = 0.3
# Training images below which more of them are the first remedy.
_FEW_IMAGES = 1000
# Shortest time from which a duration is extrapolated, and shortest time of a pace.
_PACE_SECONDS = 3.0
_LEAST_SECONDS = 1.0


def say(line: str) -> None:
    """Prints one line immediately, also into a pipe.

    If the reader of the pipe has exited (``| head``), the run continues silently: every result is
    also in the workdir.
    """
    try:
        with tqdm.external_write_mode(file=sys.stdout):
            print(line, flush=True)
    except BrokenPipeError:
        # Replaces the descriptor itself, so that the flush at exit does not fail either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def warn(line: str) -> None:
    """Prints one line on stderr without breaking a progress bar."""
    with tqdm.external_write_mode(file=sys.stderr):
        print(f"aedenoise: {line}", file=sys.stderr, flush=True)


def results_table(results: Mapping[str, Mapping[str, float]]) -> str:
    """Formats an evaluation as a table with the network above its baselines."""
    # Imported late: the module imports JAX, and commands that only print lines must start fast.
    from aedenoise.metrics.image_quality import METRICS

    lines = [f"{'':<20}" + "".join(f"{m.column or m.title:>13}" for m in METRICS)]
    for key, title in _ROWS:
        cells = (f"{m.show(results[key]):>13}" for m in METRICS)
        lines.append(f"{title:<20}" + "".join(cells))
    gain = results["denoised"]["psnr"] - results["noisy"]["psnr"]
    noisy = results["noisy"]["mse"] > 0.0
    lines.append(
        f"{results['dataset']['count']:,.0f} test images; "
        f"{f'{gain:+.2f} dB over the noisy input' if noisy else 'no noise'}; "
        f"BCE floor {results['dataset']['bce_floor']:.4f}"
    )
    lines.append(
        "PSNR is the mean over images, 'of mean MSE' that of the mean error; BCE is in nats per "
        "pixel, its floor the entropy of grey targets"
    )
    return "\n".join(lines)


def estimates_lines(record: Mapping[str, Any]) -> str:
    """Formats the estimates of a run on noisy pictures, from ``results.json`` or ``eval.json``."""
    found, noisy = record["estimates"], record["noisy"]
    count = f"{record['test_set']['count']:,.0f} held-out pictures"
    if found["method"] != "stein":
        return (
            f"estimated PSNR at least {found['psnr_estimate']:.2f} dB on {count}: hidden pixels "
            "against recorded ones, whose noise counts as an error; no clean picture was seen"
        )
    low, high = found["psnr_low"], found["psnr_high"]
    gain = f" and gain {found['noise_gain']:.4f}" if found["noise_gain"] else ""
    return (
        f"estimated PSNR {found['psnr_estimate']:.2f} dB ({low:.2f} to {high:.2f}) on {count}, "
        f"from {noisy['psnr_estimate']:.2f} dB\n"
        f"an estimate by Stein's formula for noise of level {found['noise_level']:.4f}{gain}, "
        "measured in the pictures; no clean picture was seen"
    )


def nothing_learnt(results: Mapping[str, Mapping[str, float]], loss: str) -> str:
    """Returns a warning if the network is no better than a constant image, else an empty string.

    Args:
      results: evaluation of the network and of the baselines.
      loss: name of the training loss, for the remedy in the warning.
    """
    found = results["denoised"]["psnr"]
    for name, title in (("black", "a black image"), ("mean_image", "the mean training image")):
        if found < results[name]["psnr"] + _BARELY:
            return (
                f"the network has learnt nothing: it is no better than {title}; try a lower "
                f"--learning_rate{' or' if loss == 'bce' else ','} more --epochs"
                f"{'' if loss == 'bce' else ' or --loss=bce'}"
            )
    return ""


def baselines_table(baselines: Mapping[str, Any], trained: int, changed: str = "") -> str:
    """Formats the scores of the network and the classical denoisers on the same images.

    Args:
      baselines: the entry of ``results.json`` or ``eval.json``.
      trained: number of training images.
      changed: what the test has and the training had not, for the advice if the network loses.
    """
    lines = [f"{'on ' + str(baselines['images']) + ' of them':<20}{'PSNR dB':>13}{'SSIM':>13}"]
    for name, score in {"denoised": baselines["denoised"], **baselines["classical"]}.items():
        setting = f"   {score['setting']}" if "setting" in score else ""
        lines.append(f"{name:<20}{score['psnr']:>13.2f}{score['ssim']:>13.4f}{setting}")
    lines.append(_verdict(baselines, trained, changed))
    return "\n".join(lines)


def _verdict(baselines: Mapping[str, Any], trained: int, changed: str) -> str:
    """Says which classical denoiser is best, and whether the network beats it."""
    name, best = max(baselines["classical"].items(), key=lambda item: item[1]["psnr"])
    gain = baselines["denoised"]["psnr"] - best["psnr"]
    if gain > 0.0:
        return f"the network beats the best classical denoiser, {name}, by {gain:.2f} dB"
    if changed:
        advice = f"{changed}; train on what is tested"
    elif trained < _FEW_IMAGES:
        advice = f"{trained:,} training images are few; add images of this kind"
    else:
        advice = (
            "train longer or with wider layers (--epochs, --encoder_features, --decoder_features)"
        )
    return (
        f"the network LOSES to a classical denoiser, {name}, by {-gain:.2f} dB: {advice}, or use "
        f"{name}"
    )


def artifacts_line(measures: Mapping[str, Mapping[str, float]]) -> str:
    """Formats the checkerboard metrics of a decoder in one line."""
    residual, constant = measures["residual"], measures["constant"]
    return (
        "checkerboards, period 2 and 4 pixels (0: none): residual "
        f"{residual['excess_2']:+.1%}, {residual['excess_4']:+.1%} power over neighbouring "
        f"frequencies; response to a constant code {constant['spread_2']:.4f}, "
        f"{constant['spread_4']:.4f} deviation between pixel positions"
    )


PROBED = (
    ("pixels", "pixels, logistic"),
    ("code", "code, logistic"),
    ("tuned", "code, fine-tuned"),
)


def probe_table(found: Mapping[str, Any]) -> str:
    """Formats the content of ``probe.json`` as a table."""
    lines = [f"{'':<20}{'accuracy %':>13}{'95 % interval':>19}{'errors':>9}"]
    for name, label in PROBED:
        if name in found:
            each = found[name]
            interval = f"{100 * each['low']:.2f} to {100 * each['high']:.2f}"
            lines.append(
                f"{label:<20}{100 * each['accuracy']:>13.2f}{interval:>19}{each['errors']:>9,}"
            )
    lines.append(f"{found['code']['images']:,} test images; a code of {found['code_size']} numbers")
    if found["label_errors"] is not None:
        lines[-1] += (
            f"; about {100 * found['label_errors']:g} % of the labels are wrong (Bulatov 2011)"
        )
    return "\n".join(lines)


class Forecast:
    """Duration of a long command, from the pace of its first part.

    Args:
      total: number of parts, such as training steps.
      clock: seconds since any moment.
      equal: True where all parts cost the same. The fastest of them then counts, since between
        others a program may be compiled; otherwise their mean counts.
    """

    def __init__(
        self, total: float, clock: Callable[[], float] = time.monotonic, *, equal: bool = False
    ) -> None:
        self._total, self._clock, self._equal = total, clock, equal
        self._begin: tuple[float, float] | None = None
        self._last = (0.0, 0.0)
        self._fastest = math.inf
        self._paces = 0
        self._told = False

    def reached(self, done: float) -> str:
        """Returns the time left as a range, once: when it is more than a minute as far as known."""
        now = self._clock()
        if self._begin is None:  # before it programs are compiled, which happens once
            self._begin = self._last = now, done
            return ""
        seconds, parts = now - self._begin[0], done - self._begin[1]
        # Devices work while results are fetched, so single short parts have no pace of their own.
        if done > self._last[1] and now >= self._last[0] + _LEAST_SECONDS:
            pace = (now - self._last[0]) / (done - self._last[1])
            self._fastest, self._last = min(self._fastest, pace), (now, done)
            self._paces += 1
        if self._told or seconds < _PACE_SECONDS or parts <= 0.0:
            return ""
        # The first pace often includes the compilation of an evaluation.
        if self._equal and self._paces < 2:
            return ""
        left = (self._fastest if self._equal else seconds / parts) * (self._total - done)
        # Asked again if it is short: later parts of a study may take longer.
        self._told = left >= 60.0
        return f"this takes about {time_range(left)} on this machine" if self._told else ""


def time_range(seconds: float) -> str:
    """Formats a time as a range up to half as much again: evaluations and figures are extra."""
    unit, name = (3600.0, "h") if seconds >= 2 * 3600.0 else (60.0, "min")
    return f"{seconds / unit:.0f} to {math.ceil(1.5 * seconds / unit)} {name}"


class Progress(AbstractContextManager["Progress"]):
    """Progress bar over training steps with loss, images per second and time left.

    Disabled if stderr is not a terminal; one line per evaluation then remains. A training of more
    than a minute says how long it will take.
    """

    def __init__(self, total_steps: int, step: int, *, quiet: bool = False) -> None:
        self._forecast = Forecast(total_steps, equal=True)
        self._step, self._quiet = step, quiet
        self._bar = tqdm(
            total=total_steps,
            initial=step,
            unit="step",
            dynamic_ncols=True,
            disable=quiet or not sys.stderr.isatty(),
            bar_format="{desc}{percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} "
            "[{elapsed}<{remaining}{postfix}]",
        )

    def __exit__(self, *error: object) -> None:
        self._bar.close()

    def stepped(self, step: int) -> None:
        """Moves the bar to ``step``."""
        self._bar.update(step - self._bar.n)
        self._step = step

    def logged(self, loss: float, images_per_second: float | None) -> None:
        """Shows the latest loss and speed next to the bar."""
        speed = f"{images_per_second:,.0f} images/s" if images_per_second else "compiling"
        # Not refreshed here: tqdm redraws at its own rate, so logging often costs nothing.
        self._bar.set_postfix_str(f"loss {loss:.4f}, {speed}", refresh=False)
        line = self._forecast.reached(self._step)
        if line and not self._quiet:
            say(line)


class Parts(AbstractContextManager["Parts"]):
    """Progress over the parts of a study: a bar on a terminal, and its duration as a line."""

    def __init__(self, total: int, unit: str) -> None:
        self._forecast = Forecast(total)
        self._passed = 0.0
        self._bar = tqdm(
            total=total, unit=unit, dynamic_ncols=True, disable=not sys.stderr.isatty()
        )

    def __exit__(self, *error: object) -> None:
        self._bar.close()

    def reached(self, share: float) -> None:
        """Takes the share of the present part that is done, in parts."""
        self._show(self._passed + share)

    def passed(self, count: int) -> None:
        """Counts parts that are done."""
        self._passed += count
        self._show(self._passed)

    def _show(self, done: float) -> None:
        self._bar.update(done - self._bar.n)
        line = self._forecast.reached(done)
        if line:
            say(line)


def bar(
    items: Iterable[Item], unit: str, *, quiet: bool, total: int | None = None
) -> Iterator[Item]:
    """Yields the items and shows a progress bar if stderr is a terminal.

    Args:
      items: the items.
      unit: name of one of them.
      quiet: shows no bar.
      total: number of items that have no length.
    """
    disable = quiet or not sys.stderr.isatty()
    yield from tqdm(items, unit=unit, total=total, dynamic_ncols=True, disable=disable)
