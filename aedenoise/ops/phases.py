"""Phase convolutions: the common form of convolution, transposed convolution and upsampling
followed by convolution.

Along one axis, output position ``so * i + p`` (phase p of so) is a weighted sum of the input
positions ``si * i + shift``, one weight per tap; the input is padded with zeros. Rows and columns
are independent, so the weights are ``[U, V, C, O]`` with one entry per pair of taps.

- Convolution of stride s: one phase, ``si = s``, one tap per kernel row.
- Transposed convolution of stride s: ``so = s`` phases, each with the kernel rows that fall, at
  low resolution, on a pixel rather than on a zero between pixels.
- Nearest upsampling by s, then convolution: ``so = s`` phases; kernel rows that fall on copies of
  one pixel are added up first (two taps instead of three for kernel 3, stride 2).

Each is linear, and its transpose, which carries gradients to the input, is a phase convolution
too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Axis:
    """Taps of one axis.

    Attributes:
      in_stride: input stride (si) between consecutive outputs of a phase.
      out_stride: output stride (so) between them, and the number of phases.
      shifts: shifts of the taps of each phase, ascending.
    """

    in_stride: int
    out_stride: int
    shifts: tuple[tuple[int, ...], ...]

    @property
    def starts(self) -> np.ndarray:
        """Returns the first tap of each phase, and the number of taps: int64 ``[so + 1]``."""
        return np.cumsum([0, *map(len, self.shifts)], dtype=np.int64)

    @property
    def flat_shifts(self) -> np.ndarray:
        """Returns the shifts of all taps, phase by phase: int64 ``[U]``."""
        return np.array([shift for phase in self.shifts for shift in phase], np.int64)

    def places(self, phase: int, size: int) -> int:
        """Returns the number of outputs of ``phase`` among ``size`` in all."""
        return -(-(size - phase) // self.out_stride)

    def transpose(self) -> tuple[Axis, np.ndarray]:
        """Returns the transposed axis, and for each of its taps (int64 ``[U]``) the tap of this
        axis with the same weight.

        Output ``so i + p`` reads input ``si i + shift``, so the gradient of input n reads every
        ``so i + p`` with ``si i + shift = n``.

        Raises:
          ValueError: if both strides are larger than 1.
        """
        s_in, s_out = self.in_stride, self.out_stride
        if s_in > 1 and s_out > 1:
            raise ValueError("one of the strides must be 1")
        # n = si j + r gives i = j + (r - shift) / si; the output read is so j + the shift below.
        found: list[list[tuple[int, int]]] = [[] for _ in range(s_in)]
        tap = 0
        for phase, shifts in enumerate(self.shifts):
            for shift in shifts:
                found[shift % s_in].append((s_out * ((shift % s_in - shift) // s_in) + phase, tap))
                tap += 1
        ordered = [sorted(phase) for phase in found]
        shifts_back = tuple(tuple(shift for shift, _ in phase) for phase in ordered)
        taps = np.array([tap for phase in ordered for _, tap in phase], np.int64)
        return Axis(s_out, s_in, shifts_back), taps


def convolution(size: int, kernel: int, stride: int) -> tuple[Axis, int]:
    """Returns the axis of a convolution with ``SAME`` padding (as XLA defines it) of ``size``
    inputs, and the size of the output."""
    out = -(-size // stride)
    before = max((out - 1) * stride + kernel - size, 0) // 2
    return Axis(stride, 1, (tuple(range(-before, kernel - before)),)), out


def transposed_convolution(
    kernel: int, stride: int, padding: str = "SAME"
) -> tuple[Axis, np.ndarray]:
    """Returns the axis of a transposed convolution (``padding`` as ``jax.lax.conv_transpose``
    defines it), and the kernel row of each tap (int64 ``[U]``)."""
    before = kernel - 1 if padding == "VALID" else padding_before(kernel, stride)
    shifts, rows = [], []
    for phase in range(stride):
        # On the input dilated with zeros, kernel row r of output n reads position
        # n - before + r, which holds a pixel if it is divisible by the stride.
        met = [r for r in range(kernel) if (phase - before + r) % stride == 0]
        shifts.append(tuple((phase - before + r) // stride for r in met))
        rows += met
    return Axis(1, stride, tuple(shifts)), np.array(rows, np.int64)


def padding_before(kernel: int, stride: int) -> int:
    """Returns the padding that ``jax.lax.conv_transpose`` puts before the dilated input of a
    transposed convolution with padding ``SAME``."""
    return kernel - 1 if stride > kernel - 1 else -(-(kernel + stride - 2) // 2)


def upsampled_convolution(kernel: int, factor: int) -> tuple[Axis, np.ndarray]:
    """Returns the axis of nearest upsampling by ``factor`` and a ``SAME`` convolution of stride 1,
    and the kernel rows that each tap adds up: float32 ``[U, kernel]`` of zeros and ones. The
    output is ``factor`` times as large."""
    before = (kernel - 1) // 2
    shifts, sums = [], []
    for phase in range(factor):
        read = [(phase - before + r) // factor for r in range(kernel)]
        shifts.append(tuple(sorted(set(read))))
        sums += [[float(place == shift) for place in read] for shift in shifts[-1]]
    return Axis(1, factor, tuple(shifts)), np.array(sums, np.float32)
