"""Eager, traced with unknown lengths, compiled: the same map and gradients."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_bigs.ssm import METHODS
from keras_bigs.ssm import SSMParameters
from keras_bigs.ssm import convolve
from keras_bigs.ssm import initial_parameters
from tests.backend import compiled
from tests.backend import relative_error
from tests.backend import to_numpy
from tests.backend import value_and_gradients
from tests.ssm import oracle

BACKEND = keras.backend.backend()
METHOD_NAMES = sorted(METHODS)
DIM = 8


def on(backend):
    return pytest.mark.skipif(backend != BACKEND, reason=f"runs on {backend}")


def draw(length, num_kernels=1):
    rng = np.random.default_rng(length)
    parameters = initial_parameters(16, num_kernels, min_step=0.05, seed=rng)
    u, g = rng.normal(size=(2, 2, length, DIM)).astype("float32")
    return u, g, SSMParameters(*(x.astype("float32") for x in parameters))


def check(y, gradients, u, g, parameters, reverse=False):
    exact = oracle.gradients(g, u, parameters, "zoh", reverse)
    exact_y = oracle.convolve(u, parameters, "zoh", reverse)
    assert relative_error(to_numpy(y), exact_y) <= 1e-5
    for gradient, expected in zip(gradients, exact[:6], strict=True):
        assert relative_error(to_numpy(gradient), expected) <= 1e-4


@on("tensorflow")
@pytest.mark.parametrize("num_kernels", [1, 2])
@pytest.mark.parametrize("method", [*METHOD_NAMES, "auto"])
def test_unknown_batch_and_length(method, num_kernels):
    import tensorflow as tf

    like = [tf.TensorSpec(x.shape, "float32") for x in draw(1, num_kernels)[2]]
    unknown = tf.TensorSpec([None, None, DIM], "float32")

    @tf.function(input_signature=[unknown, unknown, *like])
    def run(u, g, *parameters):
        with tf.GradientTape() as tape:
            tape.watch((u, parameters))
            y = convolve(u, SSMParameters(*parameters), method=method)
        return y, tape.gradient(y, (u, *parameters), g)

    for length in (1, 31, 300):
        u, g, parameters = draw(length, num_kernels)
        check(*run(u, g, *parameters), u, g, parameters)


# XLA of TensorFlow 2.21 gets sums of batched products wrong on CPUs, for certain
# lengths; 300 is one of them.
@on("tensorflow")
@pytest.mark.parametrize(
    ("method", "num_kernels"),
    [
        ("chunked", 1),
        ("chunked", 2),
        ("recurrent", 2),
        ("toeplitz", 1),
        ("toeplitz", 2),
    ],
)
def test_xla(method, num_kernels):
    u, g, parameters = draw(300, num_kernels)

    def fn(u, *parameters):
        parameters = SSMParameters(*parameters)
        return convolve(u, parameters, method=method, reverse=True)

    y, gradients = value_and_gradients(fn, u, *parameters, cotangent=g, jit=True)
    check(y, gradients, u, g, parameters, reverse=True)


@on("jax")
def test_jit_of_grad():
    import jax

    u, g, parameters = draw(70, 2)

    @jax.jit
    def run(u, parameters):
        def loss(u, parameters):
            y = convolve(u, parameters)
            return ops.sum(g * y), y

        gradients, y = jax.grad(loss, argnums=(0, 1), has_aux=True)(u, parameters)
        return y, (gradients[0], *gradients[1])

    check(*run(u, parameters), u, g, parameters)


@on("torch")
@pytest.mark.parametrize("method", METHOD_NAMES)
def test_no_grad(method):
    import torch

    u, g, parameters = draw(70, 2)
    tensors = SSMParameters(
        *(ops.convert_to_tensor(x).requires_grad_() for x in parameters)
    )
    with torch.no_grad():
        without = convolve(u, tensors, method=method)
    y = convolve(u, tensors, method=method)
    assert not without.requires_grad
    assert y.requires_grad
    np.testing.assert_array_equal(to_numpy(without), to_numpy(y.detach()))


@pytest.mark.parametrize("method", [*METHOD_NAMES, "auto"])
def test_symbolic_inputs_of_unknown_length(method):
    parameters = initial_parameters(4, 2, seed=0)
    parameters = SSMParameters(*(x.astype("float32") for x in parameters))

    class Convolution(keras.layers.Layer):
        def call(self, inputs):
            return convolve(inputs, parameters, method=method)

    outputs = Convolution()(keras.Input((None, DIM)))
    assert outputs.shape == (None, None, DIM)
    assert outputs.dtype == "float32"


def test_eager():
    u, _, parameters = draw(40, 2)
    y = convolve(ops.convert_to_tensor(u), parameters)
    assert relative_error(to_numpy(y), oracle.convolve(u, parameters)) <= 1e-5


@pytest.mark.parametrize("method", sorted(METHODS))
def test_a_batch_may_be_empty(method):
    u, _, parameters = draw(40, 2)
    convolution = compiled(lambda u: convolve(u, parameters, method=method))
    assert tuple(convolution(ops.convert_to_tensor(u[:0])).shape) == (0, 40, DIM)


@pytest.mark.parametrize("method", ["auto", *sorted(METHODS)])
def test_there_is_a_position(method):
    u, _, parameters = draw(40, 2)
    with pytest.raises(ValueError, match="needs one position or more"):
        convolve(ops.convert_to_tensor(u[:, :0]), parameters, method=method)
