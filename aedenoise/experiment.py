"""An experiment as a value: frozen dataclasses that describe a run completely.

An ``Experiment`` decides every number of a run; ``RunOptions`` says where and how it is carried
out and changes no result beyond float32 rounding. Both are checked when they are made. Nothing
heavy is imported here, so that a wrong flag is answered at once.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aedenoise.errors import CheckpointError, UsageError, nearest

DECODERS = (
    "upsample",
    "bilinear",
    "bicubic",
    "transpose",
    "subpixel",
    "bilinear_additive",
    "unpool",
    "max_unpool",
)
# Side of the kernel of the convolution behind a decoder's last enlargement.
TAIL_SIDE = 3
ORDERS = ("conv_resize", "resize_conv")
# Decoders that enlarge by a rule, before or behind a convolution.
_RESIZING = ("upsample", "bilinear", "bicubic", "unpool")
DATASETS = ("mnist", "notmnist", "notmnist/open", "notmnist/small", "notmnist/large")
NOISES = ("gaussian",)
LOSSES = ("bce", "mse")
SCHEDULES = ("cosine", "constant")
PARALLEL = ("jit", "pmap")
LOWERINGS = ("auto", "plain")
PRECISIONS = ("float32", "tf32", "bfloat16")

FITS = ("resize", "crop")

# What stands before a folder of images, a NumPy file, or a name of TFDS's own catalogue.
PREFIXES = ("folder:", "npz:", "tfds:")
# Of that catalogue, the names known without the prefix.
TFDS_NAMES = (
    "binary_alpha_digits",
    "cifar10",
    "cifar100",
    "cmaterdb",
    "emnist",
    "eurosat",
    "fashion_mnist",
    "kmnist",
    "mnist_corrupted",
    "smallnorb",
    "stl10",
    "svhn_cropped",
)
# `notmnist` alone always means the letters from open fonts; the record names them in full.
_DATASET_ALIASES = {"notmnist": "notmnist/open"}


def dataset_kind(name: str) -> tuple[str, str]:
    """(``own``, ``tfds``, ``folder`` or ``npz``; the name or path without its prefix).

    Raises:
      UsageError: if the name is none of them.
    """
    prefix, colon, rest = name.partition(":")
    if colon and f"{prefix}:" in PREFIXES:
        if not rest:
            raise UsageError(f"dataset {name!r} lacks what comes after the colon")
        return ("own" if prefix == "tfds" and rest in DATASETS else prefix), rest
    if name.split("/")[0] in TFDS_NAMES:
        return "tfds", name
    if name in DATASETS:
        return "own", name
    if Path(name).is_dir():
        raise UsageError(f"unknown dataset {name!r}; for your folder write folder:{name}")
    raise UsageError(
        f"unknown dataset {name!r}; {nearest(name, (*DATASETS, *TFDS_NAMES))}; or tfds:NAME, "
        "folder:DIR, npz:FILE"
    )


def _check_known(what: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise UsageError(f"unknown {what} {value!r}; {nearest(value, known)}")


def _check_positive(**values: int) -> None:
    for name, value in values.items():
        if value < 1:
            raise UsageError(f"{name} must be at least 1, not {value}")


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """The network: two or more conv + pool stages, and a decoder that mirrors them.

    Attributes:
      decoder: one of ``DECODERS``.
      encoder_features: channels of each encoder stage; each stage divides height and width
        by ``stride``.
      decoder_features: channels of each decoder stage; as many stages as the encoder has.
      kernel_size: side of the decoder's kernels, in pixels; a tail's is 3.
      stride: factor of each pool and of each enlargement.
      order: of decoders that enlarge by a rule: ``conv_resize`` or ``resize_conv``.
      tail: whether a convolution of stride 1 follows the last enlargement.
      icnr: whether ``subpixel`` begins without checkerboards.
      precision: arithmetic of the convolutions: ``float32``, ``tf32`` (products of 10 bits on
        NVIDIA GPUs, float32 elsewhere) or ``bfloat16`` (parameters, loss and the rest stay
        float32).
    """

    decoder: str = "upsample"
    encoder_features: tuple[int, ...] = (32, 32)
    decoder_features: tuple[int, ...] = (32, 32)
    kernel_size: int = 3
    stride: int = 2
    order: str = "conv_resize"
    tail: bool = True
    icnr: bool = True
    precision: str = "float32"

    def __post_init__(self) -> None:
        _check_known("decoder", self.decoder, DECODERS)
        _check_known("order", self.order, ORDERS)
        _check_known("precision", self.precision, PRECISIONS)
        for name in ("encoder_features", "decoder_features"):
            features = tuple(getattr(self, name))
            object.__setattr__(self, name, features)
            if not features or any(f < 1 for f in features):
                raise UsageError(f"{name} must be positive widths such as 32,32, not {features}")
        if len(self.encoder_features) != len(self.decoder_features):
            raise UsageError(
                f"encoder_features {self.encoder_features} and decoder_features "
                f"{self.decoder_features} must have as many stages as each other"
            )
        if not 1 <= self.kernel_size <= 15:
            raise UsageError(f"kernel_size must be from 1 to 15, not {self.kernel_size}")
        if not 2 <= self.stride <= 8:
            raise UsageError(f"stride must be from 2 to 8, not {self.stride}")
        self._check_decoder()

    def _check_decoder(self) -> None:
        """Refuses what the decoder would not heed, and widths that it cannot have."""
        if self.order != ORDERS[0] and self.decoder not in _RESIZING:
            raise UsageError(
                f"order {self.order} is for {', '.join(_RESIZING)}, not {self.decoder}"
            )
        fixed = self.decoder in _RESIZING and self.order == "conv_resize"
        if not self.tail and (fixed or self.decoder == "max_unpool"):
            raise UsageError(
                f"{self.decoder}{f' with order {self.order}' if fixed else ''} ends with a "
                "convolution that cannot be left out; notail is for transpose, subpixel, "
                "bilinear_additive and order resize_conv"
            )
        if not self.icnr and self.decoder != "subpixel":
            raise UsageError(f"noicnr is for subpixel, not {self.decoder}")
        group = self.stride**2
        widths = (self.encoder_features[-1], *self.decoder_features[:-1])
        if self.decoder == "bilinear_additive" and any(width % group for width in widths):
            raise UsageError(
                f"bilinear_additive sums {group} channels at stride {self.stride}; the widths "
                f"{', '.join(map(str, widths))} must be divisible by {group}"
            )
        if self.decoder == "max_unpool" and self.decoder_features != self.encoder_features[::-1]:
            raise UsageError(
                "max_unpool has the encoder's widths in reverse: decoder_features must be "
                f"{','.join(map(str, self.encoder_features[::-1]))}"
            )

    @property
    def downsampling(self) -> int:
        """Each side of an image is divided by this in the code."""
        return int(self.stride ** len(self.encoder_features))

    @property
    def divisor(self) -> int:
        """Height and width of an image must be divisible by this."""
        return 1 if self.decoder == "max_unpool" else self.downsampling


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """The dataset, and how much of it is used.

    Attributes:
      dataset: one of ``DATASETS`` or ``TFDS_NAMES``, or a prefix of ``PREFIXES`` with what
        belongs to it. Paths become absolute.
      train_examples, test_examples: how many examples of each split are used (None: all).
      image_size: side in pixels of the squares that images of a folder are cut to.
      fit: how: ``resize`` or ``crop``; see ``data.user_files.FolderSource``.
    """

    dataset: str = "notmnist/open"
    train_examples: int | None = None
    test_examples: int | None = None
    image_size: int = 64
    fit: str = "resize"

    def __post_init__(self) -> None:
        kind, rest = dataset_kind(self.dataset)
        name = _DATASET_ALIASES.get(rest, rest)
        if kind in ("folder", "npz"):
            name = f"{kind}:{Path(rest).expanduser().absolute()}"
        elif kind == "tfds" and rest.split("/")[0] not in TFDS_NAMES:
            name = f"tfds:{rest}"
        object.__setattr__(self, "dataset", name)
        _check_known("fit", self.fit, FITS)
        if not 16 <= self.image_size <= 1024:
            raise UsageError(f"image_size must be from 16 to 1024, not {self.image_size}")
        for field_name in ("train_examples", "test_examples"):
            value = getattr(self, field_name)
            if value is not None:
                _check_positive(**{field_name: value})

    @property
    def short_name(self) -> str:
        """For folders and titles: ``mnist``, ``notmnist``, the name of a folder or file."""
        kind, rest = dataset_kind(self.dataset)
        return Path(rest).stem if kind in ("folder", "npz") else rest.split("/")[0]


@dataclass(frozen=True, kw_only=True)
class NoiseConfig:
    """The corruption. ``level`` is sigma in units of the [0, 1] range; ``clip`` to [0, 1]."""

    kind: str = "gaussian"
    level: float = 0.4
    clip: bool = True

    def __post_init__(self) -> None:
        _check_known("noise", self.kind, NOISES)
        if not 0.0 <= self.level <= 2.0:
            hint = (
                f"; for {self.level:g} of 255 use {self.level / 255:.4f}"
                if 2.0 < self.level <= 255.0
                else ""
            )
            raise UsageError(
                "noise_level is the standard deviation in units of the [0, 1] range, "
                f"from 0 to 2, not {self.level:g}{hint}"
            )


@dataclass(frozen=True, kw_only=True)
class OptimizerConfig:
    """Adam. The rate rises linearly over ``warmup`` (a share of all steps), then follows
    ``schedule``: a cosine to zero, or constant."""

    learning_rate: float = 8e-3
    schedule: str = "cosine"
    warmup: float = 0.05
    b1: float = 0.9
    b2: float = 0.98
    eps: float = 1e-8

    def __post_init__(self) -> None:
        _check_known("schedule", self.schedule, SCHEDULES)
        if not 0.0 < self.learning_rate <= 1e12:
            raise UsageError(f"learning_rate must be above 0, not {self.learning_rate:g}")
        if not 0.0 <= self.warmup < 1.0:
            raise UsageError(f"warmup is a share of all steps in [0, 1), not {self.warmup:g}")
        for name in ("b1", "b2"):
            if not 0.0 <= getattr(self, name) < 1.0:
                raise UsageError(f"{name} must be in [0, 1), not {getattr(self, name):g}")
        if not self.eps > 0.0:
            raise UsageError(f"eps must be above 0, not {self.eps:g}")


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """Everything that decides the numbers of a run."""

    name: str = ""
    model: ModelConfig = field(default_factory=ModelConfig)
    data: DataConfig = field(default_factory=DataConfig)
    noise: NoiseConfig = field(default_factory=NoiseConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    loss: str = "bce"
    batch_size: int = 64
    epochs: int = 5
    seed: int = 0

    def __post_init__(self) -> None:
        _check_known("loss", self.loss, LOSSES)
        _check_positive(epochs=self.epochs, batch_size=self.batch_size)
        if not 0 <= self.seed < 2**32:
            raise UsageError(f"seed must be from 0 to 2**32 - 1, not {self.seed}")

    @property
    def label(self) -> str:
        """A name for folders and titles: the experiment's own, or ``decoder-dataset``."""
        return self.name or f"{self.model.decoder}-{self.data.short_name}"


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """Where and how an experiment is carried out. None of it belongs to the experiment.

    Attributes:
      workdir: folder of the run.
      data_dir: folder of prepared datasets (None: TFDS's own default).
      manual_dir: folder of archives that the user got (None: ``downloads/manual`` there).
      memory_budget: in MB; a training or test split with more stays on disk, if it can.
      parallel: ``jit`` (with ``NamedSharding``) or ``pmap``.
      lowering: ``auto`` (on CPU, this package's own kernels) or ``plain`` (XLA's convolutions).
      steps_per_call: training steps in one call of the device (0: 1 on CPU, 16 elsewhere).
      log_every: steps between two lines of ``metrics.jsonl``.
      save_every: steps between two checkpoints (the end of each epoch always saves).
      eval_every: epochs between two evaluations (the last epoch always evaluates).
      overwrite: start anew in a workdir that holds a run.
    """

    workdir: Path
    data_dir: str | None = None
    manual_dir: str | None = None
    memory_budget: int = 4096
    parallel: str = "jit"
    lowering: str = "auto"
    steps_per_call: int = 0
    log_every: int = 20
    save_every: int = 200
    eval_every: int = 1
    overwrite: bool = False

    def __post_init__(self) -> None:
        _check_known("parallel", self.parallel, PARALLEL)
        _check_known("lowering", self.lowering, LOWERINGS)
        _check_positive(
            log_every=self.log_every,
            save_every=self.save_every,
            eval_every=self.eval_every,
            memory_budget=self.memory_budget,
        )
        if self.steps_per_call < 0:
            raise UsageError(f"steps_per_call must be 0 (automatic) or more: {self.steps_per_call}")


