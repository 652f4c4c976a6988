"""The commands, each declared once: its name, function and flags.

The values of ``--mode``, the refusal of flags (``dispatch``), the help, the reference and the
behaviour after signals follow from this table.
"""

from __future__ import annotations

from aedenoise.cli import run_commands, study_commands, tool_commands
from aedenoise.cli.command import Command
from aedenoise.cli.flags import (
    COMPARISON,
    DATA,
    EXPERIMENT,
    EXPERIMENT_GROUPS,
    EXPORT,
    HOSTS,
    NETWORK,
    NOISE,
    PICTURES,
    PROBING,
    ROBUSTNESS,
    SAMPLES,
)
from aedenoise.config.options import DEVICES, INTERVALS, STORED

_PLACES = ("workdir", "overwrite", STORED, DEVICES)
_RESTORED = ("checkpoint", "checkpoint_dir")
_TRAINING = (*EXPERIMENT_GROUPS, *_PLACES, INTERVALS)

COMMANDS = (
    Command(
        name="train",
        help="train a network, or continue an unfinished run",
        run=run_commands.train_run,
        flags=(
            *_TRAINING,
            "checkpoint_dir",
            "baselines",
            "bm3d",
            "wandb",
            "preempt_exit_code",
            HOSTS,
        ),
        resumable=True,
    ),
    Command(
        name="eval",
        help="evaluate a checkpoint, also on other noise or data",
        run=run_commands.evaluate,
        subject="workdir",
        flags=(
            *(NOISE, DATA, "workdir", STORED, DEVICES),
            *(*_RESTORED, "baselines", "bm3d", HOSTS),
        ),
        needs={"workdir": "the folder of a trained run"},
        meanings={
            "workdir": "folder of the run",
            "noise": "noise of the test (default: that of the run)",
            "noise_level": "level of the test (default: that of the run)",
            "dataset": "dataset to test on (default: that of the run)",
        },
    ),
    Command(
        name="denoise",
        help="denoise your own images",
        run=run_commands.denoise,
        subject="input",
        flags=(PICTURES, "workdir", *_RESTORED, "noise_level", "overwrite", STORED),
        needs={"input": "an image, several, or a folder of them"},
        meanings={
            "workdir": "folder of the run, or a safetensors file (default: a packed network)",
            "noise_level": "level for a network with condition noise_level (default: estimated)",
            "overwrite": "replacement of files that exist",
        },
        trained="a trained network",
    ),
    Command(
        name="calibrate",
        help="calibrate the intervals of denoise --uncertainty",
        run=run_commands.calibrate,
        subject="workdir",
        flags=("workdir", *_RESTORED, STORED, DEVICES),
        needs={"workdir": "the folder of a trained run"},
        meanings={"workdir": "folder of the run"},
        trained="a trained network",
    ),
    Command(
        name="export",
        help="write a network to a file for other programs",
        run=run_commands.export_run,
        subject="workdir",
        flags=(EXPORT, "workdir", "network", "runs", *_RESTORED, "output", "overwrite"),
        meanings={
            "workdir": "folder of the run, or a safetensors file (default: a packed network)",
            "network": "packed network to export; auto is letters",
            "runs": "folders of runs for one page of --format=html, as A,B",
            "output": "file to write (default: model.FORMAT, or denoise.html, in the workdir)",
            "overwrite": "replacement of a file that exists",
        },
        trained="a trained network",
    ),
    Command(
        name="probe",
        help="classify images by the code of a finished run",
        run=run_commands.probe_run,
        subject="workdir",
        flags=(
            *(PROBING, DATA, "workdir", *_RESTORED, STORED, DEVICES),
            *("log_every", "preempt_exit_code"),
        ),
        needs={"workdir": "the folder of a trained run"},
        meanings={
            "workdir": "folder of the run",
            "dataset": "dataset to classify (default: that of the run)",
        },
        resumable=True,
    ),
    Command(
        name="sample",
        help="make images with a trained GAN",
        run=run_commands.sample_run,
        subject="workdir",
        flags=(SAMPLES, "workdir", *_RESTORED, "seed", "output", "overwrite"),
        needs={"workdir": "the folder of a trained GAN"},
        meanings={
            "workdir": "folder of the GAN",
            "seed": "seed of the samples (default: 0)",
            "output": "picture or .npz file to write (default: samples.png in the workdir)",
            "overwrite": "replacement of a file that exists",
        },
        trained="a trained GAN",
    ),
    Command(
        name="compare",
        help="train a grid of decoders, noise levels and seeds",
        run=study_commands.compare_decoders,
        flags=(*EXPERIMENT_GROUPS, COMPARISON, *_PLACES, "preempt_exit_code"),
        meanings={
            "workdir": "folder of the comparison (default: runs/compare-NAME)",
        },
        instead={**study_commands.PER_DECODER, "epochs": "--steps=1000"},
        resumable=True,
    ),
    Command(
        name="robustness",
        help="train on some noises and test on others",
        run=study_commands.map_robustness,
        flags=(*_TRAINING, ROBUSTNESS, "baselines", "bm3d", "wandb", "preempt_exit_code"),
        needs={"train_noises": "as gaussian:0.4,masking:0.25"},
        meanings={
            "workdir": "folder of the runs (default: runs/robustness-NAME)",
        },
        resumable=True,
    ),
    Command(
        name="hallucination",
        help="count the images whose class a denoiser changes",
        run=study_commands.count_label_flips,
        flags=(
            *(*_TRAINING, "decoders", "noise_levels", "runs", "checkpoint_dir"),
            "preempt_exit_code",
        ),
        meanings={
            "checkpoint_dir": "folder of the checkpoints of the only run of --runs",
            "workdir": "folder of the results (default: runs/hallucination-DATASET)",
            "decoders": "decoders to train (default: upsample,transpose:k3)",
            "noise_levels": "noise levels to test (default: that of training)",
            "runs": "finished runs to test instead of training",
        },
        instead=study_commands.PER_DECODER,
        resumable=True,
        aliases=("invent",),
    ),
    Command(
        name="report",
        help="write the page of runs, or the tables of a comparison",
        run=tool_commands.write_report,
        subject="workdir",
        flags=("workdir", "runs", "output"),
        meanings={
            "workdir": "folder of a run or a comparison",
            "runs": "folders of runs for one page, as A,B",
            "output": "page to write (default: report.html)",
        },
    ),
    Command(
        name="data",
        help="describe a dataset and draw its contact sheet",
        run=tool_commands.describe_data,
        flags=(EXPERIMENT, DATA, "workdir", STORED),
        meanings={
            "workdir": "folder of the picture (default: sheets)",
        },
    ),
    Command(
        name="artifacts",
        help="draw the checkerboards of all decoders, untrained",
        run=tool_commands.show_artifacts,
        flags=(EXPERIMENT, NETWORK, "seed", "workdir"),
        meanings={
            "workdir": "folder of the picture (default: sheets)",
        },
    ),
    Command(
        name="doctor",
        help="examine the machine, or the checkerboards of an ONNX file",
        run=tool_commands.examine,
        subject="model_file",
        flags=(EXPERIMENT, DATA, "workdir", STORED, "model_file", "output", "overwrite"),
        meanings={
            "output": "ONNX file to write with the cured weights",
        },
    ),
)
