"""The SSM convolution and its gradients in NumPy, float64 and complex128.

Written from the textbook formulas, with complex numbers and without anything of
`keras_bigs`, so that agreement means something. The gradients are derived by hand:
with `w_l = dF/dk_l` for a loss `F`,

    F = Re sum_n C_n B_n S_n + ...,    S_n = sum_l w_l a_n^l,

is holomorphic in `A_n`, so that `dF/dA_re = Re(F')` and `dF/dA_im = -Im(F')`.
`oracle_test.py` checks it against the recurrence, mpmath and finite differences.
"""

import math
from typing import NamedTuple

import numpy as np


class Gradients(NamedTuple):
    """Gradients of `<g, y>` with respect to the inputs and every parameter."""

    u: np.ndarray
    A_re: np.ndarray
    A_im: np.ndarray
    C: np.ndarray
    D: np.ndarray
    log_step: np.ndarray
    # `(K, N)`: what each mode contributes to the gradient of `log_step`, their sum.
    log_step_modes: np.ndarray


def phi(z):
    """`(exp(z) - 1) / z` and its derivative, by Taylor series where they cancel."""
    small = np.abs(z) < 0.5
    safe = np.where(small, 1.0, z)
    value = np.expm1(safe) / safe
    slope = (np.exp(safe) - value) / safe
    near = np.where(small, z, 0.0)
    # phi(z) = sum_j z^j / (j+1)!, and 0.5^20 / 21! is far below float64's epsilon.
    series = sum(near**j / math.factorial(j + 1) for j in range(20))
    series_slope = sum(
        j * near ** (j - 1) / math.factorial(j + 1) for j in range(1, 21)
    )
    return np.where(small, series, value), np.where(small, series_slope, slope)


def discretize(A, step, discretization):
    """`a` and `B_bar` with their derivatives in `A` and in `step`.

    Returns:
        `(a, B), (da/dA, dB/dA), (da/dstep, dB/dstep)`.
    """
    if discretization == "zoh":
        z = step * A
        value, slope = phi(z)
        a = np.exp(z)
        return (a, step * value), (step * a, step**2 * slope), (A * a, a)
    z = step * A / 2
    a = (1 + z) / (1 - z)
    da_dz = 2 / (1 - z) ** 2
    return (
        (a, step / (1 - z)),
        (da_dz * step / 2, step**2 / 2 / (1 - z) ** 2),
        (da_dz * A / 2, 1 / (1 - z) ** 2),
    )


def unpack(parameters):
    """Complex `A` (clipped) and `C`, real `D` and `step`, all in double precision."""
    A_re, A_im, C, D, log_step = (np.asarray(x, "float64") for x in parameters)
    A = np.minimum(A_re, -1e-4) + 1j * A_im
    return A, C[..., 0] + 1j * C[..., 1], D, np.exp(log_step)[:, None]


def taps(parameters, length, discretization="zoh"):
    """`k_l = Re sum_n C_n B_n a_n^l`, `(K, length)`, without `D`."""
    A, C, _, step = unpack(parameters)
    (a, B), _, _ = discretize(A, step, discretization)
    powers = a[..., None] ** np.arange(length)
    return np.einsum("kn,knl->kl", C * B, powers).real


def causal(u, k):
    """`y_l = sum_{m <= l} k_{l-m} u_m` along axis 1, with `k` `(dim, length)`."""
    length = u.shape[1]
    spectrum = np.fft.rfft(u, 2 * length, axis=1) * np.fft.rfft(k, 2 * length).T
    return np.fft.irfft(spectrum, 2 * length, axis=1)[:, :length]


def convolve(u, parameters, discretization="zoh", reverse=False):
    """The output `y`, `(batch, length, dim)`, in float64."""
    u = np.asarray(u, "float64")
    if reverse:
        return convolve(u[:, ::-1], parameters, discretization)[:, ::-1]
    k = taps(parameters, u.shape[1], discretization)
    group = u.shape[2] // k.shape[0]
    D = np.asarray(parameters[3], "float64")
    return causal(u, np.repeat(k, group, axis=0)) + np.repeat(D, group) * u


def gradients(g, u, parameters, discretization="zoh", reverse=False):
    """`Gradients` of `<g, y>`, in float64."""
    g, u = np.asarray(g, "float64"), np.asarray(u, "float64")
    if reverse:
        flipped = gradients(g[:, ::-1], u[:, ::-1], parameters, discretization)
        return flipped._replace(u=flipped.u[:, ::-1])
    A, C, D, step = unpack(parameters)
    (a, B), (da_dA, dB_dA), (da_ds, dB_ds) = discretize(A, step, discretization)
    num_kernels, (_, length, dim) = A.shape[0], u.shape
    group = dim // num_kernels

    lags = np.arange(length)
    powers = a[..., None] ** lags

    # The transpose of a causal convolution is the anti-causal one.
    k = np.repeat(np.einsum("kn,knl->kl", C * B, powers).real, group, axis=0)
    du = causal(g[:, ::-1], k)[:, ::-1] + np.repeat(D, group) * g

    # w_l = sum over batch, the kernel's channels and positions m of g_{m+l} u_m.
    spectrum = np.fft.rfft(g, 2 * length, axis=1)
    spectrum = spectrum * np.fft.rfft(u, 2 * length, axis=1).conj()
    w = np.fft.irfft(spectrum, 2 * length, axis=1)[:, :length].sum(axis=0)
    w = w.T.reshape(num_kernels, group, length).sum(axis=1)

    # S = sum_l w_l a^l and its derivative in a.
    S = np.einsum("kl,knl->kn", w, powers)
    S_a = np.einsum("kl,knl->kn", (w * lags)[:, 1:], powers[..., :-1])
    dA = C * (dB_dA * S + B * da_dA * S_a)
    dC = B * S
    d_step = (C * (dB_ds * S + B * da_ds * S_a)).real
    d_step = d_step * step
    kept = np.asarray(parameters[0], "float64") <= -1e-4
    return Gradients(
        u=du,
        A_re=np.where(kept, dA.real, 0.0),
        A_im=-dA.imag,
        C=np.stack([dC.real, -dC.imag], axis=-1),
        D=(g * u).sum(axis=(0, 1)).reshape(num_kernels, group).sum(axis=1),
        log_step=d_step.sum(axis=1),
        log_step_modes=d_step,
    )
