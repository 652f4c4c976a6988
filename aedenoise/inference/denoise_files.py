"""``--mode=denoise``: denoises a picture, a stream or a folder of pictures of any size."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aedenoise.config.options import STREAM, WRITTEN, DenoiseOptions
from aedenoise.data.images import UnreadableImageError
from aedenoise.data.pictures import Picture, check_fits, encode_picture, find_pictures, read_picture
from aedenoise.errors import DataError, StorageError, UsageError
from aedenoise.files import write_atomically
from aedenoise.inference.denoiser import Denoiser
from aedenoise.reporting.console import bar, say, warn

# Ratio to the training levels beyond which results are unreliable. The margin is small because
# the estimate is too low there: strong noise passes through the network.
_FAR = 1.25
_GAP = 8
_DENOISED, _BEFORE_AFTER = "-denoised", "-before-after"
# Clipped noise of level 0.6 gives black a mean of 0.24; strokes are thinner than a block.
_DARK, _BLOCK, _BLOCKS = 0.3, 8, 8


@dataclass(frozen=True)
class _Job:
    """Source and target of one picture; None is standard input or output."""

    source: Path | None
    target: Path | None

    @property
    def name(self) -> str:
        """Returns the source's name for messages."""
        return "standard input" if self.source is None else str(self.source)

    @property
    def comparison(self) -> Path | None:
        """Returns the path of the before-and-after picture, None for standard output."""
        return self.target and self.target.with_name(f"{self.target.stem}{_BEFORE_AFTER}.png")

    def check(self, options: DenoiseOptions) -> None:
        """Raises StorageError if a result would replace its source or an unrelated file."""
        for path in (self.target, self.comparison if options.before_after else None):
            if path is None or not path.exists():
                continue
            if self.source is not None and path.samefile(self.source):
                raise StorageError(f"{path} is the source itself; choose another --output")
        if options.before_after and self.comparison and self.comparison.exists():
            # If the denoised picture exists too, this one is from an earlier call, which is kept.
            ours = self.target is not None and self.target.exists()
            if not (ours or options.overwrite):
                raise StorageError(f"{self.comparison} already exists; --overwrite replaces it")


def denoise_files(denoiser: Denoiser, options: DenoiseOptions) -> int:
    """Denoises one picture or a folder; unreadable files are reported and skipped.

    Returns:
      Number of pictures denoised.

    Raises:
      DataError: if there is nothing to denoise; or at the end, if a file could not be read.
      StorageError: if a result cannot be written or would replace a file.
      UsageError: if the options contradict the network or each other.
    """
    if options.level is not None and denoiser.experiment.model.condition == "none":
        raise UsageError("--noise_level needs a network trained with --condition=noise_level")
    jobs = _jobs_of_folder(options) if options.many else [_only_job(options)]
    # All targets are checked first: a conflict in a folder ends the call before any work.
    for job in jobs:
        job.check(options)
    bad: list[str] = []
    done, there = 0, 0
    for job in bar(jobs, "image", quiet=not options.many):
        if job.target is not None and job.target.exists() and not options.overwrite:
            if not options.many:
                raise StorageError(f"{job.target} already exists; --overwrite replaces it")
            there += 1
            continue
        try:
            picture = read_picture(job.source or sys.stdin.buffer.read())
            # Before denoising: a format's size limit should not cost minutes first.
            if job.target is not None:
                check_fits(job.target.suffix.lower(), *picture.pixels.shape[:2])
            result = _denoised(job, picture, denoiser, options)
        except UnreadableImageError as error:
            bad.append(f"{job.name} {error}")
            continue
        except UsageError as error:  # a size that the network or the file format cannot hold
            bad.append(f"{job.name}: {error}")
            continue
        _write(job, picture, result, options.before_after)
        done += 1
    if jobs[0].target is not None and (done or there):
        kept = f"; {there:,} already existed (--overwrite replaces them)" if there else ""
        place = _folder(options) if options.many else jobs[0].target
        say(f"{done:,} image{'s' * (done != 1)} denoised, in {place}{kept}")
    for line in bad[1:]:
        warn(f"{line}: skipped")
    if bad:
        raise DataError(f"{bad[0]}: skipped")
    return done


def _only_job(options: DenoiseOptions) -> _Job:
    source = None if options.source == STREAM else Path(options.source)
    if options.target == STREAM:
        return _Job(source, None)
    if options.target is None:
        assert source is not None
        return _Job(source, source.with_name(f"{source.stem}{_DENOISED}.png"))
    target = Path(options.target)
    if options.into_folder:
        target /= f"{source.stem}{_DENOISED}.png" if source else "denoised.png"
    return _Job(source, target)


