"""A boundary between blocks for a compiler that fuses too much.

The XLA of jaxlib 0.10 on CPUs; see `materialize_gradient`. May go when the gradient's
program is linear in depth without it, which `tests/compat` measures.
"""

import functools

import keras


def materialize_gradient(x):
    """`x` itself; on JAX and CPUs its gradient is computed once, not once a use.

    The gradient of a pre-norm residual stream is a long sum, one term a block. XLA on
    CPUs merges such sums into each of their uses, so that every block adds up the terms
    of all later blocks again: time grows with the square of the number of blocks (12
    blocks of width 256: a tenth of a training step). Optimization barriers are dropped
    before that happens; a branch is not merged.

    Args:
        x: tensor of any shape and floating-point dtype.

    Returns:
        `x`.
    """
    if keras.backend.backend() != "jax":
        return x
    return _boundary()(x)


@functools.cache
def _boundary():
    import jax

    @jax.custom_jvp
    def boundary(x):
        return x

    @boundary.defjvp
    def tangent(primals, tangents):
        (x,), (dx,) = primals, tangents
        # False for any number and for NaN, which the compiler does not know.
        first = x.reshape(-1)[:1]
        never = jax.numpy.any((first < 0) & (first > 0))
        return x, jax.lax.platform_dependent(
            dx,
            cpu=lambda dx: jax.lax.cond(never, lambda dx: 2 * dx, lambda dx: dx, dx),
            default=lambda dx: dx,
        )

    return boundary