_PARTS: dict[str, type[Any]] = {
    "model": ModelConfig,
    "data": DataConfig,
    "noise": NoiseConfig,
    "optimizer": OptimizerConfig,
}


def to_dict(experiment: Experiment) -> dict[str, Any]:
    """The experiment as plain values for JSON."""
    return dataclasses.asdict(experiment)


def from_dict(values: Mapping[str, Any]) -> Experiment:
    """The inverse of ``to_dict``; raises ``CheckpointError`` on anything it did not write."""
    try:
        parts = {name: part(**values[name]) for name, part in _PARTS.items() if name in values}
        return Experiment(**{**values, **parts})
    except (TypeError, UsageError) as error:
        raise CheckpointError(
            f"config.json is not an experiment of this version: {error}"
        ) from error


def replace(experiment: Experiment, overrides: Mapping[str, Any]) -> Experiment:
    """``experiment`` with some fields replaced; keys are dotted paths such as ``noise.level``."""
    parts: dict[str, dict[str, Any]] = {}
    for path, value in overrides.items():
        part, _, leaf = path.rpartition(".")
        parts.setdefault(part, {})[leaf] = value
    own = parts.pop("", {})
    for part, values in parts.items():
        own[part] = dataclasses.replace(getattr(experiment, part), **values)
    return dataclasses.replace(experiment, **own)


def first_difference(old: Experiment, new: Experiment) -> str | None:
    """``field (old value, now new value)`` of the first field in which two experiments differ.

    The name is only a label and is not compared.
    """

    def walk(a: Any, b: Any, path: str) -> str | None:
        if isinstance(a, dict):
            found = (walk(a[k], b[k], f"{path}.{k}" if path else k) for k in a)
            return next((difference for difference in found if difference), None)
        return None if a == b else f"{path} ({a!r}, now {b!r})"

    return walk({**to_dict(old), "name": ""}, {**to_dict(new), "name": ""}, "")
