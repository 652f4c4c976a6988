"""Image maths on arrays, NHWC, any dtype: pooling and upsampling."""

from aedenoise.ops.pooling import max_pool
from aedenoise.ops.resizing import upsample

__all__ = ["max_pool", "upsample"]
