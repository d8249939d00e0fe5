"""The bilinear transform (Tustin's rule)."""

import math

import numpy as np
from keras import ops

from keras_bigs.ssm.phase import PARTS
from keras_bigs.ssm.phase import look_up
from keras_bigs.ssm.phase import nearest
from keras_bigs.ssm.phase import split_product
from keras_bigs.ssm.phase import split_turns

# The phase of `(1 + i q) / (1 - i q)` in turns, `arctan(q) / pi`, at `q = j / 128`.
GRID = 128
ARCTAN = np.arctan(np.arange(-GRID, GRID + 1) / GRID) / math.pi
ARCTAN_COARSE = np.round(ARCTAN * PARTS) / PARTS


def bilinear(a_re, a_im, log_step):
    """`a = (1 + dt A/2) / (1 - dt A/2)`, `B_bar = dt / (1 - dt A/2)`.

    With `z = dt A/2`, `a` nears -1 as `|z|` grows, and a phase near pi has no digits
    left for the slow modes that such step sizes make. So for `|z| > 1` the phase is
    half a turn more than that of `(1 + 1/z) / (1 - 1/z)`, which is small.

    With `p + iq` for `z` or `1/z`, `|a|^2 = 1 + r` where `r = 4p / ((1-p)^2 + q^2)`, so
    `log|a| = log1p(r) / 2` does not cancel for small `p`. Near `a = 0` (`r` close to
    -1) the quotient itself is the accurate form.

    Args:
        a_re: `(K, N)`, real part of `A`, negative.
        a_im: `(K, N)`, imaginary part of `A`.
        log_step: `(K, 1)`, logarithm of the step size `dt`.

    Returns:
        `(log_a_re, (coarse_turns, fine_turns), b_re, b_im)`, each `(K, N)`.
    """
    step = ops.exp(log_step)
    exact, rest = split_product(log_step, a_im, 2.0)
    x, y = step * a_re / 2, exact + rest
    square = ops.square(x) + ops.square(y)
    outside = square > 1
    # Both branches of a choice are kept finite, so that neither puts a NaN into the
    # gradient.
    square = ops.where(outside, square, 1.0)
    p, q = ops.where(outside, x / square, x), ops.where(outside, -y / square, y)

    # At `z = -1` exactly, `a = 0` has neither logarithm nor phase. Moved off by a
    # constant, `a` is 0 to rounding and keeps its derivative. (Added to `p`, or given
    # as a plain constant, it would be lost to rounding.)
    above, below = 1 + p, 1 - p
    origin = ops.square(above) + ops.square(q) < 1e-18
    above = above + ops.where(origin, 1e-9 * ops.ones_like(p), 0.0)
    numerator = ops.square(above) + ops.square(q)
    denominator = ops.square(below) + ops.square(q)
    r = 4 * p / denominator
    log_a_re = 0.5 * ops.where(
        r > -0.5,
        ops.log1p(ops.where(r > -0.5, r, -0.5)),
        ops.log(numerator / denominator),
    )

    # The phase at the nearest `q0` of a table, and the small angles from there to the
    # numerator and the denominator of `a`.
    j = nearest(q * GRID)
    q0 = j / GRID
    d = ops.where(
        outside,
        -(y * one_plus_product(q0, exact, rest) + q0 * ops.square(x)) / square,
        (exact - q0) + rest,
    )
    angle = ops.arctan((d - q0 * p) / (above + q * q0))
    angle = angle + ops.arctan((d + q0 * p) / (below + q * q0))
    turns = split_turns(
        look_up(ARCTAN_COARSE, j) + 0.5 * ops.cast(outside, x.dtype),
        look_up(ARCTAN - ARCTAN_COARSE, j) + angle / (2 * math.pi),
    )

    # `dt / (1 - dt A/2)`, in a form that does not cancel where `dt` hardly matters.
    rate = 2 / step - a_re
    norm = ops.square(rate) + ops.square(a_im)
    return log_a_re, turns, 2 * rate / norm, 2 * a_im / norm


def one_plus_product(q0, exact, rest):
    """`1 + q0 (exact + rest)`, which cancels where `q0` is close to `-1 / exact`.

    `q0` has eight bits, so its products with the integer part of `exact`, and with
    twelve bits of the fraction, have no rounding error.
    """
    whole = nearest(exact)
    fraction = nearest((exact - whole) * 4096) / 4096
    rest = (exact - whole - fraction) + rest
    return (1 + q0 * whole) + q0 * fraction + q0 * rest
