"""Results of a run as lines of text: tables, estimates, and what they say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aedenoise.errors import counted

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


def nothing_learnt(results: Mapping[str, Mapping[str, float]], loss: str, steps: int) -> str:
    """Returns a warning if the network is no better than a constant image, or worse than the noisy
    input, else an empty string.

    Args:
      results: evaluation of the network and of the baselines.
      loss: name of the training loss, for the remedy in the warning.
      steps: number of training steps, for the remedy.
    """
    found = results["denoised"]["psnr"]
    for name, title in (("black", "a black image"), ("mean_image", "the mean training image")):
        if found < results[name]["psnr"] + _BARELY:
            return (
                f"the network has learnt nothing: it is no better than {title}; try a lower "
                f"--learning_rate{' or' if loss == 'bce' else ','} more --epochs"
                f"{'' if loss == 'bce' else ' or --loss=bce'}"
            )
    noisy = results["noisy"]["psnr"] if results["noisy"]["mse"] > 0.0 else found
    return worse_than_input(found, noisy, steps)


def worse_than_input(denoised: float, noisy: float, steps: int) -> str:
    """Returns a warning if the PSNR in dB is below that of the noisy input, else nothing."""
    if denoised >= noisy:
        return ""
    return (
        f"the network makes pictures WORSE, from {noisy:.2f} to {denoised:.2f} dB; train longer "
        f"(it had {counted(steps, 'step')}): more --epochs, in a new --workdir or with "
        "--overwrite"
    )


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
