"""Sums of 16-bit products: their error is one rounding, of the result."""

import functools

import keras
import numpy as np
import pytest
from keras import ops

from keras_bigs.compat.einsum import einsum
from tests.backend import relative_error
from tests.backend import to_numpy
from tests.backend import value_and_gradients

# The unit roundoff: half the distance between 1 and the next number.
ROUNDOFF = {"bfloat16": 2.0**-8, "float16": 2.0**-11}


@pytest.mark.parametrize("dtype", sorted(ROUNDOFF))
@pytest.mark.parametrize(
    ("equation", "first", "second"),
    [
        ("ml,bld->bmd", (512, 1024), (64, 1024, 8)),
        ("kml,blkg->bmkg", (2, 64, 512), (2, 512, 2, 3)),
        ("bnihk,bnjhk->bnhij", (1, 1, 512, 1, 512), (1, 1, 512, 1, 512)),
        ("bl,bld->bd", (2, 4096), (2, 4096, 8)),
    ],
)
def test_sums_are_float32(equation, first, second, dtype):
    # Numbers of one sign: what 16-bit sums lose does not average out.
    rng = np.random.default_rng(0)
    arguments = [ops.cast(rng.uniform(0, 0.5, size), dtype) for size in (first, second)]
    exact = [to_numpy(x).astype("float64") for x in arguments]
    inputs, output = equation.split("->")
    a, b = inputs.split(",")
    expected = np.einsum(equation, *exact, optimize=True)
    cotangent = np.full(expected.shape, 0.25, "float32")
    y, gradients = value_and_gradients(
        functools.partial(einsum, equation), *arguments, cotangent=cotangent
    )
    assert keras.backend.standardize_dtype(einsum(equation, *arguments).dtype) == dtype
    assert relative_error(y, expected) <= ROUNDOFF[dtype]
    expected = (
        np.einsum(f"{output},{b}->{a}", cotangent, exact[1], optimize=True),
        np.einsum(f"{a},{output}->{b}", exact[0], cotangent, optimize=True),
    )
    for gradient, exact_gradient in zip(gradients, expected, strict=True):
        assert relative_error(gradient, exact_gradient) <= ROUNDOFF[dtype]


def test_float32_stays():
    x = np.array([[1 + 2.0**-20, 0.0], [0.0, 1.0]], "float32")
    y = einsum("ij,kj->ik", x, np.eye(2, dtype="float32"))
    assert keras.backend.standardize_dtype(y.dtype) == "float32"
    np.testing.assert_array_equal(to_numpy(y), x)
