"""Where and how a run is carried out: none of it changes a result beyond float32 rounding.

Nothing heavy is imported here, so that a wrong flag is answered at once.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass, field
from pathlib import Path

from aedenoise.config.fields import MOST_EPOCHS, MOST_STEPS, check_fields, describe, option
from aedenoise.config.folders import check_place
from aedenoise.config.validation import check_known, check_positive, local_path
from aedenoise.errors import UsageError

PARALLEL = ("jit", "pmap")
LOWERINGS = ("auto", "plain")
DISTRIBUTED = ("auto", "on", "off")
# Headings of RunOptions in the help.
RECORDS = "Checkpoints and reports"
STORED = "Stored datasets"
DEVICES = "Devices"
INTERVALS = "Intervals"


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """Place and manner of a run. None of it belongs to the experiment.

    Attributes:
      workdir: folder of the run.
      checkpoint_dir: folder of its checkpoints, or ``gs://bucket/folder`` (None: in the workdir).
      data_dir: folder of prepared datasets (None: TFDS's own default).
      manual_dir: folder of archives that the user downloaded (None: ``downloads/manual`` in
        ``data_dir``).
      memory_budget: size in MB above which a training or test split is read from disk.
      parallel: ``jit`` (with ``NamedSharding``) or ``pmap``.
      lowering: ``auto`` (on CPU, this package's own kernels) or ``plain`` (XLA's convolutions).
      steps_per_call: training steps in one call of the device (0: 1 on CPU, 16 elsewhere).
      log_every: steps between two lines of ``metrics.jsonl``.
      save_every: steps between two checkpoints (the end of each epoch always saves).
      eval_every: epochs between two evaluations (the last epoch always evaluates).
      baselines: compare the result with classical denoisers.
      bm3d: one of them is BM3D, which needs the package ``bm3d``.
      overwrite: start anew in a workdir that holds a run.
      wandb: project of Weights & Biases that gets the metrics too; empty: none.
      command: the command line, for the report.
    """

    workdir: Path = field(
        metadata=describe(
            "folder of the run (default: runs/EXPERIMENT or runs/DECODER-DATASET, and changes)"
        )
    )
    checkpoint_dir: str | None = option(
        None,
        "folder of the checkpoints, also gs://bucket/folder (default: in the workdir)",
        group=RECORDS,
        detail=True,
    )
    data_dir: str | None = option(
        None, "folder of prepared datasets (default: TFDS_DATA_DIR, then TFDS's own)", group=STORED
    )
    manual_dir: str | None = option(
        None,
        "folder of archives that you downloaded (default: downloads/manual in data_dir)",
        group=STORED,
        detail=True,
    )
    memory_budget: int = option(
        4096,
        "size in MB above which a split is read from disk",
        group=STORED,
        most=10**9,
        detail=True,
    )
    parallel: str = option(
        "jit", "parallelism over devices", choices=PARALLEL, group=DEVICES, detail=True
    )
    lowering: str = option(
        "auto",
        "kernels on CPU: this package's (auto) or XLA's (plain)",
        choices=LOWERINGS,
        group=DEVICES,
        detail=True,
    )
    steps_per_call: int = option(
        0,
        "training steps in one call of the device; 0: 1 on CPU, else 16",
        group=DEVICES,
        most=10_000,
        detail=True,
    )
    log_every: int = option(
        20, "steps between log lines", group=INTERVALS, most=MOST_STEPS, detail=True
    )
    save_every: int = option(
        200,
        "steps between checkpoints; each epoch ends with one",
        group=INTERVALS,
        most=MOST_STEPS,
        detail=True,
    )
    eval_every: int = option(
        1, "epochs between evaluations", group=INTERVALS, most=MOST_EPOCHS, detail=True
    )
    baselines: bool = option(True, "comparison with classical denoisers", group=RECORDS)
    bm3d: bool = option(
        False,
        "BM3D among the classical denoisers; takes minutes, and the package bm3d",
        group=RECORDS,
        detail=True,
    )
    overwrite: bool = option(False, "new start in a workdir that holds a run")
    wandb: str = option(
        "", "project of Weights & Biases for the metrics", group=RECORDS, detail=True
    )
    command: str = ""

    def __post_init__(self) -> None:
        # Python callers pass text too.
        object.__setattr__(self, "workdir", local_path("workdir", self.workdir))
        check_fields(self)
        check_known("parallel", self.parallel, PARALLEL)
        check_known("lowering", self.lowering, LOWERINGS)
        check_positive(
            log_every=self.log_every,
            save_every=self.save_every,
            eval_every=self.eval_every,
            memory_budget=self.memory_budget,
        )
        if self.bm3d and importlib.util.find_spec("bm3d") is None:
            raise UsageError("--bm3d needs the package bm3d: pip install bm3d, or leave it out")
        if self.checkpoint_dir is not None:
            check_place(str(self.checkpoint_dir))
        if self.steps_per_call < 0:
            raise UsageError(f"steps_per_call must be 0 (automatic) or more: {self.steps_per_call}")


@dataclass(frozen=True, kw_only=True)
class HostOptions:
    """Way of this process to find the other processes of its run.

    Attributes:
      distributed: ``auto`` (where flags or a cluster name other processes), ``on`` or ``off``.
      coordinator_address: ``host:port`` of process 0 (None: from the cluster).
      num_processes, process_id: number of processes, and of this one (None: from the cluster).
      heartbeat_timeout: seconds of silence after which a process counts as dead.
    """

    distributed: str = option("auto", "use of several processes", choices=DISTRIBUTED, detail=True)
    coordinator_address: str | None = option(None, "host:port of process 0", detail=True)
    num_processes: int | None = option(None, "number of processes", most=10**6, detail=True)
    process_id: int | None = option(None, "number of this process, from 0", most=10**6, detail=True)
    heartbeat_timeout: int = option(
        100, "seconds of silence after which a process counts as dead", most=10**6, detail=True
    )

    def __post_init__(self) -> None:
        check_fields(self)
        check_known("distributed", self.distributed, DISTRIBUTED)
        check_positive(heartbeat_timeout=self.heartbeat_timeout)
        if self.distributed == "off" and self.explicit:
            raise UsageError("--distributed=off contradicts the flags that name other processes")
        if self.num_processes is not None:
            check_positive(num_processes=self.num_processes)
        if self.process_id is not None and not 0 <= self.process_id < (self.num_processes or 2**31):
            raise UsageError(
                f"process_id counts from 0 to num_processes - 1, not {self.process_id}"
            )
        if self.coordinator_address is not None:
            host, _, port = self.coordinator_address.rpartition(":")
            if not host or not port.isdecimal():
                raise UsageError(
                    f"coordinator_address is host:port, not {self.coordinator_address!r}"
                )

    @property
    def explicit(self) -> bool:
        """True where an option names other processes."""
        return any(
            value is not None
            for value in (self.coordinator_address, self.num_processes, self.process_id)
        )


@dataclass(frozen=True, kw_only=True)
class ProbeOptions:
    """Fine-tuning of a classifier through the encoder of a finished run.

    Attributes:
      epochs: passes over the training set (0: the encoder stays as it is).
      rate: first learning rate; it falls to zero along a cosine.
      masking: share of pixels set to 0, drawn anew in each step.
      dropout: share of the code's values set to 0, drawn anew in each step.
    """

    epochs: int = option(15, "epochs of fine-tuning; 0: none", flag="tune_epochs", most=MOST_EPOCHS)
    rate: float = option(1e-3, "first learning rate of fine-tuning", flag="tune_rate")
    masking: float = option(0.25, "share of pixels set to 0", flag="tune_masking")
    dropout: float = option(0.5, "share of the code set to 0", flag="tune_dropout")

    def __post_init__(self) -> None:
        check_fields(self)
        if self.epochs < 0:
            raise UsageError(f"tune_epochs must be 0 or more, not {self.epochs}")
        if not 0.0 < self.rate < 1e6:
            raise UsageError(f"tune_rate must be above 0, not {self.rate:g}")
        for name in ("masking", "dropout"):
            if not 0.0 <= getattr(self, name) < 1.0:
                raise UsageError(f"tune_{name} is a share in [0, 1), not {getattr(self, name):g}")
