"""The oracle against the definition: recurrence, mpmath and finite differences."""

import mpmath
import numpy as np
import pytest

from keras_bigs.ssm import SSMParameters
from tests.ssm import oracle


def draw(num_kernels=2, state_dim=3, dim=4, length=9, seed=0):
    rng = np.random.default_rng(seed)
    parameters = SSMParameters(
        A_re=-rng.uniform(0.1, 1, (num_kernels, state_dim)),
        A_im=rng.normal(size=(num_kernels, state_dim)) * 4,
        C=rng.normal(size=(num_kernels, state_dim, 2)),
        D=rng.normal(size=num_kernels),
        log_step=rng.uniform(-2, 0.5, num_kernels),
    )
    u, g = rng.normal(size=(2, 2, length, dim))
    return parameters, u, g


def recurrence(u, parameters, discretization):
    """`x_k = a x_{k-1} + B u_k`, `y_k = Re(C x_k) + D u_k`, one number at a time."""
    A_re, A_im, C, D, log_step = parameters
    batch, length, dim = u.shape
    y = np.zeros_like(u)
    for b in range(batch):
        for channel in range(dim):
            k = channel // (dim // len(D))
            dt = np.exp(log_step[k])
            for n in range(A_re.shape[1]):
                A = complex(min(A_re[k, n], -1e-4), A_im[k, n])
                if discretization == "zoh":
                    a = np.exp(dt * A)
                    B = (a - 1) / A
                else:
                    a = (1 + dt * A / 2) / (1 - dt * A / 2)
                    B = dt / (1 - dt * A / 2)
                x = 0
                for t in range(length):
                    x = a * x + B * u[b, t, channel]
                    y[b, t, channel] += (complex(*C[k, n]) * x).real
            y[b, :, channel] += D[k] * u[b, :, channel]
    return y


@pytest.mark.parametrize("discretization", ["zoh", "bilinear"])
@pytest.mark.parametrize("num_kernels", [1, 2, 4])
def test_the_oracle_is_the_recurrence(num_kernels, discretization):
    parameters, u, _ = draw(num_kernels)
    expected = recurrence(u, parameters, discretization)
    actual = oracle.convolve(u, parameters, discretization)
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-12)
    expected = recurrence(u[:, ::-1], parameters, discretization)[:, ::-1]
    actual = oracle.convolve(u, parameters, discretization, reverse=True)
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("discretization", ["zoh", "bilinear"])
@pytest.mark.parametrize("num_kernels", [1, 2, 4])
def test_the_oracles_gradients_are_finite_differences(
    num_kernels, discretization, reverse
):
    parameters, u, g = draw(num_kernels)
    # One entry in each kernel is clipped, and does not count.
    parameters.A_re[:, 0] = 0.25
    arguments = (u, *parameters)

    def loss(u, *parameters):
        return np.sum(g * oracle.convolve(u, parameters, discretization, reverse))

    gradients = oracle.gradients(g, u, parameters, discretization, reverse)
    for i, argument in enumerate(arguments):
        expected = np.zeros_like(argument)
        for index in np.ndindex(expected.shape):
            # The central difference of fourth order.
            for weight, offset in ((8, 1e-4), (-8, -1e-4), (-1, 2e-4), (1, -2e-4)):
                moved = [x.copy() for x in arguments]
                moved[i][index] += offset
                expected[index] += weight * loss(*moved) / 12e-4
        np.testing.assert_allclose(gradients[i], expected, rtol=1e-8, atol=1e-8)
    assert not np.any(gradients.A_re[:, 0])


def test_phi_is_exact_to_float64():
    moduli = np.array([1e-12, 1e-6, 1e-3, 0.49, 0.51, 3.0, 50.0])
    z = (moduli[:, None] * np.exp(1j * np.array([1.6, 2.5, np.pi]))).ravel()
    value, slope = oracle.phi(z)
    with mpmath.workdps(40):
        for i, point in enumerate(z):
            point = mpmath.mpc(point)
            phi = mpmath.expm1(point) / point
            assert abs(value[i] - complex(phi)) <= 1e-14 * abs(phi)
            exact = complex((mpmath.exp(point) - phi) / point)
            assert abs(slope[i] - exact) <= 1e-13 * abs(exact)
