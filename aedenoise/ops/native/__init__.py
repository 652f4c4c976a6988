"""Phase convolutions by this package's own CPU kernels, called through XLA's foreign functions.

The kernels are C++, compiled for this machine's processor the first time they are wanted, by
the C++ compiler found there, and kept in the user's cache folder.
"""

from aedenoise.ops.native.build import Kernels, load, needs_compiling
from aedenoise.ops.native.calls import forward, weight_gradient

__all__ = ["Kernels", "forward", "load", "needs_compiling", "weight_gradient"]