def _jobs_of_folder(options: DenoiseOptions) -> list[_Job]:
    source, folder = Path(options.source), _folder(options)
    if folder.suffix.lower() in WRITTEN and not folder.exists():
        raise UsageError(f"--output={folder} names a picture; --input is a folder and needs one")
    if folder.exists() and not folder.is_dir():
        raise StorageError(f"{folder} is not a folder; --output must be one if --input is")
    if folder.resolve() == source.resolve():
        raise StorageError("--output must not be the folder of the images; choose another")
    # A folder of results inside the source would be denoised again by the next call.
    results = folder.resolve()
    files = [file for file in find_pictures(source) if results not in file.resolve().parents]
    found = {file.with_suffix("") for file in files}
    made = [file for file in files if _made_here(file, found)]
    files = [file for file in files if file not in made]
    if made:
        warn(f"{made[0]} is an earlier result next to its source: {len(made)} such files skipped")
    if not files:
        raise DataError(f"{source} holds no images except results of earlier calls")
    stems = Counter(file.with_suffix("") for file in files)
    jobs = []
    for file in files:
        # The extension is kept where stems collide (a.jpg, a.png).
        name = file.name if stems[file.with_suffix("")] > 1 else file.stem
        jobs.append(_Job(file, folder / file.relative_to(source).parent / f"{name}.png"))
    return jobs


def _made_here(file: Path, found: set[Path]) -> bool:
    """Returns True for the result of an earlier single-file call, written next to its source."""
    result = file.stem.removesuffix(_BEFORE_AFTER)
    source = result.removesuffix(_DENOISED)
    return source != result and file.suffix == ".png" and file.with_name(source) in found


def _folder(options: DenoiseOptions) -> Path:
    if options.target:
        return Path(options.target)
    source = Path(options.source)
    # "." and ".." have no name to derive the folder of results from.
    if source.name in ("", ".."):
        source = source.resolve()
    if not source.name:
        raise UsageError(f"--input={options.source} needs an --output")
    return source.with_name(f"{source.name}{_DENOISED}")


def _denoised(job: _Job, picture: Picture, denoiser: Denoiser, options: DenoiseOptions) -> Picture:
    pixels = picture.pixels
    if picture.pages > 1:
        warn(f"{job.name} has {picture.pages} pages: only the first is denoised")
    invert = options.invert == "yes"
    if options.invert == "auto" and _trained_on_light_glyphs(denoiser) and np.median(pixels) > 0.5:
        invert = True
        warn(f"{job.name} is dark on light: inverted for denoising (--invert=no prevents this)")
    if _trained_on_light_glyphs(denoiser) and _mostly_grey(pixels):
        warn(
            f"{job.name} has many greys, but the network was trained on light strokes on dark: the "
            "result may be poor (--dataset=folder:DIR trains on your pictures)"
        )
    seen = 1.0 - pixels if invert else pixels
    clean = denoiser(seen[None], options.level)[0]
    level = denoiser.estimate(seen, clean)
    noise = denoiser.experiment.noise
    least, most = noise.level, noise.level_max or noise.level
    if level is not None and not least / _FAR <= level <= most * _FAR:
        warn(
            f"{job.name} has noise of about {level:.2f}, but the network was trained on {noise}: "
            "the result may be poor"
        )
    return picture.with_pixels(1.0 - clean if invert else clean)


def _trained_on_light_glyphs(denoiser: Denoiser) -> bool:
    names = denoiser.experiment.data.dataset.split("+")
    return all(name.split("/")[0] in ("mnist", "notmnist") for name in names)


def _mostly_grey(pixels: np.ndarray) -> bool:
    """Returns True if most blocks of a picture ``[H, W, C]`` have a mean that is neither dark nor
    light. Block means survive strong noise. Small pictures, where a stroke fills a block, give
    False."""
    height, width = (side // _BLOCK for side in pixels.shape[:2])
    if min(height, width) < _BLOCKS:
        return False
    whole = pixels[: height * _BLOCK, : width * _BLOCK]
    means = whole.reshape(height, _BLOCK, width, _BLOCK, -1).mean(axis=(1, 3, 4))
    return bool(np.mean((means > _DARK) & (means < 1.0 - _DARK)) > 0.5)


def _write(job: _Job, before: Picture, after: Picture, before_after: bool) -> None:
    if job.target is None:
        sys.stdout.buffer.write(encode_picture(after))
        sys.stdout.buffer.flush()
        return
    job.target.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(job.target, encode_picture(after, job.target.suffix.lower()))
    if before_after and job.comparison:
        gap = np.full((len(after.pixels), _GAP, after.pixels.shape[-1]), 0.5, np.float32)
        both = Picture(np.concatenate([before.pixels, gap, after.pixels], axis=1))
        write_atomically(job.comparison, encode_picture(both))
