"""Chunk lengths that divide the length, that do not, and the extremes."""

import numpy as np
import pytest
from keras import ops

from keras_bigs.compat.platform import platform
from keras_bigs.ssm import SSMParameters
from keras_bigs.ssm import chunked
from keras_bigs.ssm import convolve
from keras_bigs.ssm import initial_parameters
from keras_bigs.ssm import states
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
        # 30 chunks are six groups of six, six chunks of which are padding.
        (1, True),
        (1, False),
        (7, False),
        (10, True),
        (LENGTH + 1, True),
    ],
)
def test_any_chunk_length(chunk, reverse, monkeypatch):
    monkeypatch.setitem(chunked.CHUNK, platform(), chunk)
    u, _, parameters = draw(num_kernels=2 if chunk % 2 else 1)
    tensors = [ops.convert_to_tensor(x) for x in (u, *parameters)]
    y = to_numpy(compiled(convolution(reverse))(*tensors))
    exact = oracle.convolve(u, parameters, "zoh", reverse)
    assert relative_error(y, exact) <= 1e-6


@pytest.mark.parametrize(
    ("chunk", "group", "reverse"), [(7, 16, True), (1, 16, False), (1, 2, True)]
)
def test_gradients_across_chunks(chunk, group, reverse, monkeypatch):
    """Also of five levels of groups of two."""
    monkeypatch.setitem(chunked.CHUNK, platform(), chunk)
    monkeypatch.setattr(states, "GROUP", group)
    u, g, parameters = draw(num_kernels=2)
    value, gradients = value_and_gradients(
        convolution(reverse), u, *parameters, cotangent=g
    )
    exact = oracle.convolve(u, parameters, "zoh", reverse)
    assert relative_error(value, exact) <= 1e-6
    exact = oracle.gradients(g, u, parameters, "zoh", reverse)
    for gradient, expected in zip(gradients, exact[:6], strict=True):
        assert relative_error(gradient, expected) <= 1e-4


@pytest.mark.without_backend
@pytest.mark.parametrize(
    ("num_chunks", "groups"),
    [
        *((1, (1, 1)), (16, (16, 1)), (17, (5, 2)), (64, (8, 2)), (4096, (16, 3))),
        *((32, (8, 2)), (30, (6, 2)), (128, (16, 2))),
    ],
)
def test_groups_of_chunks(num_chunks, groups):
    """The fewest levels of at most 16 that reach all chunks, no larger than need be."""
    assert states.groups_of(num_chunks) == groups
