"""Chunk lengths that divide the length, that do not, and the extremes."""

import numpy as np
import pytest
from keras import ops

from keras_bigs.ssm import SSMParameters
from keras_bigs.ssm import chunked
from keras_bigs.ssm import convolve
from keras_bigs.ssm import initial_parameters
from tests.backend import compiled
from tests.backend import relative_error
from tests.backend import to_numpy
from tests.backend import value_and_gradients
from tests.ssm import oracle

LENGTH = 30


def draw(num_kernels):
    rng = np.random.default_rng(num_kernels)
    parameters = initial_parameters(16, num_kernels, seed=rng)
    u, g = rng.normal(size=(2, 2, LENGTH, 4)).astype("float32")
    return u, g, SSMParameters(*(x.astype("float32") for x in parameters))


def convolution(reverse):
    def fn(u, *parameters):
        parameters = SSMParameters(*parameters)
        return convolve(u, parameters, method="chunked", reverse=reverse)

    return fn


@pytest.mark.parametrize(
    ("chunk", "reverse"),
    [
        (1, True),
        (7, False),
        (10, True),
        (LENGTH + 1, True),
    ],
)
def test_any_chunk_length(chunk, reverse, monkeypatch):
    monkeypatch.setattr(chunked, "CHUNK", chunk)
    u, _, parameters = draw(num_kernels=2 if chunk % 2 else 1)
    tensors = [ops.convert_to_tensor(x) for x in (u, *parameters)]
    y = to_numpy(compiled(convolution(reverse))(*tensors))
    exact = oracle.convolve(u, parameters, "zoh", reverse)
    assert relative_error(y, exact) <= 1e-6


def test_gradients_across_chunks(monkeypatch, reverse=True):
    monkeypatch.setattr(chunked, "CHUNK", 7)
    u, g, parameters = draw(num_kernels=2)
    _, gradients = value_and_gradients(
        convolution(reverse), u, *parameters, cotangent=g
    )
    exact = oracle.gradients(g, u, parameters, "zoh", reverse)
    for gradient, expected in zip(gradients, exact[:6], strict=True):
        assert relative_error(gradient, expected) <= 1e-4
