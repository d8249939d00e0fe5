"""Discretised parameters against mpmath, to float32 accuracy."""

import mpmath
import numpy as np
import pytest

from keras_bigs.ssm import DISCRETIZATIONS
from keras_bigs.ssm import SSMParameters
from keras_bigs.ssm import check_discretization
from keras_bigs.ssm import discretize
from tests.backend import to_numpy

STEPS = [1e-7, 1e-5, 1e-3, 1e-2, 0.1]


def modes():
    """`A` of moduli from 1e-4 to 10, slow to fast and real to nearly imaginary."""
    real = -np.array([1e-4, 1e-3, 0.5, 0.5, 0.5, 2.0, 5.0])
    imaginary = np.array([0.0, 1e-3, 0.0, 3.0, -9.5, 1e-4, 5.0])
    return real.astype("float32"), imaginary.astype("float32")


def discretized(step, discretization):
    """`B` and `log a` of every mode, as complex numbers, the latter modulo `2 pi i`."""
    real, imaginary = modes()
    ssm = discretize(
        SSMParameters(
            A_re=real[None],
            A_im=imaginary[None],
            C=np.stack([np.ones_like(real), np.zeros_like(real)], axis=-1)[None],
            D=np.ones(1, "float32"),
            log_step=np.log([step]).astype("float32"),
        ),
        discretization,
    )
    b_re, b_im, log_re, log_im, sign = (
        to_numpy(x)[0].astype("float64")
        for x in (ssm.B_re, ssm.B_im, ssm.log_A_re, ssm.log_A_im, ssm.sign)
    )
    return b_re + 1j * b_im, log_re + 1j * (log_im + np.pi * (sign < 0))


def exact(step, discretization):
    """The same by mpmath, for the rounded parameters."""
    real, imaginary = modes()
    B, log_a = [], []
    with mpmath.workdps(50):
        dt = mpmath.exp(mpmath.mpf(float(np.float32(np.log(step)))))
        for A in map(mpmath.mpc, real.tolist(), imaginary.tolist()):
            A = mpmath.mpc(min(A.real, mpmath.mpf(-1e-4)), A.imag)
            if discretization == "zoh":
                B.append(complex(mpmath.expm1(dt * A) / A))
                log_a.append(complex(dt * A))
            else:
                z = dt * A / 2
                B.append(complex(dt / (1 - z)))
                log_a.append(complex(mpmath.log((1 + z) / (1 - z))))
    return np.array(B), np.array(log_a)


def turns_apart(log_a, exact_log_a):
    """The difference of two phases, in turns, whole ones dropped."""
    turns = (log_a.imag - exact_log_a.imag) / (2 * np.pi)
    return turns - np.round(turns)


@pytest.mark.parametrize("discretization", sorted(DISCRETIZATIONS))
@pytest.mark.parametrize("step", STEPS)
def test_small_steps_are_exact_to_float32(step, discretization):
    B, log_a = discretized(step, discretization)
    exact_B, exact_log_a = exact(step, discretization)
    np.testing.assert_array_less(np.abs(B - exact_B), 1e-6 * np.abs(exact_B))
    # Decay and phase each to their own accuracy: neither may drown in the other.
    for part in (np.real, np.imag):
        error = np.abs(part(log_a) - part(exact_log_a))
        assert np.all(error <= 1e-6 * np.abs(part(exact_log_a))), error


@pytest.mark.parametrize("discretization", sorted(DISCRETIZATIONS))
@pytest.mark.parametrize("step", [1.0, 10.0, 1e3, 1e6])
def test_large_steps(step, discretization):
    B, log_a = discretized(step, discretization)
    exact_B, exact_log_a = exact(step, discretization)
    if discretization == "bilinear":
        # What is left of the decay, near a = -1, is still known to six digits.
        error = np.abs(log_a.real - exact_log_a.real)
        assert np.all(error <= 1e-5 * np.abs(exact_log_a.real)), error
    # A float32 phase has seven digits.
    bound = 1e-6 + 2**-23 * np.abs(exact_log_a.imag) / (2 * np.pi)
    np.testing.assert_array_less(np.abs(turns_apart(log_a, exact_log_a)), bound)
    bound = 1e-6 * np.abs(exact_B) + 1e-9
    np.testing.assert_array_less(np.abs(B - exact_B), bound)


@pytest.mark.parametrize("discretization", sorted(DISCRETIZATIONS))
@pytest.mark.parametrize("step", [*STEPS, 1.0, 10.0])
def test_slow_modes_keep_their_phase(step, discretization):
    # Over the `1 / |log|a||` tokens that a mode remembers, its phase must not drift.
    _, log_a = discretized(step, discretization)
    _, exact_log_a = exact(step, discretization)
    drift = 2 * np.pi * turns_apart(log_a, exact_log_a) / exact_log_a.real
    assert np.all(np.abs(drift) <= 5e-6), drift


def test_every_mode_decays():
    for discretization in DISCRETIZATIONS:
        for step in (*STEPS, 1.0, 1e3):
            assert np.all(discretized(step, discretization)[1].real < 0)


def test_unknown_names_are_refused():
    check_discretization("zoh")
    with pytest.raises(ValueError, match="discretization='euler'"):
        check_discretization("euler")
    with pytest.raises(ValueError, match="discretization='euler'"):
        discretize(SSMParameters(*[np.zeros((1, 1, 2), "float32")] * 5), "euler")
