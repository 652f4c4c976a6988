"""Sources and targets of ``--mode=denoise``: names of results, and files that must stay."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from aedenoise.config.denoise_options import STREAM, WRITTEN, DenoiseOptions
from aedenoise.data.foreign_files import is_foreign
from aedenoise.data.pictures import find_pictures, find_suffix
from aedenoise.errors import DataError, StorageError, UsageError
from aedenoise.inference import uncertainty_files
from aedenoise.reporting.console import warn

_DENOISED, _BEFORE_AFTER = "-denoised", "-before-after"
# Endings of results where no --output names one.
_ENDINGS = (".png", ".tif", ".gif", ".webp")


@dataclass(frozen=True)
class Job:
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

    def extras(self, options: DenoiseOptions) -> list[Path]:
        """Returns the paths of further files that the call may write next to the result."""
        if self.target is None:
            return []
        extras = [self.comparison] if options.before_after and self.comparison else []
        if options.uncertainty:
            stem = f"{self.target.stem}{uncertainty_files.ENDING}"
            extras += [self.target.with_name(stem + end) for end in uncertainty_files.SUFFIXES]
        return extras

    def check(self, options: DenoiseOptions) -> None:
        """Raises StorageError if a result would replace its source or an unrelated file."""
        extras = self.extras(options)
        for path in (self.target, *extras):
            if path is None or not path.exists():
                continue
            if self.source is not None and path.samefile(self.source):
                raise StorageError(f"{path} is the source itself; choose another --output")
        # If the denoised picture exists too, these are from an earlier call, which are kept.
        if options.overwrite or (self.target is not None and self.target.exists()):
            return
        for path in extras:
            if path.exists():
                raise StorageError(f"{path} already exists; --overwrite replaces it")


def make_jobs(options: DenoiseOptions) -> list[Job]:
    """Lists the pictures to denoise with the files to write, checked for conflicts.

    Raises:
      DataError: if a folder holds no images.
      StorageError: if a result would replace its source or an unrelated file.
      UsageError: if source and target contradict each other, or two files get one name.
    """
    if options.more:
        jobs = _jobs_of_files(options)
    else:
        jobs = _jobs_of_folder(options) if options.many else [_only_job(options)]
    # All targets are checked first: a conflict in a folder ends the call before any work.
    for job in jobs:
        job.check(options)
    targets = {job.target for job in jobs}
    for path in (path for job in jobs for path in job.extras(options)):
        if path in targets:
            raise StorageError(f"{path} would be written twice; rename its source")
    return jobs


def _only_job(options: DenoiseOptions) -> Job:
    source = None if options.source == STREAM else Path(options.source)
    if options.target == STREAM:
        return Job(source, None)
    if options.target is None:
        assert source is not None
        return Job(source, source.with_name(f"{source.stem}{_DENOISED}{find_suffix(source)}"))
    target = Path(options.target)
    if options.into_folder:
        target /= f"{source.stem}{_DENOISED}{find_suffix(source)}" if source else "denoised.png"
    return Job(source, target)


def _jobs_of_folder(options: DenoiseOptions) -> list[Job]:
    source, folder = Path(options.source), result_folder(options)
    if folder.suffix.lower() in WRITTEN and not folder.exists():
        raise UsageError(f"--output={folder} names a picture; --input is a folder and needs one")
    if folder.exists() and not folder.is_dir():
        raise StorageError(f"{folder} is not a folder; --output must be one if --input is")
    if folder.resolve() == source.resolve():
        raise StorageError("--output must not be the folder of the images; choose another")
    # A folder of results inside the source would be denoised again by the next call.
    results = folder.resolve()
    files = [file for file in find_pictures(source) if results not in file.resolve().parents]
    files = _without_results(files)
    if not files:
        raise DataError(f"{source} holds no images except results of earlier calls")
    jobs = []
    for file, stem in _names(files, [file.parent for file in files]):
        result = folder / file.relative_to(source).parent / f"{stem}{find_suffix(file)}"
        jobs.append(Job(file, result))
    return jobs


def _jobs_of_files(options: DenoiseOptions) -> list[Job]:
    folder = None if options.target is None else Path(options.target)
    if folder is not None and folder.exists() and not folder.is_dir():
        raise StorageError(f"{folder} is not a folder; --output must be one for several pictures")
    files = _without_results([Path(source) for source in options.sources])
    originals = {file.resolve() for file in files}
    jobs: dict[Path, Job] = {}
    for file, stem in _names(files, [folder or file.parent for file in files]):
        result = (folder or file.parent) / f"{stem}{_DENOISED}{find_suffix(file)}"
        place = result.resolve()
        if place in jobs and jobs[place].source == file:
            raise UsageError(f"{file} is named twice; name it once")
        if place in jobs:
            raise UsageError(
                f"{jobs[place].name} and {file} would both become {result}; rename one of them, or "
                "give another --output for it"
            )
        if place in originals:
            raise StorageError(f"{result} is one of the pictures to denoise; give another --output")
        jobs[place] = Job(file, result)
    return list(jobs.values())


def _without_results(files: list[Path]) -> list[Path]:
    """Leaves out, with a line, the results of earlier calls whose source is there, too."""
    found = {file.with_suffix("") for file in files}
    made = [file for file in files if _made_here(file, found)]
    if made:
        warn(f"{made[0]} is an earlier result next to its source: skipped ({len(made)} in all)")
    return [file for file in files if file not in made]


def _names(files: list[Path], folders: list[Path]) -> Iterator[tuple[Path, str]]:
    """Yields each file with the name of its result in its folder, without an ending."""
    # A camera's raw file has no result, hence takes no name from the JPEG next to it.
    foreign = {file for file in files if is_foreign(file)}
    pairs = [(file, folder / file.stem) for file, folder in zip(files, folders, strict=True)]
    stems = Counter(path for file, path in pairs if file not in foreign)
    for file, path in pairs:
        # The extension is kept where stems collide (a.jpg, a.png).
        alone = stems[path] == 1 and file not in foreign
        yield file, file.stem if alone else file.name


def _made_here(file: Path, found: set[Path]) -> bool:
    """Returns True for the result of an earlier single-file call, written next to its source."""
    result = file.stem.removesuffix(_BEFORE_AFTER).removesuffix(uncertainty_files.ENDING)
    source = result.removesuffix(_DENOISED)
    return source != result and file.suffix in _ENDINGS and file.with_name(source) in found


def describe_place(options: DenoiseOptions) -> str:
    """Describes where the results of several pictures are."""
    if options.more and options.target is None:
        return "next to their sources"
    return f"in {result_folder(options)}"


def result_folder(options: DenoiseOptions) -> Path:
    """Returns the folder of results for several pictures, or for a folder of them."""
    if options.target:
        return Path(options.target)
    source = Path(options.source)
    # "." and ".." have no name to derive the folder of results from.
    if source.name in ("", ".."):
        source = source.resolve()
    if not source.name:
        raise UsageError(f"--input={options.source} needs an --output")
    return source.with_name(f"{source.name}{_DENOISED}")
