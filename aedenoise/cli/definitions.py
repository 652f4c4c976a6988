"""The flags: their names, groups, defaults and help.

With ``main``, the only module that knows absl flags.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from absl import flags

from aedenoise.config import (
    ACTIVATIONS,
    CONDITIONS,
    DECODERS,
    FITS,
    GAN_LOSSES,
    INITIALIZERS,
    LOSSES,
    NETWORKS,
    NOISES,
    ORDERS,
    PRECISIONS,
    REGULARIZERS,
    SCHEDULES,
    SPARSITIES,
)
from aedenoise.config.options import DISTRIBUTED, INVERSIONS, LOWERINGS, PARALLEL

FLAGS = flags.FLAGS
MODES = (
    "train",
    "eval",
    "denoise",
    "sample",
    "data",
    "artifacts",
    "compare",
    "robustness",
    "invent",
    "probe",
    "report",
    "doctor",
)


@dataclass(frozen=True)
class Flag:
    """A flag: its group in the help, its help, and the experiment's field that it overrides."""

    group: str
    name: str
    help: str
    field: str | None = None


DEFINED: list[Flag] = []


def _flag(group: str, kind: str, name: str, default: Any, text: str, field: str = "") -> None:
    """Defines an absl flag. Flags that override a field default to None: not given."""
    define: Callable[..., Any] = getattr(flags, f"DEFINE_{kind}")
    define(name, default, text)
    DEFINED.append(Flag(group, name, text, field or None))


def _options(names: Sequence[str]) -> str:
    return " | ".join(names)


