"""Execution of pure functions on devices: the only home of jit, pmap, shardings and donation.

Both executors run the same functions over all devices of all processes, shard the batch evenly,
donate the state and keep it replicated, so that one checkpoint serves either. Each process
receives the whole batch and puts its own rows on its own devices.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from aedenoise.data.batch import Batch
from aedenoise.errors import UsageError

AXIS = "data"
Tree = TypeVar("Tree")
# (state, key, batch, axis_name=) -> (state, metrics)
TrainFn = Callable[..., tuple[Any, Any]]
# (state, key, split, batch) -> (state, metrics)
TrainCall = Callable[[Any, Any, Any, Any], tuple[Any, Any]]
# (params, key, batch, axis_name=) -> metrics
EvalFn = Callable[..., Any]


class Executor(Protocol):
    """Executor of pure step functions on all devices."""

    def replicate(self, tree: Tree) -> Tree:
        """Copies ``tree`` to every device."""
        ...

    def abstract(self, tree: Tree) -> Tree:
        """Returns shapes, dtypes and shardings of a replicated ``tree``, as restore targets."""
        ...

    def local_rows(self, batch_size: int) -> np.ndarray:
        """Returns the mask of batch rows on this process's devices, bool ``[batch_size]``."""
        ...

    def place(self, images: np.ndarray) -> Any:
        """Copies a split, uint8 ``[N, H, W, C]``, to every device for ``train``.

        Returns None if it is too large for a device.
        """
        ...

    def train(self, step: TrainFn, *, several: bool) -> TrainCall:
        """Compiles ``(state, key, split, batch) -> (state, metrics)``; the state is donated.

        ``split`` is the result of ``place``; batches without images index into it.
        With ``several``, every leaf of the batch has a leading axis of steps, all run in one
        call, and every metric gains that axis.
        """
        ...

    def evaluate(self, step: EvalFn) -> Callable[[Any, Any, Any], Any]:
        """Compiles ``(params, key, batch) -> metrics``."""
        ...


def make_executor(
    parallel: str,
    batch_size: int | None = None,
    *,
    devices: Sequence[jax.Device] | None = None,
) -> Executor:
    """Builds the executor ``jit`` or ``pmap`` over ``devices``; None means all.

    Raises:
      UsageError: if ``batch_size`` is not divisible by the number of devices, or there is no
        device of the requested platform.
    """
    devices = list(devices_here() if devices is None else devices)
    if batch_size is not None and batch_size % len(devices):
        raise UsageError(
            f"batch_size {batch_size} is not divisible by the {len(devices)} devices; "
            f"use {_nearest_multiple(batch_size, len(devices))}"
        )
    return PmapExecutor(devices) if parallel == "pmap" else JitExecutor(devices)


def devices_here() -> list[jax.Device]:
    """Returns the devices of all processes.

    Raises:
      UsageError: if there is no device of the requested platform.
    """
    try:
        return list(jax.devices())
    except (RuntimeError, AssertionError) as error:  # the latter for a missing plugin
        platforms = getattr(jax.config, "jax_platforms", None) or "any platform"
        raise UsageError(
            f"JAX finds no device of {platforms}; install its extra (cuda, tpu) or set "
            f"JAX_PLATFORMS=cpu. {' '.join(str(error).split())[:200]}"
        ) from error


def automatic_steps_per_call() -> int:
    """Returns the default number of training steps in one device call."""
    # On CPU, convolutions inside a loop lose their fast path; elsewhere dispatch would dominate.
    return 1 if jax.default_backend() == "cpu" else 16


