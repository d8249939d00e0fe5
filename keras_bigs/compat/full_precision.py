"""Products of float32 matrices in float32 on accelerators.

Keras 3.15 has no option for the precision of one product. JAX on TPUs multiplies
float32 matrices in bfloat16 unless told otherwise, and TensorFlow on GPUs in TF32, as
PyTorch does where a user has allowed it: fit for activations, wrong for the taps of a
kernel. May go when `keras.ops.einsum` takes a precision.
"""

import contextlib

import keras
from keras import ops

from keras_bigs.compat.platform import has_tf32


def full_precision():
    """A scope in which float32 products are float32 on TPUs too (JAX backend)."""
    if keras.backend.backend() == "jax":
        import jax

        return jax.default_matmul_precision("highest")
    return contextlib.nullcontext()


def einsum_in_full_precision(equation, first, second):
    """`ops.einsum` of two small float32 tensors, in float32 on every device.

    TensorFlow and PyTorch have switches for the whole process only. On NVIDIA's GPUs,
    which have TF32, they take float64 here, of which the taps of a kernel need little.

    Args:
        equation: string, see `keras.ops.einsum`.
        first: tensor.
        second: tensor of the same dtype.

    Returns:
        A tensor of that dtype.
    """
    if not has_tf32():
        with full_precision():
            return ops.einsum(equation, first, second)
    dtype = keras.backend.standardize_dtype(first.dtype)
    first, second = ops.cast(first, "float64"), ops.cast(second, "float64")
    return ops.cast(ops.einsum(equation, first, second), dtype)
