"""`keras.ops.einsum` with float32 sums.

TensorFlow 2.21's Einsum adds products of 16-bit numbers up in 16 bits on CPUs without
16-bit matrix units: 4,096 ones make 2,048 in float16 and 256 in bfloat16. May go when
they make 4,096. JAX and PyTorch, and TensorFlow on accelerators, sum in float32.

PyTorch 2.13 transposes whole batches to apply a matrix to each of them. `mix` may go
when `torch.einsum` does not.
"""

import functools

import keras
from keras import ops

from keras_bigs.compat.eager_torch import is_eager
from keras_bigs.compat.platform import platform
from keras_bigs.compat.torch_linear import is_faster_by_onednn
from keras_bigs.compat.torch_linear import linear

SHORTEST_BY_ONEDNN = 256
"""From which length on `torch_linear` is faster, though `x` is transposed for it."""
LEAD = "abc"
"""Names of the axes before those that an equation is about."""


def einsum(equation, first, second):
    """`ops.einsum` of two tensors of one dtype, summed in float32 at least.

    Args:
        equation: string, see `keras.ops.einsum`.
        first: tensor.
        second: tensor of the same dtype.

    Returns:
        A tensor of that dtype.
    """
    dtype = keras.backend.standardize_dtype(first.dtype)
    if dtype not in ("bfloat16", "float16") or _sums_in_float32(dtype, platform()):
        return ops.einsum(equation, first, second)
    first, second = ops.cast(first, "float32"), ops.cast(second, "float32")
    return ops.cast(ops.einsum(equation, first, second), dtype)


def mix(matrix, x, transpose=False):
    """One matrix applied to each of many, `einsum("ml,...ld->...md", matrix, x)`.

    Args:
        matrix: `(M, L)`, or `(L, M)` if transposed.
        x: `(..., L, dim)`, of the same dtype, with up to three axes before.
        transpose: bool. Whether to apply the transpose of `matrix`.

    Returns:
        `(..., M, dim)` in that dtype.
    """
    if is_eager(x):
        import torch

        # Without a gradient to compute, and to sum over the batch, this is faster.
        if not torch.is_grad_enabled():
            matrix = matrix.t() if transpose else matrix
            if x.shape[-2] < SHORTEST_BY_ONEDNN or not is_faster_by_onednn():
                return torch.matmul(matrix, x)
            return linear(x.transpose(-1, -2), matrix.t()).transpose(-1, -2)
    axes = "lm" if transpose else "ml"
    lead = LEAD[: len(x.shape) - 2]
    return einsum(f"{axes},{lead}ld->{lead}md", matrix, x)


@functools.cache
def _sums_in_float32(dtype, platform):
    if keras.backend.backend() != "tensorflow" or platform == "accelerator":
        return True
    import tensorflow as tf

    with tf.init_scope():
        ones = tf.ones(4096, dtype)
        return float(tf.einsum("i,i->", ones, ones)) == 4096
