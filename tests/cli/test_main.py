"""The command line as users run it: real processes, real letters, real kills."""

from __future__ import annotations

import json
import math
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT, Command, command_environment
from helpers import digest, saved_state

import aedenoise
from aedenoise.inference.denoiser import load_denoiser

DEBUG = "--experiment=debug"

WRONG_FLAGS = [
    (["--decoder=upsampel"], "did you mean 'upsample'"),
    (["--dataset=mnits"], "did you mean 'mnist'"),
    (["--dataset=/tmp/data"], "unknown dataset"),
    (["--dataset=tfds:"], "after the colon"),
    (["--dataset=folder:"], "after the colon"),
    (["--dataset=fashionmnist"], "did you mean 'fashion_mnist'"),
    (["--dataset=folder:x", "--fit=stretch"], "unknown fit"),
    (["--dataset=folder:x", "--image_size=8"], "image_size must be from 16 to 1024"),
    ([DEBUG, "--image_size=64"], "--image_size is for --dataset=folder:DIR, not notmnist/open"),
    (["--dataset=mnist", "--fit=crop"], "--fit is for --dataset=folder:DIR, not mnist"),
    (["--memory_budget=0"], "memory_budget must be at least 1"),
    (["--experiment=part2_notmnist_upsampl"], "did you mean 'part2_notmnist_upsample'"),
    (["--experiment=="], "unknown experiment"),
    (["--noise=gausian"], "did you mean 'gaussian'"),
    (["--noise_level=25"], "use 0.0980"),
    (["--noise_level=-1"], "from 0 to 2"),
    (["--noise_level=nan"], "from 0 to 2"),
    (["--noise_level=high"], "noise_level"),
    (["--loss=l3"], "unknown loss"),
    (["--loss=sure"], "--nonoise_clip"),
    (["--noise=gaussian+fog"], "unknown noise 'fog'"),
    (["--noise_level=0.6:0.2"], "from the least to the greatest"),
    (["--noise_mean=3"], "from -1 to 1"),
    (["--condition=level"], "did you mean 'noise_level'"),
    (["--dataset=mnist+mnist"], "names one twice"),
    (["--mode=robustness"], "needs --train_noises"),
    (["--mode=robustness", "--train_noises=gaussian:0.4,gaussian:0.4"], "each noise once"),
    (["--mode=robustness", "--train_noises=gaussian:x"], "a noise is NAME"),
    (["--mode=robustness", "--train_noises=fog:0.2"], "unknown noise 'fog'"),
    (["--train_noises=gaussian"], "--train_noises is for robustness, not train"),
    (["--mode=invent", "--decoder=transpose"], "use --decoders=upsample,transpose:k4"),
    (["--mode=invent", "--decoders=upsample,transpos"], "did you mean 'transpose'"),
    (["--mode=invent", "--decoders=upsample,upsample"], "each decoder once"),
    (["--mode=invent", "--noise_levels=low"], "--noise_levels takes numbers"),
    (["--mode=invent", "--noise_levels=0.2,0.2"], "each level once"),
    (["--mode=invent", "--runs=a", "--epochs=3"], "--epochs is for training"),
    (["--mode=invent", "--runs=a", "--decoders=upsample"], "trained already"),
    (["--model=mpl"], "did you mean 'mlp'"),
    (["--model=gan", "--noise=masking"], "noise masking is for denoisers"),
    (["--model=gan", "--decoder=max_unpool"], "needs an encoder's argmax indices"),
    (["--model=gan", "--condition=noise_level"], "is for denoisers"),
    (["--model=gan", "--code_size=64"], "code_size is for model mlp"),
    (["--model=gan", "--noise=gaussian"], "noise gaussian is for denoisers"),
    (["--model=gan", "--noise_level=0.2"], "does not count with --noise=none"),
    (["--mode=robustness", "--model=gan", "--train_noises=gaussian"], "a GAN denoises nothing"),
    (["--mode=compare", "--model=gan"], "a GAN denoises nothing"),
    (["--mode=artifacts", "--model=gan"], "a GAN denoises nothing"),
    (["--latent_size=8"], "latent_size is for model gan"),
    (["--model=gan", "--gan_loss=hing"], "did you mean 'hinge'"),
    (["--r1_weight=3"], "r1_weight is for regularizer r1"),
    (["--adversarial_weight=-1"], "adversarial_weight must be 0 or more"),
    (["--adversarial_weight=1", "--sparsity=l1"], "contradict each other"),
    (["--mode=sample"], "needs --workdir"),
    (["--mode=sample", "--workdir=runs/none", "--count=0"], "count must be from 1"),
    (["--mode=sample", "--workdir=runs/none", "--output=a.svg"], "--output ends with"),
    (["--count=3"], "--count is for sample"),
    (["--hidden=64"], "hidden is for model mlp and gan, not conv"),
    (["--model=mlp", "--decoder=transpose"], "decoder is for model conv and gan, not mlp"),
    (["--model=mlp", "--hidden=64,x"], "takes widths such as"),
    (["--model=mlp", "--code_size=0"], "must be positive widths"),
    (["--model=mlp", "--sparsity=kl"], "--activation=sigmoid"),
    (["--sparsity_weight=0.1"], "needs sparsity l1 or kl"),
    (["--contractive_weight=-1"], "contractive_weight must be 0 or more"),
    (["--greedy_epochs=1"], "for model mlp"),
    (["--model=mlp", "--greedy_epochs=2"], "leave none of 5 epochs"),
    (["--mode=probe"], "--mode=probe needs --workdir"),
    (["--tune_epochs=3"], "--tune_epochs is for probe"),
    (["--mode=probe", "--workdir=x", "--tune_masking=1"], "a share in [0, 1)"),
    (["--mode=report"], "or else --runs=A,B"),
    (["--input=scan.png"], "--input is for denoise, not train"),
    (["--mode=denoise"], "needs --input"),
    (["--mode=denoise", "--input=a.png", "--input=b.png", "--output=c.png"], "give a folder"),
    (["--mode=denoise", "--input=.", "--decoder=upsample"], "takes a trained network"),
    (["--mode=denoise", "--input=.", "--noise_level=0.1:0.2"], "takes one --noise_level"),
    (["--mode=compare", "--noise_level=0.1:0.2"], "takes single levels"),
    (["--epochs=0"], "epochs must be at least 1"),
    (["--epochs=-3"], "epochs must be at least 1"),
    (["--epochs=1.5"], "--epochs=1.5: takes a whole number"),
    (["--epochs="], "takes a whole number"),
    (["--epochs=99999999999999999999999"], "epochs must be at most 1,000,000"),
    (["--batch_size=0"], "batch_size must be at least 1"),
    (["--batch_size=1000000000"], "batch_size must be at most 1,048,576"),
    (["--encoder_features=99999999,8"], "encoder_features must be at most 65,536"),
    (["--model=mlp", "--hidden=" + ",".join(["8"] * 33)], "at most 32 widths"),
    (["--workdir=~no-such-user/x"], "unknown home folder"),
    (["--dataset=folder:~no-such-user/x"], "unknown home folder"),
    (["--learning_rate=fast"], "takes a number"),
    (["--mode=compare", "--seeds=100000000000"], "seeds must be at most 10,000"),
    (["--mode=compare", "--seeds=8", "--seed=4294967290"], "use a smaller --seed"),
    (["--mode=compare", "--seeds=9999", "--steps=1,2,3"], "use fewer --seeds"),
    (["--mode=compare", "--part=1/" + "9" * 5000], "as 2/3"),
    (["--learning_rate=0"], "learning_rate must be above 0"),
    (["--learning_rate=inf"], "learning_rate must be above 0"),
    (["--schedule=linear"], "unknown schedule"),
    (["--seed=-1"], "seed must be"),
    (["--encoder_features=32,x"], "takes widths such as 32,32"),
    (["--encoder_features=32"], "the same number of stages"),
    (["--kernel_size=99"], "kernel_size must be from 1 to 15"),
    (["--stride=1"], "stride must be from 2 to 8"),
    (["--train_examples=0"], "train_examples must be at least 1"),
    (["--order=up"], "unknown order"),
    (["--decoder=transpose", "--order=resize_conv"], "is for upsample"),
    (["--decoder=upsample", "--notail"], "cannot be left out"),
    (["--decoder=transpose", "--noicnr"], "noicnr is for subpixel"),
    (["--decoder=bilinear_additive", "--encoder_features=32,6"], "divisible by 4"),
    (["--decoder=max_unpool", "--encoder_features=16,32"], "must be 32,16"),
    (["--mode=trian"], "did you mean 'train'"),
    (["--parallel=pmapp"], "did you mean 'pmap'"),
    (["--steps_per_call=-1"], "steps_per_call must be 0"),
    (["--log_every=0"], "log_every must be at least 1"),
    (["--overwrite=maybe"], "takes true or false"),
    (["--help=yes"], "--help=yes: takes true or false"),
    (["--mode=export", "--format=ONNX"], "did you mean 'onnx'"),
    (["--mode=export", "--format="], "unknown format ''"),
    (["--decodr=upsample"], "Did you mean: decoder"),
    (["upsample"], "unknown command 'upsample'"),
    (["--mode=eval"], "--mode=eval needs --workdir"),
    (["--max_grad_norm=0"], "max_grad_norm must be above 0"),
    (["--max_grad_norm=inf"], "max_grad_norm must be above 0"),
    (["--checkpoint=best"], "probe and sample, not train"),
    (["--mode=eval", "--workdir=x", "--checkpoint=last"], "newest, best or a step"),
    (["--workdir=gs://bucket/run"], "--checkpoint_dir=gs://bucket/run"),
    (["--preempt_exit_code=300"], "from 0 to 255"),
    (["--mode=data", "--distributed=on"], "--distributed is for --mode=train"),
    (["--mode=report"], "--mode=report needs --workdir"),
    (["--decoders=upsample,transpose"], "--decoders is for compare"),
    (["--mode=compare", "--decoder=transpose"], "use --decoders=upsample,transpose:k4"),
    (["--mode=compare", "--decoders=upsample,transpos:k4"], "did you mean 'transpose'"),
    (["--mode=compare", "--decoders=upsample,transpose:k16"], "kernel_size must be"),
    (["--mode=compare", "--match=parameter"], "did you mean 'parameters'"),
    (["--mode=compare", "--decoders=upsample"], "--decoders takes two or more"),
    (["--mode=compare", "--steps=many"], "--steps takes numbers"),
    (["--mode=compare", "--seeds=0"], "seeds must be at least 1"),
    (["--mode=compare", "--part=3/2"], "as 2/3"),
    (["--mode=compare", "--seeds_at_once=-1"], "seeds_at_once must be 0"),
]


