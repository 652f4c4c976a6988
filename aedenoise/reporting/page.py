"""Self-contained HTML report of one run or of several side by side, built from run records."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from aedenoise.metrics.image_quality import METRICS
from aedenoise.reporting import page_gan
from aedenoise.reporting.flat import flat
from aedenoise.reporting.html import Cells, document, note, picture, section, table
from aedenoise.reporting.result_lines import PROBED
from aedenoise.reporting.run_record import RunRecord

_FIGURES = {
    "made": "Generated images",
    "between": "Interpolation between latents",
    "nearest": "Generated images and their nearest training images",
    "denoised": "Original, noisy, denoised, residual",
    "baselines": "Comparison with classical denoisers",
    "worst": "Test images with the lowest PSNR",
    "curve": "Loss and PSNR during training",
    "artifacts": "Checkerboard artifacts of the decoder",
    "code": "Code of test images in two dimensions",
    "confusion": "Confusion tables of classifiers on the code",
}
_CAPTIONS = {
    "denoised": "The residual is denoised minus original, from -0.5 (blue) to 0.5 (red).",
    "artifacts": (
        "Left: mean residual over the test images, whose range is [0, 1]. Middle: log power "
        "spectrum of the residual, zero frequency in the middle; a checkerboard is a bright spot "
        "at a border or halfway to it. Right: response of the decoder to a code of ones; without "
        "checkerboards it is flat away from the borders."
    ),
}
_UNITS = (
    "PSNR is the mean over images; BCE is in nats per pixel. The mean training image and a black "
    "image are what a network without an input could draw."
)
_BLIND = (
    "No clean picture was seen: every figure is an estimate. For gaussian and poisson-gaussian "
    "noise it is Stein's, with the noise measured where the result is flat; otherwise hidden "
    "pixels are compared with recorded ones, which gives a lower bound."
)
_QUALITY = (
    ("noisy", "noisy input"),
    ("mean_image", "mean training image"),
    ("black", "black image"),
)
_GRID = (
    ("residual", "excess_2", "residual, period 2 pixels: power over neighbouring frequencies"),
    ("residual", "excess_4", "residual, period 4 pixels: power over neighbouring frequencies"),
    ("constant", "spread_2", "constant code, period 2 pixels: deviation between positions"),
    ("constant", "spread_4", "constant code, period 4 pixels: deviation between positions"),
)


def page(runs: Sequence[RunRecord], denoising_page: str = "") -> str:
    """Builds the page, with runs side by side in tables and one below another in figures.

    Args:
      runs: the runs.
      denoising_page: name of a page that denoises in the same folder, to be linked; or empty.
    """
    title = runs[0].results["experiment"] if len(runs) == 1 else f"{len(runs)} runs"
    parts = [f"<h1>{escape(title)}</h1>", f"<p class=lead>{_lead(runs)}</p>", *_sections(runs)]
    if denoising_page:
        parts.insert(2, f'<p><a href="{escape(denoising_page)}">Denoise in the browser</a></p>')
    return document(title, parts)


def _sections(runs: Sequence[RunRecord]) -> Iterator[str]:
    names = [run.name for run in runs]
    gans = ["made" in run.results for run in runs]
    # Runs on noisy pictures have estimates in place of measurements.
    blind = ["estimates" in run.results for run in runs]
    if all(gans):
        yield from page_gan.made_images(runs)
    elif all(blind):
        yield from _estimated(runs)
    elif not any(gans) and not any(blind):
        yield from _denoised(runs)
    for key, caption in _FIGURES.items():
        shown = [(run, run.figures[key]) for run in runs if key in run.figures]
        pictures = "".join(
            picture(png, f"{caption}: {run.name}", run.name if len(runs) > 1 else "")
            for run, png in shown
        )
        if pictures:
            yield section(caption, note(_CAPTIONS.get(key, "")) + pictures, opened=True)
    places = page_gan.GRID if all(gans) else _GRID
    # Denoisers and GANs have no common measures.
    if not any(blind) and (all(gans) or not any(gans)):
        grid = [
            (label, *(f"{run.results['artifacts'][place][name]:.4f}" for run in runs))
            for place, name, label in places
        ]
        yield section("Checkerboard metrics (0: none)", table(names, grid))
    settings = (
        _differing(runs) if len(runs) > 1 else list(flat(runs[0].config["experiment"]).items())
    )
    yield section("Differences" if len(runs) > 1 else "Configuration", table(names, settings))
    facts = {
        run.name: flat({**run.config["dataset"], **run.results["environment"]}) for run in runs
    }
    keys = dict.fromkeys(key for fact in facts.values() for key in fact)
    rows = [(key, *(fact.get(key, "") for fact in facts.values())) for key in keys]
    yield section("Data and environment", table(names, rows))
    commands = "".join(
        f"<pre>{escape(run.config['command'])}</pre>" for run in runs if run.config.get("command")
    )
    if commands:
        yield section("Command", commands, opened=True)


def _estimated(runs: Sequence[RunRecord]) -> Iterator[str]:
    """Yields the section of runs that saw no clean image."""
    rows = []
    for run in runs:
        found = run.results["estimates"]
        least = "at least " if found["method"] != "stein" else ""
        level = f"{found['noise_level']:.4f}" if "noise_level" in found else ""
        between = f"{found['psnr_low']:.2f} to {found['psnr_high']:.2f}" if level else ""
        rows.append((run.name, f"{least}{found['psnr_estimate']:.2f}", between, level))
    titles = ["estimated PSNR, dB", "between", "measured noise level"]
    yield section(
        "Estimates without clean pictures", table(titles, rows) + note(_BLIND), opened=True
    )


def _denoised(runs: Sequence[RunRecord]) -> Iterator[str]:
    """Yields the sections that are specific to denoisers."""
    names = [run.name for run in runs]
    scored = [(run.name if len(runs) > 1 else "denoised", run.results["eval"]) for run in runs]
    # Runs of the same data and noise have the same baselines, which would only repeat.
    own = {str(flat(run.results["noisy"])): run for run in runs}
    for run in own.values():
        behind = f" of {run.name}" if len(own) > 1 else ""
        scored += [(title + behind, run.results[key]) for key, title in _QUALITY]
    rows = [(name, *(m.show(scores) for m in METRICS)) for name, scores in scored]
    quality = table([m.title for m in METRICS], rows)
    yield section("Quality over the test images", quality + note(_UNITS), opened=True)
    yield from _baselines(runs)
    yield from _probes(runs)
    if all("per_image" in run.results for run in runs):
        yield section("PSNR by class and percentile, dB", table(names, _per_image(runs)))


def _lead(runs: Sequence[RunRecord]) -> str:
    lines = []
    for run in runs:
        results, train = run.results, run.results["train"]
        if "made" in results:
            found = f"a GAN of {escape(results['dataset']['name'])}"
            if results["made"]:
                found += f", Frechet distance {results['made']['frechet']:.2f}"
        elif "estimates" in results:
            found = (
                f"estimated {results['estimates']['psnr_estimate']:.2f} dB on "
                f"{results['test_set']['count']:,.0f} held-out pictures of "
                f"{escape(results['dataset']['name'])}"
            )
        else:
            found = (
                f"{results['eval']['psnr']:.2f} dB on {results['test_set']['count']:,.0f} test "
                f"images of {escape(results['dataset']['name'])}, from "
                f"{results['noisy']['psnr']:.2f} dB"
            )
        lines.append(
            f"{escape(run.name)}: {found}; {results['parameters']:,} parameters, "
            f"{train['steps']:,} steps in {train['seconds']:.0f} s"
        )
    return "<br>".join(lines)


def _baselines(runs: Sequence[RunRecord]) -> Iterator[str]:
    for run in runs:
        found = run.results.get("baselines")
        if not found:
            continue
        scores = {"denoised": found["denoised"], **found["classical"]}
        rows = [
            (name, f"{score['psnr']:.2f}", f"{score['ssim']:.4f}", score.get("setting", ""))
            for name, score in scores.items()
        ]
        title = f"Comparison with classical denoisers on {found['images']} test images"
        title += f": {run.name}" if len(runs) > 1 else ""
        yield section(title, table(["PSNR, dB", "SSIM", "setting"], rows), opened=True)


def _probes(runs: Sequence[RunRecord]) -> Iterator[str]:
    for run in runs:
        if run.probe is None:
            continue
        rows = [
            (
                label,
                f"{100 * score['accuracy']:.2f}",
                f"{100 * score['low']:.2f} to {100 * score['high']:.2f}",
                f"{score['errors']:,}",
            )
            for name, label in PROBED
            if (score := run.probe.get(name))
        ]
        wrong = run.probe["label_errors"]
        title = f"Classification from a code of {run.probe['code_size']} values"
        title += f"; about {100 * wrong:g} % of the labels are wrong" if wrong else ""
        title += f": {run.name}" if len(runs) > 1 else ""
        yield section(title, table(["accuracy, %", "95 % interval", "errors"], rows), opened=True)


def _per_image(runs: Sequence[RunRecord]) -> list[Cells]:
    scores = [run.results["per_image"] for run in runs]
    rows: list[Cells] = []
    for table_name, word in (
        ("by_class", "class {}"),
        ("percentiles", "{} % of the images are below"),
    ):
        for key in dict.fromkeys(key for score in scores for key in score[table_name]):
            values = (score[table_name].get(key) for score in scores)
            cells = ("" if value is None else f"{value:.2f}" for value in values)
            rows.append((word.format(key), *cells))
    return rows


def _differing(runs: Sequence[RunRecord]) -> list[Cells]:
    settings = [flat(run.config["experiment"]) for run in runs]
    keys = dict.fromkeys(key for each in settings for key in each)
    rows = [(key, *(each.get(key, "") for each in settings)) for key in keys]
    return [row for row in rows if len(set(row[1:])) > 1]
