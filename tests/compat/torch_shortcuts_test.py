"""What PyTorch is spared gives the same numbers as Keras does."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_bigs import layers
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
@pytest.mark.parametrize("lead", [(), (3,), (3, 2)])
def test_mix_applies_a_matrix_to_each_of_a_batch(lead, transpose):
    rng = np.random.default_rng(0)
    matrix, x = rng.normal(size=(5, 7)), rng.normal(size=(*lead, 7, 4))
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
@pytest.mark.parametrize("block", [layers.GatedBiGSBlock, layers.StackBlock])
def test_wide_layers_work_in_parts(block, dtype, monkeypatch):
    """Which give what the whole gives, also where the last part is smaller; and with a
    gradient to compute there are none."""
    block = block(24, dtype=dtype)
    x = ops.cast(np.random.default_rng(0).normal(size=(3, 11, 8)), "float32")
    x = ops.cast(x, block.compute_dtype)
    expected = _without_gradients(block, x)
    if IS_TORCH:
        import torch

        # Parts of seven positions.
        size = x.element_size()
        monkeypatch.setattr("keras_bigs.compat.in_parts.COLUMN", 7 * size)
        monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    lengths = []
    call = block.output_dense.call

    def spy(inputs, **kwargs):
        lengths.append(inputs.shape[:2])
        return call(inputs, **kwargs)

    monkeypatch.setattr(block.output_dense, "call", spy)
    actual = _without_gradients(block, x)
    assert actual.shape == x.shape and actual.dtype == expected.dtype
    tolerance = 1e-6 if dtype == "float32" else 2.0**-7
    assert relative_error(to_numpy(actual), to_numpy(expected)) < tolerance
    whole = [(3, 11)]
    assert lengths == ([(1, 7)] * 4 + [(1, 5)] if IS_TORCH else whole)
    lengths.clear()
    block(x)
    assert lengths == whole


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


class Inner(DirectCall):
    """Notes how it was called: whether to train, and whether past Keras' `__call__`."""

    calls = None

    def build(self, input_shape):
        self.dropout = keras.layers.Dropout(0.5)

    def call(self, inputs, padding_mask=None, training=None):
        self.calls.append(training)
        return self.dropout(inputs)


class Outer(keras.layers.Layer):
    """Calls an `Inner`, and may tell it whether to train."""

    def __init__(self, inner, **kwargs):
        super().__init__()
        self.inner, self.options = inner, kwargs

    def call(self, inputs):
        return self.inner(inputs, **self.options)


class TestDirectCall:
    @pytest.fixture
    def by_keras(self, monkeypatch):
        """The calls of `Inner` that Keras saw."""
        seen = []
        keras_call = keras.layers.Layer.__call__

        def noted(self, *args, **kwargs):
            if isinstance(self, Inner):
                seen.append(self)
            return keras_call(self, *args, **kwargs)

        monkeypatch.setattr(keras.layers.Layer, "__call__", noted)
        return seen

    @pytest.fixture
    def inner(self):
        layer = Inner()
        layer.calls = []
        layer.build((None, None, 4))
        layer.built = True
        return layer

    @pytest.mark.parametrize("options", [{}, {"training": False}, {"mask": True}])
    def test_inference_is_direct_on_torch(self, inner, by_keras, options):
        x = ops.ones((2, 3, 4))
        assert is_eager(x) == IS_TORCH
        if options.pop("mask", False):
            options = {"padding_mask": ops.ones((2, 3), "int32")}
        y = Outer(inner, **options)(x, training=False)
        assert np.array_equal(to_numpy(y), to_numpy(x))
        assert len(by_keras) == (not IS_TORCH)

    def test_training_is_that_of_the_outer_call(self, inner, by_keras):
        y = Outer(inner)(ops.ones((2, 3, 4)), training=True)
        assert inner.calls == [True]
        assert len(by_keras) == 1
        # Dropout's own, which is told nothing.
        assert 0.0 in to_numpy(y)

    def test_inference_inside_training_is_told_to_those_inside(self, inner):
        x = ops.ones((2, 3, 4))
        y = Outer(inner, training=False)(x, training=True)
        assert np.array_equal(to_numpy(y), to_numpy(x))

    def test_losses_of_one_call_are_kept(self, inner):
        inner.call = lambda x: (inner.add_loss(ops.sum(x)), x)[1]
        for _ in range(3):
            inner(ops.ones((2, 3, 4)))
        assert len(inner.losses) == 1

    @pytest.mark.parametrize(
        "what", ["rank", "dtype", "numpy", "mask", "hook", "shape"]
    )
    def test_whatever_keras_would_do_something_for_is_not(self, inner, by_keras, what):
        x = ops.ones((2, 3, 4))
        if what == "rank":
            x = x[0]
        elif what in ("dtype", "numpy"):
            convert = to_numpy if what == "numpy" else lambda x: ops.cast(x, "float16")
            outer = Outer(inner)
            outer.call = lambda x: inner(convert(x))
            outer(x)
            assert by_keras
            return
        elif what == "mask":
            x = keras.layers.Masking()(x)
        elif what == "hook":
            if not IS_TORCH:
                pytest.skip("PyTorch has hooks.")
            inner.register_forward_hook(lambda *args: None)
        elif what == "shape":
            inner.input_spec = keras.layers.InputSpec(axes={-1: 5})
            with pytest.raises(ValueError, match="expected axis -1"):
                Outer(inner)(x)
            return
        Outer(inner)(x)
        assert by_keras


@pytest.mark.parametrize("accumulation_steps", [None, 2])
@pytest.mark.parametrize("order", ["C", "F"])
def test_adamw_is_keras_adamw(accumulation_steps, order, monkeypatch):
    fused = []
    if IS_TORCH:
        import torch

        step = torch._fused_adamw_
        monkeypatch.setattr(
            torch, "_fused_adamw_", lambda *a, **k: (fused.append(1), step(*a, **k))
        )
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
        gradients = [
            # Of another order in memory than the weights.
            ops.transpose(ops.cast(rng.normal(size=x.shape[::-1]), "float32"))
            if order == "F"
            else ops.cast(rng.normal(size=x.shape), "float32")
            for x in start
        ]
        for optimizer, variables in zip(optimizers, sides, strict=True):
            optimizer.apply(gradients, variables)
    for ours, theirs, first in zip(*sides, start, strict=True):
        assert relative_error(to_numpy(ours), to_numpy(theirs)) < 1e-6
        assert relative_error(to_numpy(ours), first) > 1e-2
    assert len(fused) == (IS_TORCH and order == "C") * 6 // (accumulation_steps or 1)
    for ours, theirs in zip(*(o.variables for o in optimizers), strict=True):
        assert relative_error(to_numpy(ours), to_numpy(theirs)) < 1e-5


def test_cross_entropy_refuses_labels_of_another_shape():
    loss = SparseCategoricalCrossentropy(from_logits=True)
    with pytest.raises(ValueError, match="shape"):
        loss.call(ops.zeros((4, 2), "int32"), ops.zeros((2, 4, 5)))


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
