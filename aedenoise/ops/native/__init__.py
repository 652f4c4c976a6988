"""CPU kernels for phase convolutions, called through XLA's foreign function interface.

The kernels are C++. A wheel for Linux carries them compiled for common processors. Elsewhere the
local C++ compiler compiles them on first use, and the user's cache folder keeps them.
"""

from aedenoise.ops.native.build import Kernels, load, needs_compiling
from aedenoise.ops.native.calls import forward, weight_gradient

__all__ = ["Kernels", "forward", "load", "needs_compiling", "weight_gradient"]
