"""What makes the map a convolution: linear, causal, equivariant to shifts."""

import functools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from keras import ops

from keras_bigs.compat.platform import platform
from keras_bigs.ssm import METHODS
from keras_bigs.ssm import SSMParameters
from keras_bigs.ssm import chunked
from keras_bigs.ssm import convolve
from keras_bigs.ssm import initial_parameters
from tests.backend import compiled
from tests.backend import to_numpy

# Fixed shapes, so that each function compiles once; chunks of 8 make several of them.
BATCH, LENGTH, DIM, CHUNK = 2, 37, 4, 8

few = settings(max_examples=5, deadline=None, derandomize=True)
seeds = st.integers(0, 2**32 - 1)
positions = st.integers(1, LENGTH - 1)
methods = pytest.mark.parametrize("method", sorted(METHODS))
directions = pytest.mark.parametrize("reverse", [False, True])


@pytest.fixture(autouse=True)
def several_chunks(monkeypatch):
    monkeypatch.setitem(chunked.CHUNK, platform(), CHUNK)


@functools.cache
def convolution(method, reverse):
    parameters = initial_parameters(8, 2, min_step=0.05, max_step=0.5, seed=3)
    parameters = SSMParameters(*(x.astype("float32") for x in parameters))

    def fn(u):
        return convolve(u, parameters, method=method, reverse=reverse)

    fn = compiled(fn)
    return lambda u: to_numpy(fn(ops.convert_to_tensor(u.astype("float32"))))


def draw(seed):
    return np.random.default_rng(seed).normal(size=(BATCH, LENGTH, DIM))


def assert_close(actual, expected):
    bound = 2e-6 * np.max(np.abs(expected))
    np.testing.assert_allclose(actual, expected, rtol=0, atol=bound)


@methods
@directions
@few
@given(seed=seeds, scale=st.floats(-4, 4))
def test_linear(method, reverse, seed, scale):
    conv = convolution(method, reverse)
    u, v = draw(seed), draw(seed + 1)
    both = conv(u + scale * v)
    bound = 2e-6 * (np.abs(conv(u)).max() + abs(scale) * np.abs(conv(v)).max())
    expected = conv(u) + scale * conv(v)
    np.testing.assert_allclose(both, expected, rtol=0, atol=bound)


@methods
@few
@given(seed=seeds, shift=positions)
def test_shift_equivariant(method, seed, shift):
    u = draw(seed)
    delayed = np.zeros_like(u)
    delayed[:, shift:] = u[:, :-shift]
    y, y_delayed = convolution(method, False)(u), convolution(method, False)(delayed)
    assert np.max(np.abs(y_delayed[:, :shift])) <= 1e-5
    bound = 2e-6 * np.max(np.abs(y))
    np.testing.assert_allclose(y_delayed[:, shift:], y[:, :-shift], rtol=0, atol=bound)


@pytest.mark.parametrize("method", ["chunked", "recurrent", "toeplitz"])
@directions
@few
@given(seed=seeds, position=positions)
def test_causality_is_exact(method, reverse, seed, position):
    conv = convolution(method, reverse)
    u, other = draw(seed), draw(seed)
    unseen = slice(None, position) if reverse else slice(position, None)
    seen = slice(position, None) if reverse else slice(None, position)
    other[:, unseen] += 100 * draw(seed + 1)[:, unseen]
    y, y_other = conv(u), conv(other)
    np.testing.assert_array_equal(y[:, seen], y_other[:, seen])
    assert np.any(y != y_other)


@few
@given(seed=seeds, position=positions)
def test_causality_of_fft_is_to_rounding(seed, position):
    conv = convolution("fft", False)
    u, other = draw(seed), draw(seed)
    other[:, position:] = draw(seed + 1)[:, position:]
    bound = 2e-6 * max(np.max(np.abs(conv(x))) for x in (u, other))
    np.testing.assert_allclose(
        conv(u)[:, :position], conv(other)[:, :position], rtol=0, atol=bound
    )


@methods
@few
@given(seed=seeds)
def test_reverse_is_flip_conv_flip(method, seed):
    u = draw(seed)
    flipped = convolution(method, False)(u[:, ::-1])[:, ::-1]
    assert_close(convolution(method, True)(u), flipped)


@methods
@directions
@few
@given(seed=seeds, position=positions)
def test_zeros_at_the_right_are_padding(method, reverse, seed, position):
    # The anti-causal outputs of a sequence do not depend on zeros to its right, nor
    # do the causal ones on anything there.
    u = draw(seed)
    u[:, position:] = 0
    conv = convolution(method, reverse)
    y = conv(u)[:, :position]
    if reverse:
        # As if the sequence ended at `position`: move its end to the array's.
        moved = np.roll(u, LENGTH - position, axis=1)
        assert_close(y, conv(moved)[:, LENGTH - position :])
    else:
        # What fills the padding does not matter.
        u[:, position:] = draw(seed + 1)[:, position:]
        assert_close(y, conv(u)[:, :position])


@methods
@few
@given(seed=seeds, channel=st.integers(0, DIM - 1), row=st.integers(0, BATCH - 1))
def test_channels_and_rows_do_not_mix(method, seed, channel, row):
    conv = convolution(method, False)
    u = draw(seed)
    alone = np.zeros_like(u)
    alone[row, :, channel] = u[row, :, channel]
    y, y_alone = conv(u), conv(alone)
    assert_close(y_alone[row, :, channel], y[row, :, channel])
    y_alone[row, :, channel] = 0
    assert np.max(np.abs(y_alone)) <= 1e-6