class _MeshExecutor:
    def __init__(self, devices: list[jax.Device]) -> None:
        self._devices = devices
        self._mesh = Mesh(np.array(devices), (AXIS,), axis_types=(AxisType.Auto,))
        self._replicated = NamedSharding(self._mesh, P())
        self._several_processes = len({device.process_index for device in devices}) > 1
        self._local = [d for d in devices if d.process_index == jax.process_index()]

    def replicate(self, tree: Tree) -> Tree:
        replicated: Tree = (
            jax.tree.map(self._replicate_leaf, tree)
            if self._several_processes
            else jax.device_put(tree, self._replicated)
        )
        return replicated

    def abstract(self, tree: Tree) -> Tree:
        leaf = partial(jax.ShapeDtypeStruct, sharding=self._replicated)
        shapes: Tree = jax.tree.map(lambda x: leaf(x.shape, x.dtype), tree)
        return shapes

    def _replicate_leaf(self, leaf: Any) -> Any:
        # Typed PRNG keys have no NumPy form; their key data has.
        if jnp.issubdtype(jnp.asarray(leaf).dtype, jax.dtypes.prng_key):
            return jax.random.wrap_key_data(self._replicate_leaf(jax.random.key_data(leaf)))
        return _spread(np.asarray(leaf), self._replicated)


class JitExecutor(_MeshExecutor):
    """Executor with one program over the whole batch, partitioned by the compiler.

    On several CPU devices each runs its shard, as under ``pmap``: the compiler partitions its own
    convolutions, but not the CPU kernels, which are foreign calls.
    """

    def __init__(self, devices: list[jax.Device]) -> None:
        super().__init__(devices)
        self._in_shards = len(devices) > 1 and devices[0].platform == "cpu"

    def local_rows(self, batch_size: int) -> np.ndarray:
        rows = np.zeros(batch_size, bool)
        places = NamedSharding(self._mesh, P(AXIS)).addressable_devices_indices_map((batch_size,))
        for index in places.values():
            rows[index] = True
        return rows

    def place(self, images: np.ndarray) -> Any:
        return self.replicate(images) if _fits(images, self._local[0]) else None

    def train(self, step: TrainFn, *, several: bool) -> TrainCall:
        rows = P(None, AXIS) if several else P(AXIS)
        wrap = _several if several else _one
        call = self._compile(wrap(self._on_shards(step)), (P(), P(), P(), rows), donate_argnums=0)
        if not self._several_processes:
            return call
        sharding = NamedSharding(self._mesh, rows)
        return lambda state, key, split, batch: call(state, key, split, _spread(batch, sharding))

    def evaluate(self, step: EvalFn) -> Callable[[Any, Any, Any], Any]:
        call = self._compile(self._on_shards(step), (P(), P(), P(AXIS)))
        if not self._several_processes:
            return call
        sharding = NamedSharding(self._mesh, P(AXIS))
        return lambda params, key, batch: call(
            params, self.replicate(key), _spread(batch, sharding)
        )

    def _on_shards(self, step: Callable[..., Any]) -> Callable[..., Any]:
        return partial(step, axis_name=AXIS) if self._in_shards else step

    def _compile(
        self, run: Callable[..., Any], specs: tuple[P, ...], **options: Any
    ) -> Callable[..., Any]:
        if self._in_shards:
            run = jax.shard_map(
                run, mesh=self._mesh, in_specs=specs, out_specs=P(), check_vma=False
            )
        shardings = tuple(NamedSharding(self._mesh, spec) for spec in specs)
        return jax.jit(run, in_shardings=shardings, out_shardings=self._replicated, **options)