EXPERIMENT, RUN, COMPARE, HOSTS = "experiment", "run", "compare", "hosts"
PICTURES, FINE, MAP, PAGE = "pictures", "fine", "map", "page"
PROBE, SAMPLE = "probe", "sample"
_flag(EXPERIMENT, "string", "experiment", None, "start from a named experiment; 'list' shows them")
_flag(EXPERIMENT, "string", "model", None, _options(NETWORKS), "model.network")
_flag(EXPERIMENT, "string", "decoder", None, _options(DECODERS), "model.decoder")
_flag(
    EXPERIMENT,
    "string",
    "dataset",
    None,
    "mnist | notmnist[/small|/large] | NAME of TFDS | folder:DIR | npz:FILE",
    "data.dataset",
)
_flag(FINE, "integer", "image_size", None, "side of a folder's images", "data.image_size")
_flag(FINE, "string", "fit", None, f"{_options(FITS)}: how they are cut", "data.fit")
_flag(
    EXPERIMENT, "string", "noise", None, f"{_options(NOISES)}; joined: NAME+NAME:0.1", "noise.kind"
)
_flag(
    EXPERIMENT,
    "string",
    "noise_level",
    None,
    "in units of the [0, 1] range; 0.2:0.6 draws one for each image",
    "noise.level",
)
_flag(FINE, "float", "noise_mean", None, "of gaussian and uniform noise", "noise.mean")
_flag(EXPERIMENT, "bool", "noise_clip", None, "clip noisy images to [0, 1]", "noise.clip")
_flag(EXPERIMENT, "bool", "noise_fresh", None, "other noise in every step", "noise.fresh")
_flag(EXPERIMENT, "string", "loss", None, _options(LOSSES), "loss")
_flag(EXPERIMENT, "integer", "epochs", None, "passes over the training set", "epochs")
_flag(FINE, "integer", "clean_epochs", None, "the first, without noise", "clean_epochs")
_flag(EXPERIMENT, "integer", "batch_size", None, "images per step, all devices", "batch_size")
_flag(EXPERIMENT, "float", "learning_rate", None, "peak rate of Adam", "optimizer.learning_rate")
_flag(FINE, "float", "level_power", None, "weighs faint noise in a range", "level_power")
_flag(FINE, "string", "schedule", None, _options(SCHEDULES), "optimizer.schedule")
_flag(FINE, "float", "max_grad_norm", None, "clip gradients", "optimizer.max_grad_norm")
_flag(EXPERIMENT, "integer", "seed", None, "of parameters, noise and order", "seed")
_flag(EXPERIMENT, "list", "encoder_features", None, "widths, as 32,32", "model.encoder_features")
_flag(EXPERIMENT, "list", "decoder_features", None, "widths, as 32,32", "model.decoder_features")
_flag(EXPERIMENT, "integer", "kernel_size", None, "side of decoder kernels", "model.kernel_size")
_flag(EXPERIMENT, "integer", "stride", None, "factor of pools and upsampling", "model.stride")
_flag(
    EXPERIMENT,
    "string",
    "order",
    None,
    f"{_options(ORDERS)} (decoders that resize)",
    "model.order",
)
_flag(FINE, "string", "initializer", None, _options(INITIALIZERS), "model.initializer")
_flag(FINE, "bool", "tail", None, "end with a convolution of stride 1", "model.tail")
_flag(FINE, "bool", "icnr", None, "subpixel begins without checkerboards", "model.icnr")
_flag(
    FINE,
    "string",
    "condition",
    None,
    f"{_options(CONDITIONS)}: tell the network the level",
    "model.condition",
)
_flag(EXPERIMENT, "string", "precision", None, _options(PRECISIONS), "model.precision")
_flag(FINE, "integer", "train_examples", None, "use only so many", "data.train_examples")
_flag(FINE, "integer", "test_examples", None, "use only so many", "data.test_examples")
_flag(FINE, "list", "hidden", None, "widths before the code, as 512,256", "model.hidden")
_flag(FINE, "integer", "code_size", None, "numbers in the code", "model.code_size")
_flag(FINE, "bool", "tied", None, "the decoder has the encoder's kernels", "model.tied")
_flag(FINE, "string", "activation", None, _options(ACTIVATIONS), "model.activation")
_flag(FINE, "integer", "greedy_epochs", None, "for each layer, first", "greedy_epochs")
_flag(FINE, "string", "sparsity", None, f"{_options(SPARSITIES)}: of the code", "code.sparsity")
_flag(FINE, "float", "sparsity_weight", None, "of that", "code.sparsity_weight")
_flag(FINE, "float", "sparsity_target", None, "mean code of kl", "code.sparsity_target")
_flag(FINE, "float", "contractive_weight", None, "of |J|^2", "code.contractive_weight")
_flag(FINE, "integer", "latent_size", None, "of gan: random numbers an image", "model.latent_size")
_flag(FINE, "string", "gan_loss", None, _options(GAN_LOSSES), "adversary.loss")
_flag(FINE, "string", "regularizer", None, _options(REGULARIZERS), "adversary.regularizer")
_flag(FINE, "float", "r1_weight", None, "of regularizer r1", "adversary.r1_weight")
_flag(FINE, "float", "average", None, "kept of gan's mean over steps", "adversary.average")
_flag(FINE, "float", "adversarial_weight", None, "of looking real", "adversary.weight")
_flag(RUN, "string", "mode", "train", _options(MODES))
_flag(
    RUN,
    "string",
    "workdir",
    None,
    "the run's folder (default runs/<experiment or decoder-dataset>)",
)
_flag(FINE, "string", "checkpoint_dir", None, "of its checkpoints, also gs://bucket/folder")
_flag(RUN, "string", "checkpoint", "newest", "newest | best | STEP: what eval and denoise restore")
_flag(RUN, "bool", "overwrite", False, "start anew in a workdir that holds a run")
_flag(RUN, "string", "data_dir", None, "prepared datasets (default TFDS_DATA_DIR, then TFDS's own)")
_flag(FINE, "string", "manual_dir", None, "where archives that you got yourself lie")
_flag(FINE, "integer", "memory_budget", 4096, "MB; a larger split is read from disk as needed")
_flag(RUN, "string", "parallel", "jit", _options(PARALLEL))
_flag(FINE, "string", "lowering", "auto", f"{_options(LOWERINGS)} (own kernels on CPU, or XLA's)")
_flag(FINE, "integer", "steps_per_call", 0, "steps in one call of the device; 0: automatic")
_flag(FINE, "integer", "log_every", 20, "steps between lines of metrics.jsonl")
_flag(FINE, "integer", "save_every", 200, "steps between checkpoints, beside epoch ends")
_flag(FINE, "integer", "eval_every", 1, "epochs between evaluations")
_flag(RUN, "bool", "baselines", True, "compare with classical denoisers")
_flag(FINE, "integer", "preempt_exit_code", 0, "after a signal, with everything saved")
_flag(HOSTS, "string", "distributed", "auto", _options(DISTRIBUTED))
_flag(HOSTS, "string", "coordinator_address", None, "host:port of process 0")
_flag(HOSTS, "integer", "num_processes", None, "how many there are")
_flag(HOSTS, "integer", "process_id", None, "which of them this is, from 0 on")
_flag(HOSTS, "integer", "heartbeat_timeout", 100, "seconds until a silent process counts as dead")
_flag(
    COMPARE,
    "list",
    "decoders",
    None,
    "as upsample,transpose:k4; all are compared with the first",
)
_flag(COMPARE, "list", "datasets", None, "of the grid, as --dataset")
_flag(COMPARE, "list", "noise_levels", None, "of the grid, as --noise_level")
_flag(COMPARE, "list", "match", None, "equal parameters | multiply_adds | latency | widths")
_flag(COMPARE, "list", "steps", None, "lengths of training, in updates")
_flag(COMPARE, "integer", "seeds", None, "how many, from --seed on")
_flag(COMPARE, "integer", "seeds_at_once", 0, "trained together; 0: 1 on CPU, 8 elsewhere")
_flag(COMPARE, "string", "part", "1/1", "as 2/3: only the second of three parts of the cells")
_flag(MAP, "list", "train_noises", None, "as gaussian:0.4,gaussian:0.2:0.6,masking:0.25")
_flag(MAP, "list", "test_noises", None, "the same (default: those of the training)")
_flag(PROBE, "integer", "tune_epochs", 15, "fine-tuning through the encoder; 0: none")
_flag(PROBE, "float", "tune_rate", 1e-3, "Adam's first rate there; a cosine to zero")
_flag(PROBE, "float", "tune_masking", 0.25, "share of pixels set to 0 there")
_flag(PROBE, "float", "tune_dropout", 0.5, "share of the code set to 0 there")
_flag(PICTURES, "string", "input", None, "an image, a folder of them, or -")
_flag(PICTURES, "string", "output", None, "file, folder or - (default NAME-denoised beside it)")
_flag(PICTURES, "string", "invert", "auto", f"{_options(INVERSIONS)}: of dark on light")
_flag(PICTURES, "bool", "before_after", False, "also write both side by side")
_flag(SAMPLE, "integer", "count", 64, "how many images are made")
_flag(PAGE, "list", "runs", None, "finished runs, as A,B: on one page (report), tested (invent)")
_flag(FINE, "string", "wandb", "", "also log to this project of Weights & Biases")
_flag(RUN, "bool", "debug", False, "show the traceback of an error")
