"""Products of float32 matrices in float32 on TPUs.

Keras 3.15 has no option for the precision of one product, and JAX on TPUs multiplies
float32 matrices in bfloat16 unless told otherwise. May go when `keras.ops.einsum` takes
a precision.
"""

import contextlib

import keras


def full_precision():
    """A scope in which float32 products are float32 on TPUs too (JAX backend).

    The default is wanted for activations and wrong for the taps of a kernel.
    """
    if keras.backend.backend() == "jax":
        import jax

        return jax.default_matmul_precision("highest")
    return contextlib.nullcontext()
