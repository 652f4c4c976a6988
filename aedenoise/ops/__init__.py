"""Array operations on NHWC images: convolutions, pooling, unpooling and resizing."""

from aedenoise.ops.convolutions import (
    conv,
    conv_pool_relu,
    conv_transpose,
    conv_transpose_conv,
    upsample_conv,
)
from aedenoise.ops.pooling import max_pool
from aedenoise.ops.reassembly import reassemble, smooth
from aedenoise.ops.resizing import depth_to_space, sum_channels, upsample
from aedenoise.ops.unpooling import max_pool_argmax, max_unpool, unpool

__all__ = [
    "conv",
    "conv_pool_relu",
    "conv_transpose",
    "conv_transpose_conv",
    "depth_to_space",
    "max_pool",
    "max_pool_argmax",
    "max_unpool",
    "reassemble",
    "smooth",
    "sum_channels",
    "unpool",
    "upsample",
    "upsample_conv",
]
