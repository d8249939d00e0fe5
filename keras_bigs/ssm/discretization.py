"""From continuous to discrete time: zero-order hold and the bilinear transform."""

from typing import Any
from typing import NamedTuple

from keras import ops

from keras_bigs.ssm.bilinear import bilinear
from keras_bigs.ssm.parameters import MAX_REAL_PART
from keras_bigs.ssm.zoh import zoh


class DiscreteSSM(NamedTuple):
    """`K` discrete diagonal SSMs: `x_k = a x_{k-1} + u_k`, `y_k = Re(c x_k) + D u_k`.

    The transition is kept as its logarithm, so that its powers
    `a^l = exp(l log|a|) (cos(l arg a) + i sin(l arg a))` need no chain of
    multiplications, and the input weight is folded into the output weight
    (`c = C * B_bar`), which leaves the map from `u` to `y` unchanged.

    Attributes:
        log_a_re: `(K, N)`, logarithm of `|a|` (negative: every mode decays).
        coarse_turns: `(K, N)`, the phase of `a` to the nearest 1/2048 turn, modulo 1.
        fine_turns: `(K, N)`, the rest of the phase, in turns (see `phase.py`).
        c_re: `(K, N)`, real part of the output weights.
        c_im: `(K, N)`, imaginary part of the output weights.
        D: `(K,)`, the skip weight.
    """

    log_a_re: Any
    coarse_turns: Any
    fine_turns: Any
    c_re: Any
    c_im: Any
    D: Any


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
    A_re, A_im, C, D, log_step = (ops.convert_to_tensor(x) for x in parameters)
    # Keras' `minimum` would round float64 to float32 on PyTorch.
    A_re = ops.where(A_re < MAX_REAL_PART, A_re, MAX_REAL_PART)
    log_a_re, (coarse_turns, fine_turns), b_re, b_im = DISCRETIZATIONS[discretization](
        A_re, A_im, ops.expand_dims(log_step, -1)
    )
    C_re, C_im = C[..., 0], C[..., 1]
    return DiscreteSSM(
        log_a_re=log_a_re,
        coarse_turns=coarse_turns,
        fine_turns=fine_turns,
        c_re=C_re * b_re - C_im * b_im,
        c_im=C_re * b_im + C_im * b_re,
        D=D,
    )
