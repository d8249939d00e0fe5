"""What PyTorch is spared gives the same numbers as Keras does."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_bigs.compat import torch_layers
from keras_bigs.compat.cross_entropy import SparseCategoricalCrossentropy
from keras_bigs.compat.direct_call import DirectCall
from keras_bigs.compat.eager_torch import is_eager
from keras_bigs.compat.einsum import mix
from keras_bigs.compat.gelu import gelu_tanh
from keras_bigs.compat.torch_adamw import FusedAdamW
from tests.backend import relative_error
from tests.backend import to_numpy
from tests.backend import value_and_gradients

IS_TORCH = keras.backend.backend() == "torch"


def test_gelu_is_keras_gelu():
    x = np.concatenate([np.linspace(-12, 12, 10001), [-1e4, 1e4, 0.0]])
    exact = to_numpy(keras.activations.gelu(ops.cast(x, "float64"), approximate=True))
    actual = to_numpy(gelu_tanh(ops.cast(x, "float32")))
    # Rounding of x itself, and of sums of two numbers that nearly cancel.
    assert np.max(np.abs(actual - exact) / np.maximum(1, np.abs(x))) < 3e-7
    assert np.isnan(to_numpy(gelu_tanh(ops.full((2,), float("nan"))))).all()


def test_gelu_has_the_gradient_of_keras_gelu():
    x = np.linspace(-6, 6, 1001).astype("float32")
    y, (gradient,) = value_and_gradients(gelu_tanh, x)
    expected, (expected_gradient,) = value_and_gradients(
        lambda x: keras.activations.gelu(x, approximate=True), x
    )
    assert relative_error(y, expected) < 1e-6
    assert relative_error(gradient, expected_gradient) < 1e-6


@pytest.mark.parametrize("transpose", [False, True])
def test_mix_applies_a_matrix_to_each_of_a_batch(transpose):
    rng = np.random.default_rng(0)
    matrix, x = rng.normal(size=(5, 7)), rng.normal(size=(3, 7, 4))
    tensors = (
        ops.cast(matrix.T if transpose else matrix, "float32"),
        ops.cast(x, "float32"),
    )
    for y in (mix(*tensors, transpose), _without_gradients(mix, *tensors, transpose)):
        assert relative_error(to_numpy(y), matrix @ x) < 1e-6


def _without_gradients(function, *arguments):
    if not IS_TORCH:
        return function(*arguments)
    import torch

    with torch.no_grad():
        return function(*arguments)


@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize("lora", [False, True])
def test_dense_is_keras_dense(dtype, lora):
    x = ops.cast(np.random.default_rng(0).normal(size=(2, 5, 8)), "float32")
    ours = torch_layers.Dense(6, activation="tanh", dtype=dtype)
    theirs = keras.layers.Dense(6, activation="tanh", dtype=dtype)
    for layer in (ours, theirs):
        layer.build(x.shape)
        if lora:
            layer.enable_lora(2)
    for weight in ours.weights:
        weight.assign(np.random.default_rng(1).normal(size=weight.shape))
    theirs.set_weights(ours.get_weights())
    tolerance = 1e-6 if dtype == "float32" else 2.0**-7
    actual, expected = ours(x), theirs(x)
    assert actual.dtype == expected.dtype
    assert relative_error(to_numpy(actual), to_numpy(expected)) < tolerance


@pytest.mark.parametrize("mode", ["int8", "int4"])
def test_dense_is_quantized_as_keras_dense(mode):
    x = ops.cast(np.random.default_rng(0).normal(size=(2, 5, 8)), "float32")
    ours, theirs = torch_layers.Dense(6), keras.layers.Dense(6)
    for layer in (ours, theirs):
        layer.build(x.shape)
    theirs.set_weights(ours.get_weights())
    for layer in (ours, theirs):
        layer.quantize(mode)
    assert ours.quantization_mode == mode
    assert np.array_equal(to_numpy(ours(x)), to_numpy(theirs(x)))


class TestDirectCall:
    @pytest.fixture
    def layer(self, monkeypatch):
        """A built layer that notes whether Keras' own `__call__` was taken."""

        class Noting(DirectCall):
            by_keras = 0

            def call(self, inputs, padding_mask=None, training=None):
                self.training = training
                return inputs

        keras_call = keras.layers.Layer.__call__

        def noted(self, *args, **kwargs):
            if isinstance(self, Noting):
                type(self).by_keras += 1
            return keras_call(self, *args, **kwargs)

        monkeypatch.setattr(keras.layers.Layer, "__call__", noted)
        layer = Noting()
        layer.build((None, None, 4))
        return layer

    def by_keras(self, layer, *args, **kwargs):
        before = layer.by_keras
        layer(*args, **kwargs)
        return layer.by_keras > before

    def test_plain_calls_are_direct_on_torch(self, layer):
        x, mask = ops.ones((2, 3, 4)), ops.ones((2, 3), "int32")
        assert is_eager(x) == IS_TORCH
        for kwargs in ({}, {"padding_mask": mask}, {"training": False}):
            assert self.by_keras(layer, x, **kwargs) == (not IS_TORCH)

    @pytest.mark.parametrize(
        "what",
        ["training", "rank", "dtype", "numpy", "symbolic", "mask", "hook", "size"],
    )
    def test_whatever_keras_would_do_something_for_is_not(self, layer, what):
        x, kwargs = ops.ones((2, 3, 4)), {}
        if what == "training":
            kwargs = {"training": True}
        elif what == "rank":
            x = x[0]
        elif what == "dtype":
            x = ops.cast(x, "float16")
        elif what == "numpy":
            x = to_numpy(x)
        elif what == "symbolic":
            x = keras.Input((3, 4))
        elif what == "mask":
            x = keras.layers.Masking()(x)
        elif what == "hook":
            if not IS_TORCH:
                pytest.skip("PyTorch has hooks.")
            layer.register_forward_hook(lambda *args: None)
        else:
            layer.input_spec = keras.layers.InputSpec(axes={-1: 5})
            with pytest.raises(ValueError, match="expected axis -1"):
                layer(x)
            return
        assert self.by_keras(layer, x, **kwargs)


