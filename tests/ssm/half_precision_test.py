"""16-bit inputs: dtype kept, sums in float32."""

import itertools

import keras
import numpy as np
import pytest
from keras import ops

from keras_bigs.ssm import METHODS
from keras_bigs.ssm import SSMParameters
from keras_bigs.ssm import convolve
from keras_bigs.ssm import initial_parameters
from tests.backend import differentiate
from tests.backend import relative_error
from tests.backend import to_numpy
from tests.ssm import oracle

# The unit roundoff: half the distance between 1 and the next number.
ROUNDOFF = {"bfloat16": 2.0**-8, "float16": 2.0**-11}
STEPS = [1e-3, 0.1]


def cases():
    for dtype, method in itertools.product(ROUNDOFF, sorted(METHODS)):
        slow = dtype == "float16" and method != "chunked"
        fast_scan = method != "recurrent" or keras.backend.backend() == "jax"
        length = 4096 if fast_scan else 128
        marks = [pytest.mark.slow] if slow else []
        yield pytest.param(dtype, method, length, marks=marks)


def rounded(x, dtype):
    """`x` as the 16-bit tensor that the algorithm gets, and as the oracle gets it."""
    tensor = ops.cast(ops.convert_to_tensor(x.astype("float32")), dtype)
    return tensor, to_numpy(tensor)


@pytest.mark.parametrize(("dtype", "method", "length"), cases())
def test_error_is_that_of_rounding(dtype, method, length):
    dtypes = []

    def fn(u, *parameters):
        y = convolve(u, SSMParameters(*parameters), method=method)
        dtypes.append(keras.backend.standardize_dtype(y.dtype))
        return y

    run = differentiate(fn)
    for step in STEPS:
        rng = np.random.default_rng(length)
        parameters = initial_parameters(64, min_step=step, max_step=step, seed=rng)
        parameters = SSMParameters(*(x.astype("float32") for x in parameters))
        u, exact_u = rounded(rng.normal(size=(2, length, 4)), dtype)
        g, exact_g = rounded(rng.normal(size=(2, length, 4)), dtype)
        y, gradients = run(g, u, *parameters)

        # Rounding the output costs one roundoff of the largest value, rounding the
        # taps one more at most, since taps and inputs are as large where it counts.
        # Chunks round the state and a second product besides. Sums of 4096 products
        # in 16 bits would cost tens of roundoffs.
        bound = (3 if method == "chunked" else 2) * ROUNDOFF[dtype]
        assert relative_error(y, oracle.convolve(exact_u, parameters)) <= bound
        exact = oracle.gradients(exact_g, exact_u, parameters)
        assert relative_error(gradients[0], exact.u) <= bound
        for gradient, name in zip(gradients[1:], SSMParameters._fields, strict=True):
            assert np.all(np.isfinite(gradient))
            expected = getattr(exact, name)
            largest = np.max(np.abs(expected))
            if name == "log_step":
                largest = np.sum(np.abs(exact.log_step_modes))
            assert relative_error(gradient, expected, largest) <= bound, name
    assert set(dtypes) == {dtype}


@pytest.mark.parametrize("dtype", sorted(ROUNDOFF))
@pytest.mark.parametrize(
    ("decay", "step", "level"), [(1e-4, 1e-2, 20), (0.5, 1e-3, 40), (1e-2, 1e-3, 30)]
)
def test_slow_states_of_a_constant_do_not_overflow(dtype, decay, step, level):
    """Sums of inputs without `B_bar` would be beyond the largest float16."""
    parameters = initial_parameters(64, min_step=step, max_step=step, seed=0)
    parameters = SSMParameters(*(x.astype("float32") for x in parameters))
    parameters = parameters._replace(A_re=np.full_like(parameters.A_re, -decay))
    u, exact_u = rounded(np.full((1, 4096, 2), level), dtype)
    y = to_numpy(convolve(u, parameters, method="chunked"))
    exact = oracle.convolve(exact_u, parameters)
    assert relative_error(y, exact) <= 3 * ROUNDOFF[dtype]
