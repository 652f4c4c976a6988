"""``--mode=denoise``: denoises a picture, a stream or a folder of pictures of any size."""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import replace

import numpy as np

from aedenoise.config.options import STREAM, DenoiseOptions
from aedenoise.data.images import UnreadableImageError
from aedenoise.data.pictures import Picture, check_fits, encode_picture, read_picture
from aedenoise.errors import DataError, Stopped, StorageError, UsageError
from aedenoise.files import write_atomically
from aedenoise.inference.denoiser import Denoiser
from aedenoise.inference.jobs import Job, make_jobs, result_folder
from aedenoise.inference.suitability import Note, choose_inversion, describe_file, group, judge
from aedenoise.reporting.console import bar, say, warn
from aedenoise.runtime.streams import is_closed

_GAP = 8


def denoise_files(denoiser: Denoiser, options: DenoiseOptions) -> int:
    """Denoises one picture or a folder; unreadable files are reported and skipped.

    Returns:
      Number of pictures denoised.

    Raises:
      DataError: if there is nothing to denoise; or at the end, if a file could not be read.
      StorageError: if a result cannot be written or would replace a file, or if standard output,
        which is to take it, is closed.
      UsageError: if the options contradict the network or each other.
    """
    if options.level is not None and denoiser.experiment.model.condition == "none":
        raise UsageError("--noise_level needs a network trained with --condition=noise_level")
    if options.target == STREAM and is_closed("stdout"):
        raise StorageError("standard output is closed; give --output a file")
    jobs = make_jobs(options)
    bad: list[str] = []
    notes: list[tuple[str, Note]] = []
    done, there = 0, 0
    for job in bar(jobs, "image", quiet=not options.many):
        if job.target is not None and job.target.exists() and not options.overwrite:
            if not options.many:
                raise StorageError(f"{job.target} already exists; --overwrite replaces it")
            there += 1
            continue
        content = job.source or _standard_input()
        try:
            picture = read_picture(content)
            # Before denoising: a format's size limit should not cost minutes first.
            if job.target is not None:
                check_fits(job.target.suffix.lower(), *picture.pixels.shape[:2])
            result, found = _denoised(picture, denoiser, options)
        except UnreadableImageError as error:
            bad.append(f"{job.name} {error}")
            continue
        except UsageError as error:  # a size that the network or the file format cannot hold
            bad.append(f"{job.name}: {error}")
            continue
        notes += [(job.name, note) for note in found]
        _write(job, picture, result, options.before_after)
        done += 1
    # After the last picture, so that a folder gets one line for each kind.
    for line in group(notes, done):
        warn(line)
    if jobs[0].target is not None and (done or there):
        kept = f"; {there:,} already existed (--overwrite replaces them)" if there else ""
        place = result_folder(options) if options.many else jobs[0].target
        say(f"{done:,} image{'s' * (done != 1)} denoised, in {place}{kept}")
    for line in bad[1:]:
        warn(f"{line}: skipped")
    if bad:
        raise DataError(f"{bad[0]}: skipped")
    return done


def _standard_input() -> bytes:
    # Python has no such stream where the process was started without one, as by ``<&-``.
    if sys.stdin is None:
        raise UsageError("standard input is closed; give --input a file or a pipe")
    return sys.stdin.buffer.read()


def _denoised(
    picture: Picture, denoiser: Denoiser, options: DenoiseOptions
) -> tuple[Picture, list[Note]]:
    """Denoises a picture, or keeps it where that is certainly better."""
    notes = describe_file(picture)
    invert, found = choose_inversion(picture.pixels, denoiser, options.invert)
    seen = 1.0 - picture.pixels if invert else picture.pixels
    clean = denoiser(seen[None], options.level)[0]
    keep, doubts = judge(seen, clean, denoiser, keep=options.keep_input)
    if keep:
        return picture, [*notes, *doubts]
    return picture.with_pixels(1.0 - clean if invert else clean), [*notes, *found, *doubts]


def _write(job: Job, before: Picture, after: Picture, before_after: bool) -> None:
    if job.target is None:
        _write_output(encode_picture(after))
        return
    job.target.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(job.target, encode_picture(after, job.target.suffix.lower()))
    if before_after and job.comparison:
        gap = np.full((len(after.pixels), _GAP, after.pixels.shape[-1]), 0.5, np.float32)
        both = np.concatenate([before.pixels, gap, after.pixels], axis=1)
        write_atomically(job.comparison, encode_picture(replace(after, pixels=both, alpha=None)))


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
