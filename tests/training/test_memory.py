"""Memory of training: estimated from shapes, and refused before anything is built."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers import small

from aedenoise.errors import UsageError, as_expected
from aedenoise.runtime import memory as runtime_memory
from aedenoise.training import memory
from aedenoise.training.memory import check_memory, estimate

DIGIT = (28, 28, 1)
GIGABYTE = 10**9


def with_free(monkeypatch: pytest.MonkeyPatch, free: int | None) -> None:
    monkeypatch.setattr(memory, "free_memory", lambda: free)


def test_the_state_is_counted_to_the_byte() -> None:
    found = estimate(small(optimizer__name="adam"), DIGIT)
    # Parameters, two moments, gradients and update; the steps of Adam, schedule and state.
    assert 0 <= found.state - 5 * 4 * found.parameters <= 16
    assert estimate(small(optimizer__name="adam", batch_size=64), DIGIT) == found


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ({"batch_size": 2**20}, "use at most"),
        ({"model__network": "mlp", "batch_size": 2**20}, "use at most"),
        ({"model__network": "gan", "noise__kind": "none", "batch_size": 2**20}, "use at most"),
        (
            {"model__encoder_features": (20000,) * 2, "model__decoder_features": (20000,) * 2},
            "--encoder_features=",
        ),
    ],
)
def test_what_does_not_fit_is_refused_with_what_does(
    monkeypatch: pytest.MonkeyPatch, overrides: dict, words: str
) -> None:
    with_free(monkeypatch, GIGABYTE)
    if overrides.get("model__network") == "mlp":
        overrides |= {"model__encoder_features": (32, 32), "model__decoder_features": (32, 32)}
    with pytest.raises(UsageError, match=words) as refused:
        check_memory(small(**overrides), DIGIT)
    if "at most" in words:
        largest = int(str(refused.value).rsplit(" ", 1)[1])
        check_memory(small(**{**overrides, "batch_size": largest}), DIGIT)
        with pytest.raises(UsageError):
            check_memory(small(**{**overrides, "batch_size": largest + 64}), DIGIT)
    else:
        flags = dict(flag.lstrip("-").split("=") for flag in str(refused.value).split()[-2:])
        narrower = {f"model__{name}": tuple(map(int, flags[name].split(","))) for name in flags}
        check_memory(small(**narrower), DIGIT)


def test_several_networks_need_several_times_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    experiment = small(batch_size=4096)
    with_free(monkeypatch, GIGABYTE)
    check_memory(experiment, DIGIT)
    with pytest.raises(UsageError, match="batch_size"):
        check_memory(experiment, DIGIT, networks=8)


def test_usual_experiments_cost_no_tracing(monkeypatch: pytest.MonkeyPatch) -> None:
    with_free(monkeypatch, 4 * GIGABYTE)
    monkeypatch.setattr(memory, "estimate", lambda *given: pytest.fail("traced"))
    check_memory(small(), DIGIT)
    check_memory(small(batch_size=64), (64, 64, 3))
    with_free(monkeypatch, None)
    check_memory(small(batch_size=2**20), DIGIT)


def test_a_container_limits_the_memory(tmp_path: Path) -> None:
    assert runtime_memory.free_host_memory() is not None
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc" / "meminfo").write_text("MemTotal: 99 kB\nMemAvailable:    4096 kB\n")
    assert runtime_memory.free_host_memory(tmp_path) == 2**22
    group = tmp_path / "sys" / "fs" / "cgroup"
    group.mkdir(parents=True)
    (group / "memory.current").write_text("1000\n")
    (group / "memory.max").write_text("max\n")
    assert runtime_memory.free_host_memory(tmp_path) == 2**22
    (group / "memory.max").write_text("3000\n")
    assert runtime_memory.free_host_memory(tmp_path) == 2000


def test_memory_that_ends_all_the_same_is_one_line() -> None:
    found = as_expected(MemoryError())
    assert found is not None
    assert (found.exit_code, "--batch_size" in str(found)) == (2, True)
