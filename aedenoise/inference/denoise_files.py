"""``--mode=denoise``: denoises a file, a stream or a folder of pictures of any size and kind."""

from __future__ import annotations

import io
import itertools
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from aedenoise.config.denoise_options import STREAM, DenoiseOptions
from aedenoise.data.file_notes import Note, describe_file, group
from aedenoise.data.foreign_files import ForeignImageError, describe_foreign
from aedenoise.data.images import UnreadableImageError
from aedenoise.data.picture_writing import (
    check_fits,
    check_holds,
    encode_picture,
    kept_bits,
    save_pictures,
)
from aedenoise.data.pictures import PictureFile, open_pictures
from aedenoise.data.pixels import Picture
from aedenoise.errors import (
    CheckpointError,
    DataError,
    Stopped,
    StorageError,
    UsageError,
    as_expected,
)
from aedenoise.files import write_atomically, writing
from aedenoise.inference.denoiser import Denoiser
from aedenoise.inference.jobs import Job, describe_place, make_jobs
from aedenoise.inference.network_choice import PackedNetworks
from aedenoise.inference.suitability import INVERTED
from aedenoise.inference.tally import Tally
from aedenoise.inference.treatment import Choice, treat
from aedenoise.inference.uncertainty_files import uncertainty_picture, write_uncertainty
from aedenoise.reporting.console import bar, say, warn
from aedenoise.runtime.streams import is_closed

_GAP = 8


def denoise_files(denoiser: Denoiser | PackedNetworks, options: DenoiseOptions) -> int:
    """Denoises one file or a folder; unreadable files are reported and skipped.

    Args:
      denoiser: the network, or the packed ones, of which each picture gets its own.
      options: source, target and treatment of the pictures.

    Returns:
      Number of files denoised.

    Raises:
      DataError: if there is nothing to denoise; or at the end, if a file could not be read.
      StorageError: if a result cannot be written or would replace a file, or if standard output,
        which is to take it, is closed.
      UsageError: if the options contradict the network or each other.
    """
    if options.level is not None and not _takes_level(denoiser):
        raise UsageError(
            "--noise_level needs a network trained with --condition=noise_level; leave it out"
        )
    calibrated = isinstance(denoiser, PackedNetworks) or denoiser.calibration is not None
    if options.uncertainty and not calibrated:
        raise CheckpointError(
            "--uncertainty needs a calibration, which this network lacks; use that of a run"
        )
    if options.target == STREAM and is_closed("stdout"):
        raise StorageError("standard output is closed; give --output a file")
    jobs = make_jobs(options)
    bad: list[str] = []
    foreign: list[str] = []
    done, there = Tally(), 0
    for job in bar(jobs, "image", quiet=not options.many):
        if job.target is not None and job.target.exists() and not options.overwrite:
            if not options.many:
                raise StorageError(f"{job.target} already exists; --overwrite replaces it")
            there += 1
            continue
        content = job.source or _standard_input()
        try:
            with open_pictures(content) as pictures:
                # Nothing is counted of a file that fails on a later page.
                done.merge(_denoise(job, pictures, denoiser, options))
        except ForeignImageError as error:
            if options.many:
                foreign.append(job.name)
            else:
                bad.append(f"{job.name} {error}")
            continue
        except UnreadableImageError as error:
            bad.append(f"{job.name} {error}")
            continue
        except UsageError as error:  # sizes or pages that the network or the format cannot hold
            bad.append(f"{job.name}: {error}")
            continue
    # After the last picture, so that a folder gets one line for each kind.
    for line in group(done.notes, done.images):
        warn(line)
    if jobs[0].target is not None and (done.files or there):
        rest = f"; {there:,} already existed (--overwrite replaces them)" if there else ""
        place = describe_place(options) if options.many else f"in {jobs[0].target}"
        extra = ", half-widths next to the results" if options.uncertainty and done.files else ""
        say(f"{done.describe()}, {place}{rest}{extra}")
    faults = [f"{line}: skipped" for line in bad]
    faults += [describe_foreign(foreign)] if foreign else []
    for line in faults[1:]:
        warn(line)
    if faults:
        raise DataError(faults[0])
    return done.files


def _takes_level(denoiser: Denoiser | PackedNetworks) -> bool:
    if isinstance(denoiser, PackedNetworks):
        return False
    return denoiser.experiment.model.condition == "noise_level"


def _standard_input() -> bytes:
    # Python has no such stream where the process was started without one, as by ``<&-``.
    if sys.stdin is None:
        raise UsageError("standard input is closed; give --input a file or a pipe")
    return sys.stdin.buffer.read()


