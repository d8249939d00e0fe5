"""From continuous to discrete time: zero-order hold and the bilinear transform."""

from typing import Any
from typing import NamedTuple

from keras import ops

from keras_bigs.ssm.parameters import MAX_REAL_PART


class DiscreteSSM(NamedTuple):
    """`K` SSMs `x_k = A_bar x_{k-1} + B_bar u_k`, `y_k = Re(C x_k) + D u_k`.

    `A_bar` is kept as its logarithm, so that `A_bar^l = exp(l log A_bar)` needs no
    chain of multiplications: `A_bar = sign exp(log_A_re + i log_A_im)`.

    Attributes:
        log_A_re: `(K, N)`, logarithm of `|A_bar|`; negative, every mode decays.
        log_A_im: `(K, N)`, the phase of `sign A_bar` in radians.
        sign: `(K, N)`, 1 or -1. Apart, since a phase near pi has no digits left for
            what a slow mode's phase is short of pi.
        B_re: `(K, N)`, real part of `B_bar`.
        B_im: `(K, N)`, imaginary part of `B_bar`.
        C_re: `(K, N)`, real part of the output weights.
        C_im: `(K, N)`, imaginary part of the output weights.
        D: `(K,)`, the skip weight.
    """

    log_A_re: Any
    log_A_im: Any
    sign: Any
    B_re: Any
    B_im: Any
    C_re: Any
    C_im: Any
    D: Any


def zoh(A_re, A_im, step):
    """Zero-order hold: `A_bar = exp(dt A)`, `B_bar = (exp(dt A) - 1) / A`.

    The input is constant over a step (paper, section 3.1).

    Args:
        A_re: `(K, N)`, real part of `A`, negative.
        A_im: `(K, N)`, imaginary part of `A`.
        step: `(K, 1)`, the step size `dt`.

    Returns:
        `(log_A_re, log_A_im, sign, B_re, B_im)`, each `(K, N)`.
    """
    x, y = step * A_re, step * A_im
    # exp(x + iy) - 1, written so that it does not cancel where the step is small.
    real = ops.expm1(x) - 2 * ops.exp(x) * ops.square(ops.sin(y / 2))
    imaginary = ops.exp(x) * ops.sin(y)
    norm = ops.square(A_re) + ops.square(A_im)
    B_re = (real * A_re + imaginary * A_im) / norm
    B_im = (imaginary * A_re - real * A_im) / norm
    return x, y, ops.ones_like(y), B_re, B_im


def bilinear(A_re, A_im, step):
    """Tustin's rule: `A_bar = (1 + z) / (1 - z)`, `B_bar = dt / (1 - z)`, `z = dt A/2`.

    Args and returns are those of `zoh`.
    """
    p, q = step * A_re / 2, step * A_im / 2
    # At `p + iq = -1`, `A_bar = 0` has no logarithm. Moved off by less than rounding,
    # it keeps its derivative.
    q = ops.where(ops.square(1 + p) + ops.square(q) < 1e-18, q + 1e-9, q)
    # |A_bar|^-2 = 1 - 4p / ((1 + p)^2 + q^2), a sum of positive terms.
    log_A_re = -0.5 * ops.log1p(-4 * p / (ops.square(1 + p) + ops.square(q)))
    # `A_bar` is a positive multiple of `real + i imaginary`. Its phase by half angles,
    # since Keras' `arctan2` would round float64 to float32.
    real, imaginary = (1 - p) * (1 + p) - ops.square(q), 2 * q
    sign = ops.where(real < 0, -ops.ones_like(p), ops.ones_like(p))
    real, imaginary = sign * real, sign * imaginary
    radius = ops.sqrt(ops.square(real) + ops.square(imaginary))
    log_A_im = 2 * ops.arctan(imaginary / (radius + real))

    # dt / (1 - dt A/2), in a form that does not cancel where dt hardly matters.
    rate = 2 / step - A_re
    norm = ops.square(rate) + ops.square(A_im)
    return log_A_re, log_A_im, sign, 2 * rate / norm, 2 * A_im / norm


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

    Plain float32 is enough. The phase `l dt A_im` of a power is known to about 1e-7 of
    itself, as well as from parameters that differ in their last bit, and modes decay
    before that shows: for LegS, Lin and Inv and steps from 1e-3 to 30, the largest
    error of 4,096 or 131,072 taps is 2e-5 of the largest tap, that of gradients 2e-4 of
    the largest (6e-4 for `log_step`, of the sum of its terms' magnitudes). Where
    training has made every mode as slow as can be, `A_re = -1e-4`, 4,096 taps keep
    6e-4, and 131,072 keep 4e-3.

    Args:
        parameters: `SSMParameters` of float32 (or float64) tensors.
        discretization: `"zoh"` or `"bilinear"`.

    Returns:
        `DiscreteSSM` in the dtype of the parameters.

    Raises:
        ValueError: an unknown `discretization`.
    """
    check_discretization(discretization)
    A_re, A_im, C, D, log_step = (ops.convert_to_tensor(x) for x in parameters)
    # A NaN stays one. (Keras' `minimum` would round float64 to float32 on PyTorch.)
    A_re = ops.where(A_re > MAX_REAL_PART, MAX_REAL_PART, A_re)
    step = ops.expand_dims(ops.exp(log_step), -1)
    discrete = DISCRETIZATIONS[discretization](A_re, A_im, step)
    return DiscreteSSM(*discrete, C_re=C[..., 0], C_im=C[..., 1], D=D)
