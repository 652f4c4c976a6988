"""An experiment as a value: frozen dataclasses that describe a run completely.

An ``Experiment`` decides every number of a run; ``options.RunOptions`` says where and how it is
carried out. It is checked when it is made. Nothing heavy is imported here, so that a wrong flag is
answered at once.
"""

from aedenoise.config.adversary import GAN_LOSSES, REGULARIZERS, AdversaryConfig
from aedenoise.config.code import SPARSITIES, CodeConfig
from aedenoise.config.data import DATASETS, FITS, PREFIXES, TFDS_NAMES, DataConfig, dataset_kind
from aedenoise.config.decoders import (
    DECODER_SPECS,
    DECODERS,
    ORDERS,
    TAIL_SIDE,
    DecoderSpec,
    Layer,
)
from aedenoise.config.defaults import GAN_DEFAULTS, NOISY_DEFAULTS
from aedenoise.config.experiment import LOSSES, Experiment
from aedenoise.config.model import ModelConfig
from aedenoise.config.model_rules import (
    ACTIVATIONS,
    CONDITIONS,
    INITIALIZERS,
    NETWORKS,
    PRECISIONS,
)
from aedenoise.config.noise import (
    NO_NOISE,
    NOISE_SPECS,
    NOISES,
    RECORDED,
    NoiseConfig,
    NoiseSpec,
    noise_from_text,
    noise_parts,
)
from aedenoise.config.optimizer import ADAM, SCHEDULES, OptimizerConfig
from aedenoise.config.overrides import override
from aedenoise.config.records import first_difference, from_dict, replace, to_dict

__all__ = [
    "ACTIVATIONS",
    "ADAM",
    "CONDITIONS",
    "DATASETS",
    "DECODERS",
    "DECODER_SPECS",
    "FITS",
    "GAN_DEFAULTS",
    "GAN_LOSSES",
    "INITIALIZERS",
    "LOSSES",
    "NETWORKS",
    "NOISES",
    "NOISE_SPECS",
    "NOISY_DEFAULTS",
    "NO_NOISE",
    "ORDERS",
    "PRECISIONS",
    "PREFIXES",
    "RECORDED",
    "REGULARIZERS",
    "SCHEDULES",
    "SPARSITIES",
    "TAIL_SIDE",
    "TFDS_NAMES",
    "AdversaryConfig",
    "CodeConfig",
    "DataConfig",
    "DecoderSpec",
    "Experiment",
    "Layer",
    "ModelConfig",
    "NoiseConfig",
    "NoiseSpec",
    "OptimizerConfig",
    "dataset_kind",
    "first_difference",
    "from_dict",
    "noise_from_text",
    "noise_parts",
    "override",
    "replace",
    "to_dict",
]