def _denoise(
    job: Job,
    pictures: PictureFile,
    denoiser: Denoiser | PackedNetworks,
    options: DenoiseOptions,
) -> Tally:
    """Denoises all pages or frames of a file, writes the result and counts them.

    Raises:
      StorageError: if the result cannot be written.
      UnreadableImageError: if one of them cannot be read; nothing is written then.
      UsageError: if the network or the result's format cannot hold them.
    """
    contents = pictures.contents
    suffix = contents.suffix if job.target is None else job.target.suffix.lower()
    check_holds(suffix, contents)
    tally = Tally(files=1)
    first: list[Picture] = []
    half_widths: list[Picture] = []

    def results() -> Iterator[Picture]:
        choice: Choice | None = None
        quiet = options.many or contents.count == 1
        pages = bar(pictures, "page", quiet=quiet, total=contents.count)
        for number, picture in enumerate(pages, 1):
            # Before denoising: a format's size limit should not cost minutes first.
            check_fits(suffix, *picture.pixels.shape[:2])
            result = _denoised(picture, denoiser, options, choice)
            found = [*result.notes, *_lost_bits(picture, suffix)]
            if choice is None:
                paged = contents.count > 1 and not contents.animated
                name = f"{job.name}{f' page {number}' * paged}"
                tally.add(name, found, result.choice.network.name, kept=result.choice.keep)
            # An animation would flicker if its frames were treated differently.
            choice = result.choice if contents.animated else None
            if number == 1 and options.before_after:
                first.extend((picture, result.picture))
            if options.uncertainty:
                half_widths.append(uncertainty_picture(picture, result.half_width))
            yield result.picture

    made: Iterator[Picture] = results()
    # Before the folder is made: a file that cannot be read leaves none behind.
    made = itertools.chain([next(made)], made)
    with _writing_errors(job.target):
        if job.target is None:
            buffer = io.BytesIO()
            save_pictures(buffer, made, suffix, contents)
            _write_output(buffer.getvalue())
            return tally
        job.target.parent.mkdir(parents=True, exist_ok=True)
        with writing(job.target) as file:
            save_pictures(file, made, suffix, contents)
            # Before the result is complete, whose presence marks the picture as done.
            if half_widths:
                write_uncertainty(job.target, half_widths)
        if first and job.comparison:
            write_atomically(job.comparison, encode_picture(_side_by_side(*first)))
    return tally


@contextmanager
def _writing_errors(target: Path | None) -> Iterator[None]:
    """Turns errors of the system into StorageError that are defects elsewhere, such as a file that
    is not found in /proc; reading has errors of its own."""
    try:
        yield
    except OSError as error:
        if as_expected(error) is not None:
            raise
        raise StorageError(
            f"cannot write {target or 'standard output'} ({error.strerror or error}); give another "
            "--output"
        ) from error


def _lost_bits(picture: Picture, suffix: str) -> Iterator[Note]:
    """Notes that the format of the result is less precise than the picture."""
    if kept_bits(picture, suffix) < picture.bits:
        rest = f"more than 8 bits, of which {suffix} keeps 8 (.tif keeps all)"
        yield Note(f"has {rest}", f"have {rest}")


class Result(NamedTuple):
    """Result of a picture: half-widths ``[H, W, C]`` if they are wanted and the network made it."""

    picture: Picture
    choice: Choice
    notes: list[Note]
    half_width: np.ndarray | None


def _denoised(
    picture: Picture,
    networks: Denoiser | PackedNetworks,
    options: DenoiseOptions,
    earlier: Choice | None,
) -> Result:
    """Denoises a picture, or keeps it where that is certainly better; see ``treat``."""
    done = treat(
        picture.pixels,
        networks,
        network=options.network,
        invert=options.invert,
        keep_input=options.keep_input,
        level=options.level,
        uncertainty=options.uncertainty,
        earlier=earlier,
    )
    choice = done.choice
    notes: list[Note] = []
    if earlier is None:
        told = choice.invert and not choice.keep and options.invert == "auto"
        notes = [*describe_file(picture), *([INVERTED] if told else []), *done.doubts]
    result = picture if choice.keep else picture.with_pixels(done.pixels)
    return Result(result, choice, notes, done.half_width)


def _side_by_side(before: Picture, after: Picture) -> Picture:
    gap = np.full((len(after.pixels), _GAP, after.pixels.shape[-1]), 0.5, np.float32)
    both = np.concatenate([before.pixels, gap, after.pixels], axis=1)
    return replace(after, pixels=both, alpha=None, exif=None)


def _write_output(content: bytes) -> None:
    """Writes to standard output.

    Raises:
      Stopped: if its reader has exited, as in ``| head``.
    """
    try:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        # Replaces the descriptor itself, so that the flush at exit does not fail either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise Stopped(signal.SIGPIPE) from None
