"""Image maths on arrays, NHWC: convolutions, pooling and upsampling."""

from aedenoise.ops.convolutions import conv, conv_pool_relu, conv_transpose, upsample_conv
from aedenoise.ops.pooling import max_pool
from aedenoise.ops.resizing import upsample

__all__ = [
    "conv",
    "conv_pool_relu",
    "conv_transpose",
    "max_pool",
    "upsample",
    "upsample_conv",
]
