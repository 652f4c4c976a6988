"""Holds every system to an older instruction set than the processor has."""

from __future__ import annotations

import shutil
from pathlib import Path

from aedenoise.ops.native.compiler import find_compiler, processor_features

# Value of --isa: the compiler's -march, and the variables of oneDNN (TensorFlow, PyTorch), PyTorch
# and XLA. ONNX Runtime has none.
KNOWN = {
    "avx2": (
        "x86-64-v3",
        {
            "ONEDNN_MAX_CPU_ISA": "AVX2",
            "ATEN_CPU_CAPABILITY": "avx2",
            "XLA_FLAGS": "--xla_cpu_max_isa=AVX2",
        },
    )
}


def widest() -> str:
    """Names the widest instruction set of this processor."""
    features = processor_features().split()
    known = (("avx512f", "AVX-512"), ("avx2", "AVX2"), ("asimd", "NEON"))
    return next((name for feature, name in known if feature in features), "scalar")


def hold(name: str, folder: Path) -> dict[str, str]:
    """Returns the environment in which systems use ``name`` at most.

    The kernels are compiled by a compiler in ``folder`` that adds its own ``-march``, and cached
    there.
    """
    march, variables = KNOWN[name]
    compiler = folder / "c++"
    compiler.write_text(f'#!/bin/sh\nexec {find_compiler()} "$@" -march={march}\n')
    compiler.chmod(0o755)
    assert shutil.which(str(compiler))
    return {**variables, "CXX": str(compiler), "XDG_CACHE_HOME": str(folder / "cache")}
