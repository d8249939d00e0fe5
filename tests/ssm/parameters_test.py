"""State matrices against HiPPO and closed forms; the initial draw."""

import math

import numpy as np
import pytest

from keras_bigs.ssm import STATE_MATRICES
from keras_bigs.ssm import initial_parameters
from keras_bigs.ssm import s4d_inv
from keras_bigs.ssm import s4d_legs
from keras_bigs.ssm import s4d_lin


@pytest.mark.parametrize("state_dim", [1, 2, 7, 64])
def test_legs_has_the_eigenvalues_of_the_normal_part_of_hippo_legs(state_dim):
    hippo = np.zeros((state_dim, state_dim))
    for n in range(state_dim):
        for k in range(n):
            hippo[n, k] = -math.sqrt((2 * n + 1) * (2 * k + 1))
        hippo[n, n] = -(n + 1)
    P = np.sqrt(np.arange(state_dim) + 0.5)
    eigenvalues = np.linalg.eig(hippo + np.outer(P, P))[0].astype("complex128")
    eigenvalues = eigenvalues[np.argsort(eigenvalues.imag)]

    real, imaginary = s4d_legs(state_dim)
    np.testing.assert_allclose(real, eigenvalues.real, atol=1e-10)
    np.testing.assert_allclose(imaginary, eigenvalues.imag, rtol=1e-11, atol=1e-10)
    np.testing.assert_allclose(imaginary, -imaginary[::-1], rtol=1e-11, atol=1e-10)


def test_legs_by_hand():
    # N = 2: the off-diagonal entry is sqrt(1 * 3) / 2.
    np.testing.assert_allclose(s4d_legs(2)[1], [-math.sqrt(3) / 2, math.sqrt(3) / 2])


def test_lin_by_hand():
    real, imaginary = s4d_lin(3)
    np.testing.assert_array_equal(real, [-0.5] * 3)
    np.testing.assert_allclose(imaginary, [0, 3.141592653589793, 6.283185307179586])


def test_inv_by_hand():
    # N = 2: 2/pi (2/1 - 1) and 2/pi (2/3 - 1).
    real, imaginary = s4d_inv(2)
    np.testing.assert_array_equal(real, [-0.5] * 2)
    np.testing.assert_allclose(imaginary, [2 / math.pi, -2 / (3 * math.pi)])
    # N = 64, n = 63: 64/pi (64/127 - 1).
    np.testing.assert_allclose(s4d_inv(64)[1][-1], 64 / math.pi * (64 / 127 - 1))


@pytest.mark.parametrize("state_matrix", sorted(STATE_MATRICES))
def test_initial_parameters(state_matrix):
    parameters = initial_parameters(8, 500, state_matrix, 0.02, 0.5, seed=1)
    real, imaginary = STATE_MATRICES[state_matrix](8)
    np.testing.assert_array_equal(parameters.A_re, np.tile(real, (500, 1)))
    np.testing.assert_array_equal(parameters.A_im, np.tile(imaginary, (500, 1)))
    assert parameters.C.shape == (500, 8, 2)
    np.testing.assert_allclose(np.var(parameters.C, axis=(0, 1)), 0.5, rtol=0.1)
    np.testing.assert_array_equal(parameters.D, np.ones(500))
    steps = np.exp(parameters.log_step)
    assert steps.shape == (500,)
    # 500 uniform draws come close to both ends of the range, and stay inside.
    assert 0.02 <= steps.min() < 0.021
    assert 0.48 < steps.max() <= 0.5
    median = math.sqrt(0.02 * 0.5)
    np.testing.assert_allclose(np.median(steps), median, rtol=0.2)


def test_the_seed_decides_the_draw():
    first = initial_parameters(4, 3, seed=5)
    for seed in (5, np.random.default_rng(5)):
        for x, y in zip(first, initial_parameters(4, 3, seed=seed), strict=True):
            np.testing.assert_array_equal(x, y)
    assert np.any(first.C != initial_parameters(4, 3, seed=6).C)


def test_equal_step_sizes_are_allowed():
    parameters = initial_parameters(2, 3, min_step=0.1, max_step=0.1)
    np.testing.assert_allclose(np.exp(parameters.log_step), 0.1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"state_matrix": "hippo"}, "state_matrix='hippo'"),
        ({"state_dim": 0}, "state_dim=0"),
        ({"num_kernels": 0}, "num_kernels=0"),
        ({"min_step": 0.0}, "min_step=0.0"),
        ({"min_step": -1.0}, "min_step=-1.0"),
        ({"min_step": 0.5, "max_step": 0.1}, "max_step=0.1"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        initial_parameters(**{"state_dim": 4, **arguments})
