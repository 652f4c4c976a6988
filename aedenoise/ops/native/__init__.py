"""CPU kernels for phase convolutions, called through XLA's foreign function interface.

The kernels are C++, compiled on first use for the local processor by the local C++ compiler, and
kept in the user's cache folder.
"""

from aedenoise.ops.native.build import Kernels, load, needs_compiling
from aedenoise.ops.native.calls import forward, weight_gradient

__all__ = ["Kernels", "forward", "load", "needs_compiling", "weight_gradient"]