@pytest.mark.scorecard(18)
@pytest.mark.parametrize(("flags", "words"), WRONG_FLAGS, ids=lambda value: str(value)[:40])
def test_wrong_flags_are_one_line_and_exit_2(
    command: Command, tmp_path: Path, flags: list[str], words: str
) -> None:
    done = command(*flags, cwd=tmp_path, timeout=20)
    assert done.returncode == 2, done
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("flag", ["--help", "--helpshort", "-h"])
def test_help_fits_a_screen(command: Command, flag: str) -> None:
    done = command(flag)
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert len(lines) <= 50
    assert max(map(len, lines)) <= 100
    for name in ("decoder", "dataset", "noise_level", "workdir", "mode", "overwrite"):
        assert f"  --{name} " in done.stdout


def test_the_version_and_absls_own_flags_are_told(command: Command) -> None:
    told = command("--version")
    assert (told.returncode, told.stdout) == (0, f"aedenoise {aedenoise.__version__}\n")
    full = command("--helpfull")
    assert full.returncode == 0
    assert all(f"--{name}:" in full.stdout for name in ("decoder", "flagfile"))


@pytest.mark.parametrize(
    ("mode", "flag"),
    [
        ("compare", "decoders"),
        ("denoise", "input"),
        ("invent", "noise_levels"),
        ("report", "runs"),
        ("robustness", "train_noises"),
        ("probe", "tune_epochs"),
    ],
)
def test_help_for_a_mode_explains_its_own_flags(command: Command, mode: str, flag: str) -> None:
    done = command(f"--mode={mode}", "--help")
    assert done.returncode == 0
    assert f"  --{flag} " in done.stdout
    assert "  --epochs " not in done.stdout


