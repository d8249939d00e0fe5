"""Parameters of diagonal state space models (S4D) and their initial values.

One SSM maps a scalar sequence `u(t)` to `y(t)` by

    x'(t) = A x(t) + B u(t),        y(t) = Re(C x(t)) + D u(t)

with `A` diagonal and complex, `B = 1` and state size `N` (paper, section 3.1;
Gu et al. 2022, "On the Parameterization and Initialization of Diagonal State Space
Models"). Complex numbers are held as pairs of real arrays throughout this package,
since backends and TPUs differ in what they can do with complex dtypes.
"""

import math
from typing import Any
from typing import NamedTuple

import numpy as np

# The real part of A never exceeds this, so that every mode decays.
MAX_REAL_PART = -1e-4


class SSMParameters(NamedTuple):
    """The learned arrays of `K` diagonal SSMs with state size `N`.

    Attributes:
        A_re: `(K, N)`, real part of the state matrix (clipped to at most -1e-4).
        A_im: `(K, N)`, imaginary part of the state matrix, radians per unit of time.
        C: `(K, N, 2)`, output weights as (real, imaginary).
        D: `(K,)`, the skip weight.
        log_step: `(K,)`, natural logarithm of the step size `dt`.
    """

    A_re: Any
    A_im: Any
    C: Any
    D: Any
    log_step: Any


def s4d_legs(state_dim):
    """S4D-LegS: eigenvalues of the normal part of the HiPPO-LegS matrix.

    HiPPO-LegS (paper, section 3.2) is `A = S - P P^T` with `P_n = sqrt(n + 1/2)`,
    where the normal part is `S = -I/2 + K` and `K` is skew-symmetric,
    `K[n, k] = -sqrt((2n+1)(2k+1))/2` below the diagonal. `S` therefore has the
    eigenvalues `-1/2 + i w` with `w` the (real) eigenvalues of the Hermitian matrix
    `-iK`, computed here in float64. They come in pairs `+w`, `-w`.

    Args:
        state_dim: int. The state size `N`.

    Returns:
        `(A_re, A_im)`, float64 arrays of shape `(N,)`, `A_im` ascending.
    """
    root = np.sqrt(2 * np.arange(state_dim, dtype="float64") + 1)
    lower = np.tril(np.outer(root, root), -1) / 2
    frequencies = np.linalg.eigvalsh(-1j * (lower.T - lower))
    return np.full(state_dim, -0.5), frequencies


def s4d_lin(state_dim):
    """S4D-Lin: `A_n = -1/2 + i pi n` for `n = 0 .. N-1` (Gu et al. 2022, eq. 9).

    Args:
        state_dim: int. The state size `N`.

    Returns:
        `(A_re, A_im)`, float64 arrays of shape `(N,)`.
    """
    return np.full(state_dim, -0.5), math.pi * np.arange(state_dim, dtype="float64")


def s4d_inv(state_dim):
    """S4D-Inv: `A_n = -1/2 + i N/pi (N/(2n+1) - 1)` (Gu et al. 2022, eq. 9).

    Args:
        state_dim: int. The state size `N`.

    Returns:
        `(A_re, A_im)`, float64 arrays of shape `(N,)`.
    """
    n = np.arange(state_dim, dtype="float64")
    imaginary = state_dim / math.pi * (state_dim / (2 * n + 1) - 1)
    return np.full(state_dim, -0.5), imaginary


STATE_MATRICES = {"legs": s4d_legs, "lin": s4d_lin, "inv": s4d_inv}


def check_initial(state_dim, num_kernels, state_matrix, min_step, max_step):
    """Raises `ValueError` as `initial_parameters` does."""
    if state_matrix not in STATE_MATRICES:
        raise ValueError(
            f"Unknown `state_matrix={state_matrix!r}`. "
            f"Choose one of {sorted(STATE_MATRICES)}."
        )
    if state_dim < 1 or num_kernels < 1:
        raise ValueError(
            "`state_dim` and `num_kernels` must be at least 1. "
            f"Received: state_dim={state_dim}, num_kernels={num_kernels}"
        )
    if not 0 < min_step <= max_step:
        raise ValueError(
            "Step sizes must satisfy `0 < min_step <= max_step`. "
            f"Received: min_step={min_step}, max_step={max_step}"
        )


def initial_parameters(
    state_dim,
    num_kernels=1,
    state_matrix="legs",
    min_step=0.01,
    max_step=1.0,
    seed=None,
):
    """Draws initial parameters for `num_kernels` SSMs.

    `A` is the named S4D matrix for every kernel, `C` is complex standard normal
    (variance 1/2 for either part), `D` is 1 and `log_step` is uniform in
    `[log(min_step), log(max_step)]`.

    Args:
        state_dim: int. The state size `N`.
        num_kernels: int. How many SSMs, `K`.
        state_matrix: `"legs"`, `"lin"` or `"inv"`.
        min_step: float. Smallest step size, in units of one token.
        max_step: float. Largest step size, in units of one token.
        seed: int, `numpy.random.Generator` or `None`.

    Returns:
        `SSMParameters` of float64 NumPy arrays.

    Raises:
        ValueError: an unknown `state_matrix`, a size below 1, or step sizes that are
            not `0 < min_step <= max_step`.
    """
    check_initial(state_dim, num_kernels, state_matrix, min_step, max_step)
    rng = np.random.default_rng(seed)
    real, imaginary = STATE_MATRICES[state_matrix](state_dim)
    return SSMParameters(
        A_re=np.tile(real, (num_kernels, 1)),
        A_im=np.tile(imaginary, (num_kernels, 1)),
        C=rng.normal(scale=math.sqrt(0.5), size=(num_kernels, state_dim, 2)),
        D=np.ones(num_kernels),
        log_step=rng.uniform(math.log(min_step), math.log(max_step), num_kernels),
    )