@pytest.mark.parametrize("accumulation_steps", [None, 2])
def test_adamw_is_keras_adamw(accumulation_steps):
    rng = np.random.default_rng(0)
    options = {
        "learning_rate": keras.optimizers.schedules.PolynomialDecay(0.1, 20),
        "weight_decay": 0.05,
        "beta_1": 0.8,
        "beta_2": 0.9,
        # Large, so that its place in the formula shows.
        "epsilon": 1e-2,
        "gradient_accumulation_steps": accumulation_steps,
    }
    start = [rng.normal(size=shape) for shape in ((3, 4), (4,))]
    optimizers = FusedAdamW(**options), keras.optimizers.AdamW(**options)
    sides = []
    for optimizer in optimizers:
        variables = [keras.Variable(x, dtype="float32") for x in start]
        optimizer.build(variables)
        sides.append(variables)
    for _ in range(6):
        gradients = [ops.cast(rng.normal(size=x.shape), "float32") for x in start]
        for optimizer, variables in zip(optimizers, sides, strict=True):
            optimizer.apply(gradients, variables)
    for ours, theirs, first in zip(*sides, start, strict=True):
        assert relative_error(to_numpy(ours), to_numpy(theirs)) < 1e-6
        assert relative_error(to_numpy(ours), first) > 1e-2
    for ours, theirs in zip(*(o.variables for o in optimizers), strict=True):
        assert relative_error(to_numpy(ours), to_numpy(theirs)) < 1e-5


@pytest.mark.parametrize("weighted", [False, True])
def test_cross_entropy_is_keras_cross_entropy(weighted):
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(2, 5, 11)).astype("float32")
    labels = rng.integers(0, 11, (2, 5))
    weights = rng.integers(0, 2, (2, 5)).astype("float32") if weighted else None
    options = {"from_logits": True, "reduction": "mean_with_sample_weight"}
    values = [
        value_and_gradients(lambda x, loss=loss: loss(labels, x, weights), logits)
        for loss in (
            SparseCategoricalCrossentropy(**options),
            keras.losses.SparseCategoricalCrossentropy(**options),
        )
    ]
    (ours, (our_gradient,)), (theirs, (their_gradient,)) = values
    assert relative_error(ours, theirs) < 1e-6
    assert relative_error(our_gradient, their_gradient) < 1e-6
