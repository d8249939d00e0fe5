"""From continuous to discrete time: zero-order hold and the bilinear transform."""

from typing import Any
from typing import NamedTuple

import numpy as np
from keras import ops

from keras_bigs.ssm.parameters import MAX_REAL_PART


class DiscreteSSM(NamedTuple):
    """`K` discrete diagonal SSMs: `x_k = a x_{k-1} + u_k`, `y_k = Re(c x_k) + D u_k`.

    The transition is kept as its logarithm, so that its powers are
    `a^l = sign^l exp(l log_a_re) (cos(l log_a_im) + i sin(l log_a_im))` at any `l`
    without a chain of multiplications, and the input weight is folded into the output
    weight (`c = C * B_bar`), which leaves the map from `u` to `y` unchanged.

    Attributes:
        log_a_re: `(K, N)`, logarithm of `|a|` (negative: every mode decays).
        log_a_im: `(K, N)`, phase of `sign a` in radians a step.
        sign: `(K, N)` of 1 and -1, or `None` for 1 throughout.
        c_re: `(K, N)`, real part of the output weights.
        c_im: `(K, N)`, imaginary part of the output weights.
        D: `(K,)`, the skip weight.
    """

    log_a_re: Any
    log_a_im: Any
    sign: Any
    c_re: Any
    c_im: Any
    D: Any


# Gauss-Legendre nodes and weights on [0, 1].
NODES, WEIGHTS = (np.polynomial.legendre.leggauss(5) + np.array([[1], [0]])) / 2


def zoh(a_re, a_im, step):
    """Zero-order hold: `a = exp(dt A)`, `B_bar = (exp(dt A) - 1) / A = dt phi(dt A)`.

    With `z = dt A = x + iy`, `phi(z) = (exp(z) - 1) / z` is the integral of `exp(s z)`
    over `s` from 0 to 1. For `|z| < 1` it is computed as that, by five nodes (error
    below 1e-12): the quotient cancels there, and its derivative more so. Elsewhere
    `exp(z) - 1` is `expm1(x) cos(y) - 2 sin(y/2)^2 + i exp(x) sin(y)`.

    Args:
        a_re: `(K, N)`, real part of `A`, negative.
        a_im: `(K, N)`, imaginary part of `A`.
        step: `(K, 1)`, the step size `dt`.

    Returns:
        `(log_a_re, log_a_im, sign, b_re, b_im)`, each `(K, N)` but for `sign`, `None`.
    """
    x, y = step * a_re, step * a_im
    near = ops.square(x) + ops.square(y) < 1

    # Both branches of a choice are kept finite, so that neither puts a NaN into the
    # gradient.
    x_far, y_far = ops.where(near, -1.0, x), ops.where(near, 0.0, y)
    real = ops.expm1(x_far) * ops.cos(y_far) - 2 * ops.square(ops.sin(y_far / 2))
    imaginary = ops.exp(x_far) * ops.sin(y_far)
    norm = ops.square(x_far) + ops.square(y_far)
    far_re = (real * x_far + imaginary * y_far) / norm
    far_im = (imaginary * x_far - real * y_far) / norm

    nodes = ops.convert_to_tensor(NODES, x.dtype)
    weights = ops.convert_to_tensor(WEIGHTS, x.dtype)
    turn = ops.expand_dims(ops.where(near, y, 0.0), -1) * nodes
    weights = weights * ops.exp(ops.expand_dims(ops.where(near, x, 0.0), -1) * nodes)
    near_re = ops.sum(weights * ops.cos(turn), axis=-1)
    near_im = ops.sum(weights * ops.sin(turn), axis=-1)

    b_re = step * ops.where(near, near_re, far_re)
    b_im = step * ops.where(near, near_im, far_im)
    return x, y, None, b_re, b_im