class PmapExecutor(_MeshExecutor):
    """Executor with one program per device and shard, joined by explicit sums."""

    def local_rows(self, batch_size: int) -> np.ndarray:
        rows = np.zeros(batch_size, bool)
        rows.reshape(len(self._devices), -1)[self._local_pieces()] = True
        return rows

    def place(self, images: np.ndarray) -> Any:
        if not _fits(images, self._local[0]):
            return None
        # pmap maps the split over its first axis. Broadcasting copies nothing on the host.
        copies = np.broadcast_to(images, (len(self._local), *images.shape))
        mesh = Mesh(np.array(self._local), (AXIS,), axis_types=(AxisType.Auto,))
        return jax.device_put(copies, NamedSharding(mesh, P(AXIS)))

    def train(self, step: TrainFn, *, several: bool) -> TrainCall:
        mapped_step = partial(step, axis_name=AXIS)
        mapped = jax.pmap(
            _several(mapped_step) if several else _one(mapped_step),
            axis_name=AXIS,
            in_axes=(None, None, 0, 0),
            out_axes=(None, None),
            # The default is the devices of all processes; an explicit list serves fewer of one.
            devices=None if self._several_processes else self._devices,
            donate_argnums=0,
        )

        def call(state: Any, key: Any, split: Any, batch: Any) -> tuple[Any, Any]:
            state, metrics = mapped(state, key, split, self._split(batch, int(several)))
            return self._over_all_processes(state), metrics

        return call

    def evaluate(self, step: EvalFn) -> Callable[[Any, Any, Any], Any]:
        mapped = jax.pmap(
            partial(step, axis_name=AXIS),
            axis_name=AXIS,
            in_axes=(None, None, 0),
            out_axes=None,
            devices=None if self._several_processes else self._devices,
        )
        return lambda params, key, batch: mapped(params, key, self._split(batch, 0))

    def _split(self, batch: Tree, axis: int) -> Tree:
        """Splits the batch axis into shards, stacked first; returns those of this process."""
        pieces = len(self._devices)
        local = self._local_pieces()

        def cut(x: Any) -> Any:
            shape = (*x.shape[:axis], pieces, x.shape[axis] // pieces, *x.shape[axis + 1 :])
            return np.moveaxis(np.reshape(x, shape), axis, 0)[local]

        cut_batch: Tree = jax.tree.map(cut, batch)
        return cut_batch

    def _local_pieces(self) -> slice:
        """Returns the slice of shards of this process, one per local device."""
        first = jax.process_index() * len(self._local) if self._several_processes else 0
        return slice(first, first + len(self._local))

    def _over_all_processes(self, state: Tree) -> Tree:
        """Extends replicated arrays from this process's devices, as pmap returns, to all."""
        # Orbax saves only arrays that span all processes. No data moves.
        if not self._several_processes:
            return state

        def join(leaf: Any) -> Any:
            copies = [shard.data for shard in leaf.addressable_shards]
            return jax.make_array_from_single_device_arrays(leaf.shape, self._replicated, copies)

        joined: Tree = jax.tree.map(join, state)
        return joined


def _spread(tree: Tree, sharding: NamedSharding) -> Tree:
    """Distributes host arrays, equal in every process, over the devices of all processes."""
    spread: Tree = jax.tree.map(
        lambda x: jax.make_array_from_callback(x.shape, sharding, lambda index: x[index]), tree
    )
    return spread


def _one(step: TrainFn) -> TrainCall:
    def run(state: Any, key: Any, split: Any, batch: Batch) -> tuple[Any, Any]:
        image = jnp.take(split, batch.index, axis=0) if batch.image is None else batch.image
        return step(state, key, batch._replace(image=image))

    return run


def _several(step: TrainFn) -> TrainCall:
    one = _one(step)

    def run(state: Any, key: Any, split: Any, batches: Batch) -> tuple[Any, Any]:
        return jax.lax.scan(lambda carry, batch: one(carry, key, split, batch), state, batches)

    return run


def _fits(images: np.ndarray, device: jax.Device) -> bool:
    """Returns True if ``images`` take at most a quarter of the device's memory."""
    # The rest is for parameters, activations and the compiler's workspace. CPU reports no limit.
    memory = device.memory_stats() or {}
    return bool(images.nbytes <= memory.get("bytes_limit", math.inf) / 4)


def _nearest_multiple(size: int, divisor: int) -> int:
    return max(divisor, round(size / divisor) * divisor)
