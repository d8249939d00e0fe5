"""Two numbers for one: sums against mpmath, far beyond float32's digits."""

import math

import mpmath
import numpy as np
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from keras import ops

from keras_bigs.ssm import phase
from tests.backend import differentiate
from tests.backend import to_numpy

few = settings(max_examples=100, deadline=None, derandomize=True)
log_steps = st.floats(-14, 10, width=32)
frequencies = st.floats(-20_000, 20_000, width=32)


def tensor(x):
    return ops.convert_to_tensor(np.full((1, 1), x, "float32"))


def total(parts):
    """The sum of a tuple of `(1, 1)` tensors, in float64."""
    return sum(float(to_numpy(x)[0, 0].astype("float64")) for x in parts)


@few
@given(x=log_steps, unit=st.sampled_from([2.0, 2 * math.pi]))
def test_split_exp(x, unit):
    high, low = phase.split_exp(tensor(x), unit)
    exact = float(mpmath.exp(mpmath.mpf(x)) / mpmath.mpf(unit))
    assert abs(total((high, low)) - exact) <= 2**-29 * exact
    mantissa, _ = math.frexp(total([high]))
    assert (256 * mantissa).is_integer()


@few
@given(x=log_steps, frequency=frequencies)
def test_split_product(x, frequency):
    parts = phase.split_product(tensor(x), tensor(frequency), 2.0)
    exact = float(mpmath.exp(mpmath.mpf(x)) * mpmath.mpf(frequency) / 2)
    # The frequency's fraction, up to 1/2, is multiplied in float32.
    bound = 2**-29 * abs(exact) + 2**-25 * math.exp(x)
    assert abs(total(parts) - exact) <= bound


@few
@given(x=st.floats(-7, 0, width=32), frequency=st.floats(-100, 100, width=32))
def test_multiples_of_a_phase(x, frequency):
    turns = phase.split_turns(
        *phase.split_product(tensor(x), tensor(frequency), 2 * math.pi)
    )
    exponent = 4095
    angle = phase.multiply_turns(*turns, ops.full((1, 1), exponent, "int32"))
    with mpmath.workdps(30):
        exact = exponent * mpmath.exp(mpmath.mpf(x)) * mpmath.mpf(frequency)
        difference = mpmath.mpf(total([angle])) - exact
        difference = float(difference - 2 * mpmath.pi * mpmath.nint(
            difference / (2 * mpmath.pi)
        ))  # fmt: skip
    assert abs(difference) <= 2e-4 * math.exp(x) + 2e-6


@few
@given(coarse=st.integers(-2047, 2047), fine=st.floats(-(2**-11), 2**-11, width=32))
def test_split_cos_sin(coarse, fine):
    cos, sin = phase.split_cos_sin(tensor(coarse / 2048), tensor(fine))
    angle = 2 * math.pi * (coarse / 2048 + fine)
    assert abs(total(cos) - math.cos(angle)) <= 2**-31
    assert abs(total(sin) - math.sin(angle)) <= 2**-31
    for high, _ in (cos, sin):
        assert (4096 * total([high])).is_integer()


def test_the_gradient_is_that_of_the_sum():
    def product(x, frequency):
        exact, rest = phase.split_product(x, frequency, 2.0)
        return exact + rest

    x, frequency = (np.full((1, 1), v, "float32") for v in (-1.3, 7.2))
    _, gradients = differentiate(product)(np.ones((1, 1), "float32"), x, frequency)
    step = math.exp(x[0, 0])
    np.testing.assert_allclose(gradients[0], step * frequency / 2, rtol=1e-6)
    np.testing.assert_allclose(gradients[1][0, 0], step / 2, rtol=1e-6)


def test_not_a_number_stays_one():
    high, low = phase.split_exp(tensor(np.nan), 2.0)
    assert np.isnan(total((high, low)))
