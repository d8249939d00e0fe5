"""Zero-order hold: the input is constant over a step."""

import math

import numpy as np
from keras import ops

from keras_bigs.ssm.phase import multiply_turns
from keras_bigs.ssm.phase import split_product
from keras_bigs.ssm.phase import split_turns

# Gauss-Legendre nodes and weights on [0, 1].
NODES, WEIGHTS = (np.polynomial.legendre.leggauss(5) + np.array([[1], [0]])) / 2


def zoh(a_re, a_im, log_step):
    """`a = exp(dt A)`, `B_bar = (exp(dt A) - 1) / A` (paper, section 3.1).

    With `z = dt A = x + iy`, `exp(z) - 1` is
    `expm1(x) cos(y) - 2 sin(y/2)^2 + i exp(x) sin(y)` for `x > -1`. For `|z| < 1` that
    cancels, and its derivative more so: there `B_bar = dt phi(z)`, where
    `phi(z) = (exp(z) - 1) / z` is the integral of `exp(s z)` over `s` from 0 to 1, by
    five nodes (error below 1e-12). Elsewhere `dt phi(z)` would cancel, in the
    derivative with respect to `dt`.

    Args:
        a_re: `(K, N)`, real part of `A`, negative.
        a_im: `(K, N)`, imaginary part of `A`.
        log_step: `(K, 1)`, logarithm of the step size `dt`.

    Returns:
        `(log_a_re, (coarse_turns, fine_turns), b_re, b_im)`, each `(K, N)`.
    """
    step = ops.exp(log_step)
    x, y = step * a_re, step * a_im
    turns = split_turns(*split_product(log_step, a_im, 2 * math.pi))
    near = ops.square(x) + ops.square(y) < 1

    angle = multiply_turns(*turns, ops.ones_like(turns[0], "int32"))
    # Where `exp(x)` is small, so is the derivative in `y`, which the first form loses.
    real = ops.where(
        x > -1,
        ops.expm1(x) * ops.cos(angle) - 2 * ops.square(ops.sin(angle / 2)),
        ops.exp(x) * ops.cos(angle) - 1,
    )
    imaginary = ops.exp(x) * ops.sin(angle)
    norm = ops.square(a_re) + ops.square(a_im)
    far_re = (real * a_re + imaginary * a_im) / norm
    far_im = (imaginary * a_re - real * a_im) / norm

    # Kept finite where it is not chosen, so that it puts no NaN into the gradient.
    x_near, y_near = ops.where(near, x, 0.0), ops.where(near, y, 0.0)
    nodes = ops.convert_to_tensor(NODES, x.dtype)
    weights = ops.convert_to_tensor(WEIGHTS, x.dtype)
    weights = weights * ops.exp(ops.expand_dims(x_near, -1) * nodes)
    angle = ops.expand_dims(y_near, -1) * nodes
    near_re = step * ops.sum(weights * ops.cos(angle), axis=-1)
    near_im = step * ops.sum(weights * ops.sin(angle), axis=-1)

    b_re, b_im = ops.where(near, near_re, far_re), ops.where(near, near_im, far_im)
    return x, turns, b_re, b_im