def bilinear(a_re, a_im, step):
    """Bilinear: `a = (1 + dt A/2) / (1 - dt A/2)`, `B_bar = dt / (1 - dt A/2)`.

    With `z = dt A/2`, `a` nears -1 as `|z|` grows, and a phase near pi has no digits
    left for the slow modes that such step sizes make: 4096 steps of its rounding error
    are 1e-3 radians. So for `|z| > 1` the transition is kept as the negative of
    `(1 + 1/z) / (1 - 1/z)`, whose phase is small.

    With `p + iq` for `z` or `1/z`, `|a|^2 = 1 + r` where `r = 4p / ((1-p)^2 + q^2)`, so
    `log|a| = log1p(r) / 2` does not cancel for small `p`. Near `a = 0` (`r` close to
    -1) the quotient itself is the accurate form.

    Args:
        a_re: `(K, N)`, real part of `A`, negative.
        a_im: `(K, N)`, imaginary part of `A`.
        step: `(K, 1)`, the step size `dt`.

    Returns:
        `(log_a_re, log_a_im, sign, b_re, b_im)`, each `(K, N)`.
    """
    x, y = step * a_re / 2, step * a_im / 2
    square = ops.square(x) + ops.square(y)
    outside = square > 1
    # Both branches of a choice are kept finite, so that neither puts a NaN into the
    # gradient.
    square = ops.where(outside, square, 1.0)
    p, q = ops.where(outside, x / square, x), ops.where(outside, -y / square, y)
    sign = ops.where(outside, -ops.ones_like(x), 1.0)

    # At `z = -1` exactly, `a = 0` has neither logarithm nor phase. Moved off by a
    # constant, `a` is 0 to rounding and keeps its derivative. (Added to `p`, or given
    # as a plain constant, it would be lost to rounding.)
    above = 1 + p
    origin = ops.square(above) + ops.square(q) < 1e-18
    above = above + ops.where(origin, 1e-9 * ops.ones_like(p), 0.0)
    numerator = ops.square(above) + ops.square(q)
    denominator = ops.square(1 - p) + ops.square(q)
    r = 4 * p / denominator
    log_a_re = 0.5 * ops.where(
        r > -0.5,
        ops.log1p(ops.maximum(r, -0.5)),
        ops.log(numerator / denominator),
    )
    # The phase of `(1 + w) / (1 - w)` is that of `(1 + w) (1 - conj(w))`.
    log_a_im = ops.arctan2(2 * q, above * (1 - p) - ops.square(q))
    denominator = ops.square(1 - x) + ops.square(y)
    b_re, b_im = step * (1 - x) / denominator, step * y / denominator
    return log_a_re, log_a_im, sign, b_re, b_im


DISCRETIZATIONS = {"zoh": zoh, "bilinear": bilinear}


def check_discretization(discretization):
    """Raises `ValueError` unless `discretization` names a rule."""
    if discretization not in DISCRETIZATIONS:
        raise ValueError(
            f"Unknown `discretization={discretization!r}`. "
            f"Choose one of {sorted(DISCRETIZATIONS)}."
        )


def discretize(parameters, discretization="zoh"):
    """Discretises SSM parameters.

    Args:
        parameters: `SSMParameters` of float32 (or float64) tensors.
        discretization: `"zoh"` or `"bilinear"`.

    Returns:
        `DiscreteSSM` in the dtype of the parameters.

    Raises:
        ValueError: an unknown `discretization`.
    """
    check_discretization(discretization)
    A_re, a_im, C, D, log_step = (ops.convert_to_tensor(x) for x in parameters)
    a_re = ops.minimum(A_re, MAX_REAL_PART)
    step = ops.expand_dims(ops.exp(log_step), -1)
    log_a_re, log_a_im, sign, b_re, b_im = DISCRETIZATIONS[discretization](
        a_re, a_im, step
    )
    C_re, C_im = C[..., 0], C[..., 1]
    return DiscreteSSM(
        log_a_re=log_a_re,
        log_a_im=log_a_im,
        sign=sign,
        c_re=C_re * b_re - C_im * b_im,
        c_im=C_re * b_im + C_im * b_re,
        D=D,
    )
