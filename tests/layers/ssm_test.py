"""`S4DKernel` and `BiSSM`: joint kernels, seeds, dtypes, refusals."""

import keras
import numpy as np
import pytest

from keras_bigs import layers
from keras_bigs import ssm
from tests.backend import to_numpy
from tests.weights import randomize

X = np.random.default_rng(0).normal(size=(2, 9, 8)).astype("float32")


@pytest.mark.parametrize("method", ["toeplitz", "chunked"])
@pytest.mark.parametrize("combine", ["multiply", "sequential"])
def test_the_directions_are_two_s4d_kernels(combine, method):
    """The kernels of both are computed at once, and are those of either layer."""
    layer = layers.BiSSM(4, num_kernels=2, combine=combine, method=method)
    layer(X)
    randomize(layer)
    mask = np.array([[1] * 9, [1] * 5 + [0] * 4])
    forward = layer.forward_dense(X)
    forward = layer.forward_ssm(forward, padding_mask=mask)
    forward = layer.forward_output_dense(forward)
    backward = layer.backward_dense(X if combine == "multiply" else forward)
    backward = layer.backward_ssm(backward, padding_mask=mask)
    backward = layer.backward_output_dense(backward)
    expected = forward * backward if combine == "multiply" else backward
    actual = to_numpy(layer(X, padding_mask=mask))
    np.testing.assert_allclose(actual, to_numpy(expected), rtol=1e-5, atol=1e-5)


def initial(seed):
    layer = layers.BiSSM(4, seed=seed)
    layer.build(X.shape)
    return [to_numpy(x.C) for x in (layer.forward_ssm._ssm_weights,
                                    layer.backward_ssm._ssm_weights)]  # fmt: skip


def test_a_seed_gives_each_direction_its_own_stream():
    draws = [*initial(0), *initial(1), *initial(2)]
    for i, first in enumerate(draws):
        assert not any(np.array_equal(first, other) for other in draws[:i])
    for first, again in zip(initial(1), draws[2:4], strict=True):
        np.testing.assert_array_equal(first, again)
    assert layers.BiSSM.from_config(layers.BiSSM(4, seed=1).get_config()).seed == 1


@pytest.mark.parametrize("dtype", ["bfloat16", "mixed_bfloat16", "float32"])
def test_parameters_are_float32_whatever_the_policy(dtype):
    layer, exact = (
        layers.S4DKernel(16, seed=0, dtype=policy) for policy in (dtype, "float32")
    )
    for each in (layer, exact):
        each.build((None, None, 2))
    assert {weight.dtype for weight in layer.weights} == {"float32"}
    np.testing.assert_array_equal(
        to_numpy(layer.kernel(100)), to_numpy(exact.kernel(100))
    )


def test_files_of_rounded_parameters_load(tmp_path, monkeypatch):
    """As they were written when a bfloat16 policy rounded them."""
    path = tmp_path / "old.weights.h5"
    add_weight = layers.S4DKernel.add_weight

    def rounding(self, **kwargs):
        return add_weight(self, **{**kwargs, "dtype": "bfloat16"})

    with monkeypatch.context() as context:
        context.setattr(layers.S4DKernel, "add_weight", rounding)
        old = layers.S4DKernel(4, dtype="bfloat16", name="ssm")
        old.build((None, None, 2))
    holder(old).save_weights(path)
    new = layers.S4DKernel(4, dtype="bfloat16", name="ssm")
    new.build((None, None, 2))
    holder(new).load_weights(path)
    for weight, value in zip(new.weights, old.weights, strict=True):
        assert (value.dtype, weight.dtype) == ("bfloat16", "float32")
        np.testing.assert_array_equal(to_numpy(weight), to_numpy(value.value))


def holder(layer):
    """A model that has the layer and nothing else."""
    model = keras.Model()
    model.layer = layer
    model.built = True
    return model