def test_experiments_are_listed(command: Command) -> None:
    done = command("--experiment=list")
    assert done.returncode == 0
    assert done.stdout.startswith("part2_notmnist_upsample ")


@pytest.mark.parametrize("flag", ["--help", "--experiment=list"])
def test_a_reader_that_goes_away_is_no_error(data_dir: str, flag: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "aedenoise.main", flag],
        cwd=ROOT,
        env=command_environment(data_dir),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stdout is not None
        running.stdout.close()
        assert running.wait(timeout=60) == 0
        assert running.stderr is not None
        assert running.stderr.read() == ""


@pytest.mark.scorecard(7)
@pytest.mark.parametrize(
    ("flags", "code", "words"),
    [
        (["--mode=eval", "--workdir={missing}"], 3, "does not exist"),
        (["--mode=eval", "--workdir={empty}"], 3, "holds no run"),
        ([DEBUG, "--workdir={file}"], 5, "cannot write to workdir"),
        ([DEBUG, "--workdir={file}/run"], 5, "cannot write to workdir"),
        ([DEBUG, "--workdir=/proc/run"], 5, "cannot write to workdir"),
    ],
)
def test_places_that_will_not_do(
    command: Command, tmp_path: Path, flags: list[str], code: int, words: str
) -> None:
    places = {name: tmp_path / name for name in ("missing", "empty", "file")}
    places["empty"].mkdir()
    places["file"].write_text("mine")
    done = command(*(flag.format(**places) for flag in flags), timeout=20)
    assert done.returncode == code, done
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert places["file"].read_text() == "mine"
    assert not places["missing"].exists()


