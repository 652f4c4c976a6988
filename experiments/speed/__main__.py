"""Measures the speed of aedenoise and of other systems on the same network.

python -m venv ../peers && ../peers/bin/pip install -r experiments/speed/requirements.txt
python -m experiments.speed --peers=../peers/bin/python --output=experiments/results/speed

Every system trains the same network (28,353 parameters, or others with --width) on the same images
with fresh Gaussian noise, in turn, several rounds; the table has medians, and the ratio of
aedenoise to each. --isa=avx2 holds all systems that can be held to AVX2. The answer, with versions
and the machine, is in the file that --output names.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from aedenoise.data.reading import load
from experiments.speed import command_line, floor, instruction_sets, network
from experiments.speed.machine import describe
from experiments.speed.protocol import Worker, start, take_turns
from experiments.speed.report import write_report

ROOT = Path(__file__).resolve().parents[2]
WORKERS = Path(__file__).parent / "workers"
OURS = "aedenoise"
# name: (worker, variant, whether it is a float32 peer)
TRAINING = {
    "aedenoise, --lowering=plain": ("aedenoise", "plain", False),
    "Keras on TensorFlow": ("keras", "tensorflow", True),
    "Keras on JAX": ("keras", "jax", True),
    "PyTorch": ("torch", "eager", True),
    "PyTorch, channels_last": ("torch", "channels_last", True),
    "PyTorch, channels_last, compiled": ("torch", "channels_last+compile", True),
    "PyTorch, channels_last, bfloat16": ("torch", "channels_last+bfloat16", False),
}
INFERENCE = {
    "aedenoise, --lowering=plain": ("aedenoise", "plain", False),
    "ONNX Runtime": ("onnx", "default", True),
    "PyTorch, channels_last": ("torch", "channels_last", True),
}
BRIEF = (OURS, "Keras on TensorFlow", "PyTorch, channels_last", "ONNX Runtime")


def main() -> None:
    arguments = _arguments()
    # Every system takes as many threads as it has processors.
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: arguments.threads])
    results: dict[str, Any] = {
        "machine": describe(),
        "batch_size": arguments.batch_size,
        "width": arguments.width,
        "instructions": arguments.isa or instruction_sets.widest(),
    }
    with tempfile.TemporaryDirectory() as name:
        files = Path(name)
        if arguments.isa:
            os.environ |= instruction_sets.hold(arguments.isa, files)
        dataset = load("mnist", None, notify=print)
        network.write_inputs(dataset.train.images[:], files, arguments.width)
        results["floor"] = floor.measure(arguments.width)
        for mode, contenders in (("train", TRAINING), ("infer", INFERENCE)):
            for decoder in network.DECODERS:
                results[f"{mode}/{decoder}"] = _compare(mode, decoder, contenders, arguments, files)
        if not arguments.brief:
            results["command"] = command_line.measure(files)
    write_report(results, Path(arguments.output) if arguments.output else None)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m experiments.speed")
    parser.add_argument("--peers", help="the Python that has requirements.txt (default: none)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each system in each round")
    parser.add_argument("--batch_size", type=int, default=128)
    parser.add_argument("--width", type=int, default=32, help="channels of every layer")
    parser.add_argument("--threads", type=int, help="of every system (default: all processors)")
    parser.add_argument("--isa", choices=instruction_sets.KNOWN, help="instructions at most")
    parser.add_argument(
        "--brief", action="store_true", help="only the fastest peers, and not the command"
    )
    parser.add_argument("--output", help="write NAME.json and NAME.md")
    return parser.parse_args()


def _compare(
    mode: str,
    decoder: str,
    contenders: dict[str, tuple[str, str, bool]],
    arguments: argparse.Namespace,
    files: Path,
) -> dict[str, Any]:
    workers: list[Worker] = []
    absent: dict[str, str] = {}
    everyone = {OURS: ("aedenoise", "auto", False), **contenders}
    if arguments.brief:
        everyone = {name: kind for name, kind in everyone.items() if name in BRIEF}
    for name, (system, variant, peer) in everyone.items():
        print(f"{mode}, {decoder}: starting {name}", file=sys.stderr, flush=True)
        common = [mode, decoder, str(arguments.batch_size), str(files), variant]
        common.append(str(arguments.width))
        if system == "aedenoise":
            command = [sys.executable, "-m", "experiments.speed.workers.aedenoise_worker", *common]
        elif arguments.peers:
            command = [arguments.peers, str(WORKERS / f"{system}_worker.py"), *common]
        else:
            absent[name] = "no --peers given"
            continue
        worker = start(name, command, peer=peer)
        if isinstance(worker, str):
            absent[name] = worker
        else:
            workers.append(worker)
    take_turns(
        workers,
        rounds=arguments.rounds,
        seconds=arguments.seconds,
        batch_size=arguments.batch_size,
    )
    for worker in workers:
        worker.close()
    return {
        "rows": [
            {
                "name": worker.name,
                "versions": worker.versions,
                "peer": worker.peer,
                "images_per_second": worker.rate,
                "rounds": worker.rates,
            }
            for worker in workers
        ],
        "absent": absent,
    }


if __name__ == "__main__":
    os.chdir(ROOT)
    main()