def test_nan_is_not_clipped():
    parameters = ssm.initial_parameters(4, 2, seed=0)
    A_re = parameters.A_re.copy()
    A_re[0, 1] = np.nan
    parameters = ssm.SSMParameters(
        *(x.astype("float32") for x in parameters._replace(A_re=A_re))
    )
    for discretization in ssm.DISCRETIZATIONS:
        taps = ssm.kernel(ssm.discretize(parameters, discretization), 5)
        assert np.all(np.isnan(to_numpy(taps)[0]))
        assert np.all(np.isfinite(to_numpy(taps)[1]))


@pytest.mark.parametrize("shape", [(5, 5), (2, 3, 4, 8)])
def test_other_ranks_are_refused(shape):
    x = np.zeros(shape, "float32")
    shown = rf"\({', '.join(map(str, shape))}\)"
    for layer in (layers.S4DKernel(4), layers.BiSSM(4)):
        with pytest.raises(ValueError, match=rf"\(batch, length, dim\).*{shown}"):
            layer(x)
    parameters = ssm.initial_parameters(4, seed=0)
    with pytest.raises(ValueError, match=rf"\(batch, length, dim\).*{shown}"):
        ssm.convolve(x, parameters)


@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="runs on tensorflow"
)
@pytest.mark.parametrize(("max_length", "has_loop"), [(None, True), (512, False)])
def test_short_sequences_of_several_lengths_take_no_loop(max_length, has_loop):
    import tensorflow as tf

    layer = layers.BiSSM(4, max_length=max_length)
    layer.build((None, None, 32))
    randomize(layer)

    @tf.function(input_signature=[tf.TensorSpec((None, None, 32))])
    def loss_and_gradients(x):
        with tf.GradientTape() as tape:
            y = layer(x)
            loss = tf.reduce_sum(y * tf.sin(y))
        return y, tape.gradient(loss, [w.value for w in layer.trainable_weights])

    graph = loss_and_gradients.get_concrete_function().graph
    assert has_loop == any("While" in node.op for node in graph.as_graph_def().node)
    # Longer than it was said.
    for length in (9, 70, 600):
        x = np.random.default_rng(length).normal(size=(2, length, 32)).astype("float32")
        y, gradients = loss_and_gradients(x)
        with tf.GradientTape() as tape:
            expected = layer(x)
            loss = tf.reduce_sum(expected * tf.sin(expected))
        np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-5)
        expected = tape.gradient(loss, [w.value for w in layer.trainable_weights])
        for actual, wanted in zip(gradients, expected, strict=True):
            scale = np.abs(wanted).max()
            np.testing.assert_allclose(actual / scale, wanted / scale, atol=1e-4)


def test_functions_take_no_integers():
    """Layers cast them (`routing_test.py`); integer taps would be none."""
    x = np.random.default_rng(0).integers(-5, 5, X.shape)
    layer = layers.S4DKernel(4, seed=0)
    layer.build(x.shape)
    with pytest.raises(ValueError, match="takes floating-point inputs"):
        ssm.convolve(x, layer.ssm_parameters)


def test_at_least_one_kernel_and_one_head():
    with pytest.raises(ValueError, match="num_kernels=0"):
        layers.S4DKernel(4, num_kernels=0)
    with pytest.raises(ValueError, match="num_heads=0"):
        layers.SelfAttention(num_heads=0)
    with pytest.raises(ValueError, match="num_heads=0"):
        layers.SlidingWindowAttention(num_heads=0)


@pytest.mark.parametrize("cls", [layers.S4DKernel, layers.BiSSM])
def test_what_makes_no_sense_is_refused_at_once(cls):
    for options, message in (
        ({"state_matrix": "x"}, "Unknown `state_matrix='x'`"),
        ({"state_dim": 0}, "state_dim=0"),
        ({"min_step": -1.0}, "min_step=-1.0"),
        ({"min_step": 0.1, "max_step": 0.01}, "max_step=0.01"),
    ):
        with pytest.raises(ValueError, match=message):
            cls(**options)


def test_a_kernel_is_of_a_built_layer():
    with pytest.raises(ValueError, match="has no kernel before it is built"):
        layers.S4DKernel(4).kernel(9)
    with pytest.raises(ValueError, match="The last dimension of the input must be"):
        layers.S4DKernel(4)(keras.Input((None, None)))