@pytest.fixture(scope="module")
def finished(command: Command, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Runs the debug experiment; returns its workdir and output."""
    workdir = tmp_path_factory.mktemp("finished") / "run"
    done = command(DEBUG, f"--workdir={workdir}")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return workdir, done.stdout


@pytest.mark.end_to_end
@pytest.mark.slow
def test_the_artifacts_of_all_decoders_are_drawn(command: Command, tmp_path: Path) -> None:
    done = command("--mode=artifacts", f"--workdir={tmp_path}", "--encoder_features=8,8")
    assert done.returncode == 0, done.stderr
    rows = {line[:28].strip(): line[28:].split() for line in done.stdout.splitlines()}
    assert rows["upsample"] == rows["subpixel"] == ["0.000", "0.000"]
    assert float(rows["transpose"][0]) > 0.5
    assert rows["transpose k4"][0] == "0.000"  # the stride divides the kernel
    assert float(rows["transpose k4"][1]) > 0.1  # yet random kernels leave a grid
    assert (tmp_path / "artifacts.png").stat().st_size > 10_000


@pytest.mark.end_to_end
def test_a_run_leaves_everything_it_promises(finished: tuple[Path, str]) -> None:
    workdir, printed = finished
    results = json.loads((workdir / "results.json").read_text())
    assert set(results["artifacts"]) == {"residual", "gradient", "constant"}
    assert all(
        math.isfinite(value) for found in results["artifacts"].values() for value in found.values()
    )
    assert (workdir / "figures" / "artifacts.png").exists()
    assert "artifacts/residual_excess_2" in (workdir / "metrics.jsonl").read_text()
    config = json.loads((workdir / "config.json").read_text())
    assert {p.name for p in workdir.iterdir()} == {
        "config.json",
        "checkpoints",
        "metrics.jsonl",
        "results.json",
        "figures",
        "report.html",
        "tensorboard",
    }
    assert config["experiment"]["data"]["dataset"] == "notmnist/open"
    assert config["dataset"]["digest"] == results["dataset"]["digest"]
    assert results["dataset"]["digest"][:12] in printed
    assert results["train"]["steps"] == config["total_steps"] == 64
    for table in ("eval", "noisy", "black", "mean_image"):
        assert set(results[table]) == {
            "mse",
            "psnr",
            "psnr_of_mean_mse",
            "ssim",
            "bce",
            "bce_above_floor",
        }
    assert results["eval"]["psnr"] > results["noisy"]["psnr"] + 1.0
    assert results["eval"]["bce"] < results["noisy"]["bce"]
    assert (workdir / "figures" / "denoised.png").stat().st_size > 5000
    lines = [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if "eval/psnr" in line] == [16, 32, 48, 64]
    losses = [line["train/loss"] for line in lines if "train/loss" in line]
    assert losses[-1] < losses[0]
    assert {"train/learning_rate", "train/gradient_norm", "train/update_norm"} <= set(lines[0])
    assert lines[-1]["eval/psnr"] == results["eval"]["psnr"]


@pytest.mark.end_to_end
def test_eval_prints_the_numbers_of_the_end_of_training(
    command: Command, finished: tuple[Path, str]
) -> None:
    workdir, printed = finished
    done = command("--mode=eval", f"--workdir={workdir}")
    assert done.returncode == 0, done.stderr
    table = [line for line in printed.splitlines() if line.startswith(("denoised", "noisy"))]
    assert table == [
        line for line in done.stdout.splitlines() if line.startswith(("denoised", "noisy"))
    ]
    evaluated = json.loads((workdir / "eval.json").read_text())
    results = json.loads((workdir / "results.json").read_text())
    for name in ("eval", "noisy", "black", "mean_image", "test_set"):
        assert evaluated[name] == results[name]
    (workdir / "eval.json").unlink()


@pytest.mark.end_to_end
@pytest.mark.slow
def test_eval_at_another_noise_and_of_another_model(
    command: Command, finished: tuple[Path, str]
) -> None:
    workdir, _ = finished
    done = command("--mode=eval", f"--workdir={workdir}", "--noise_level=0.1")
    assert done.returncode == 0, done.stderr
    evaluated = json.loads((workdir / "eval.json").read_text())
    assert evaluated["noise"]["level"] == 0.1
    assert evaluated["noisy"]["psnr"] > 19.0
    (workdir / "eval.json").unlink()
    done = command("--mode=eval", f"--workdir={workdir}", "--decoder=transpose")
    assert done.returncode == 2
    assert "only noise and data can be changed, not model.decoder" in done.stderr


@pytest.mark.end_to_end
@pytest.mark.slow
def test_a_blind_network_that_is_told_the_level(command: Command, tmp_path: Path) -> None:
    done = command(
        "--experiment=debug",
        "--noise=poisson:0.1+gaussian",
        "--noise_level=0.1:0.6",
        "--condition=noise_level",
        "--loss=charbonnier",
        "--epochs=2",
        "--nobaselines",
        f"--workdir={tmp_path}",
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "poisson:0.1+gaussian noise 0.1 to 0.6, clipped" in done.stdout
    assert "total variation" not in done.stdout
    for flags, psnr in ((("--noise_level=0.2", "--noise=gaussian"), 16.5), ((), 12.5)):
        done = command("--mode=eval", f"--workdir={tmp_path}", *flags)
        assert (done.returncode, done.stderr) == (0, "")
        evaluated = json.loads((tmp_path / "eval.json").read_text())
        assert evaluated["noisy"]["psnr"] == pytest.approx(psnr, abs=1.0)
        assert "total variation" in done.stdout
        assert set(evaluated["per_image"]["by_class"]) == set("ABCDEFGHIJ")


@pytest.mark.end_to_end
def test_a_finished_run_is_only_reported(command: Command, finished: tuple[Path, str]) -> None:
    workdir, printed = finished
    before = {p: p.stat().st_mtime_ns for p in workdir.rglob("*") if p.is_file()}
    done = command(DEBUG, f"--workdir={workdir}")
    assert done.returncode == 0
    assert "is finished (64 steps); nothing to do" in done.stdout
    assert printed.splitlines()[-3] in done.stdout
    assert before == {p: p.stat().st_mtime_ns for p in workdir.rglob("*") if p.is_file()}


@pytest.mark.end_to_end
def test_another_configuration_is_refused_and_nothing_lost(
    command: Command, finished: tuple[Path, str]
) -> None:
    workdir, _ = finished
    before = sorted(workdir.rglob("*"))
    done = command(DEBUG, f"--workdir={workdir}", "--seed=1", timeout=20)
    assert done.returncode == 3
    assert "seed (0, now 1)" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert sorted(workdir.rglob("*")) == before


@pytest.mark.scorecard(22)
@pytest.mark.end_to_end
def test_a_checkpoint_that_is_missing_or_damaged_is_one_line(
    command: Command, finished: tuple[Path, str], tmp_path: Path
) -> None:
    workdir = tmp_path / "copy"
    shutil.copytree(finished[0], workdir)
    for manifest in workdir.rglob("manifest.ocdbt"):
        manifest.write_bytes(b"")
    done = command("--mode=eval", f"--workdir={workdir}")
    assert done.returncode == 3
    assert "cannot be read" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    shutil.rmtree(workdir / "checkpoints")
    done = command("--mode=eval", f"--workdir={workdir}", timeout=20)
    assert done.returncode == 3
    assert "has lost its checkpoints; train again with --overwrite" in done.stderr


@pytest.mark.end_to_end
@pytest.mark.slow
def test_a_damaged_checkpoint_costs_one_line(
    command: Command, finished: tuple[Path, str], tmp_path: Path
) -> None:
    workdir = tmp_path / "copy"
    shutil.copytree(finished[0], workdir)
    (workdir / "checkpoints" / "64" / "record" / "metadata").write_text("{}")
    done = command("--mode=eval", f"--workdir={workdir}")
    assert done.returncode == 0, done.stderr
    (said,) = done.stderr.splitlines()
    assert "damaged" in said
    assert "using the checkpoint of step 48" in said
    assert "checkpoint of step 48 of 64" in done.stdout


@pytest.mark.end_to_end
@pytest.mark.slow
def test_any_checkpoint_can_be_evaluated(command: Command, finished: tuple[Path, str]) -> None:
    workdir, _ = finished
    best = json.loads((workdir / "results.json").read_text())["best"]
    for which, step in (("best", best["step"]), ("48", 48)):
        done = command("--mode=eval", f"--workdir={workdir}", f"--checkpoint={which}")
        assert done.returncode == 0, done.stderr
        assert json.loads((workdir / "eval.json").read_text())["step"] == step
        (workdir / "eval.json").unlink()
    done = command("--mode=eval", f"--workdir={workdir}", "--checkpoint=7")
    assert done.returncode == 3
    assert "available: 48, 64" in done.stderr
    assert load_denoiser(workdir, "48").step == 48


@pytest.mark.end_to_end
@pytest.mark.slow
def test_checkpoints_elsewhere_carry_their_configuration(
    command: Command, finished: tuple[Path, str], tmp_path: Path
) -> None:
    elsewhere = f"--checkpoint_dir={tmp_path / 'elsewhere'}"
    shutil.copytree(finished[0] / "checkpoints", tmp_path / "elsewhere")
    done = command("--mode=eval", f"--workdir={tmp_path / 'new'}", elsewhere)
    assert done.returncode == 0, done.stderr
    assert "config.json is restored from a checkpoint in" in done.stdout
    new, old = (folder / "config.json" for folder in (tmp_path / "new", finished[0]))
    assert new.read_text() == old.read_text()
    done = command(DEBUG, f"--workdir={tmp_path / 'another'}", elsewhere, "--seed=3")
    assert done.returncode == 3
    assert "the checkpoint belongs to another experiment: seed (0, now 3)" in done.stderr
    done = command(DEBUG, f"--workdir={tmp_path / 'third'}", elsewhere)
    assert done.returncode == 0, done.stderr
    assert "continuing from step 64 of 64" in done.stdout
    results = [
        json.loads((f / "results.json").read_text()) for f in (tmp_path / "third", finished[0])
    ]
    assert results[0]["eval"] == results[1]["eval"]


@pytest.mark.end_to_end
def test_python_users_get_the_same_denoiser(finished: tuple[Path, str]) -> None:
    denoiser = load_denoiser(finished[0])
    assert denoiser.step == 64
    noisy = np.random.default_rng(0).random((3, 28, 28)).astype(np.float32)
    clean = denoiser(noisy)
    assert clean.shape == noisy.shape
    assert 0.0 <= clean.min() <= clean.max() <= 1.0
    as_bytes = np.round(noisy * 255).astype(np.uint8)[..., None]
    np.testing.assert_allclose(denoiser(as_bytes)[..., 0], clean, atol=0.05)
    with pytest.raises(ValueError, match="have shape"):
        denoiser(noisy[0])
    assert denoiser(noisy[:, :27]).shape == (3, 27, 28)


@pytest.mark.end_to_end
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
@pytest.mark.fast_cases("15")
@pytest.mark.slow
def test_a_run_that_was_stopped_half_way_ends_bit_for_bit_the_same(
    command: Command, finished: tuple[Path, str], data_dir: str, tmp_path: Path, how: signal.Signals
) -> None:
    workdir = tmp_path / "run"
    flags = [DEBUG, f"--workdir={workdir}"]
    running = subprocess.Popen(
        [sys.executable, "-m", "aedenoise.main", *flags],
        cwd=ROOT,
        env=command_environment(data_dir),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 120
    while not (workdir / "checkpoints" / "32").exists():
        assert running.poll() is None, running.communicate()
        assert time.monotonic() < deadline
    running.send_signal(how)
    out, err = running.communicate(timeout=60)
    assert err == ""
    assert not (workdir / "results.json").exists()
    if how == signal.SIGKILL:
        assert running.returncode == -signal.SIGKILL
    else:
        assert running.returncode == 0
        assert f"{how.name}: saved step" in out
    done = command(*flags)
    assert done.returncode == 0, done.stderr
    assert "continuing from step " in done.stdout
    assert digest(saved_state(workdir, data_dir)) == digest(saved_state(finished[0], data_dir))
    of_run, of_unbroken = (
        json.loads((folder / "results.json").read_text()) for folder in (workdir, finished[0])
    )
    assert of_run["eval"] == of_unbroken["eval"]
    if how == signal.SIGKILL:
        logs = [(folder / "metrics.jsonl").read_text() for folder in (workdir, finished[0])]
        assert logs[0] == logs[1]


@pytest.mark.end_to_end
@pytest.mark.slow
def test_pmap_on_four_devices_trains_and_jit_on_one_evaluates(
    command: Command, tmp_path: Path
) -> None:
    flags = [DEBUG, f"--workdir={tmp_path / 'run'}", "--epochs=1"]
    done = command(*flags, "--parallel=pmap", devices=4)
    assert done.returncode == 0, done.stderr
    assert "pmap on 4 cpu devices" in done.stdout
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert command("--mode=eval", f"--workdir={tmp_path / 'run'}").returncode == 0
    evaluated = json.loads((tmp_path / "run" / "eval.json").read_text())
    assert evaluated["eval"]["psnr"] == pytest.approx(results["eval"]["psnr"], abs=1e-4)
    done = command(DEBUG, f"--workdir={tmp_path / 'other'}", "--batch_size=30", devices=4)
    assert done.returncode == 2
    assert "batch_size 30 is not divisible by the 4 devices; use 32" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    done = command(*flags, "--overwrite", "--batch_size=30", devices=4)
    assert done.returncode == 2
    assert (tmp_path / "run" / "results.json").exists()
    # Evaluation does not need the training batch to fit.
    assert command("--mode=eval", *flags[1:2], devices=3).returncode == 0


@pytest.mark.end_to_end
@pytest.mark.slow
def test_divergence_is_exit_4_and_keeps_the_last_good_checkpoint(
    command: Command, tmp_path: Path
) -> None:
    done = command(
        DEBUG, f"--workdir={tmp_path / 'run'}", "--learning_rate=1e12", "--schedule=constant"
    )
    assert done.returncode == 4, done
    assert "training diverged" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "run" / "results.json").exists()
