"""Phase convolutions by this package's own CPU kernels, called through XLA's foreign functions.

The kernels are C++, compiled for this machine's processor the first time they are wanted, by
the C++ compiler found there, and kept in the user's cache folder.
"""

from aedenoise.ops.native.build import load
from aedenoise.ops.native.calls import forward, weight_gradient

__all__ = ["forward", "load", "weight_gradient"]
