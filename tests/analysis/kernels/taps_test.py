"""Taps are the layers' impulse responses, and the textbook's kernels in float64."""

import keras
import numpy as np
import pytest
from keras_hub.models import BertBackbone

from keras_bigs import analysis
from keras_bigs import models
from keras_bigs.errors import ConfigError
from keras_bigs.layers import BiSSM
from tests.backend import fast_on_torch
from tests.backend import relative_error
from tests.backend import to_numpy
from tests.ssm import oracle

LENGTH = 12


def build(block="gated", routing=None, num_layers=2):
    return models.BiGSBackbone(
        vocabulary_size=20,
        num_layers=num_layers,
        hidden_dim=4,
        intermediate_dim=8,
        block=block,
        routing=routing or BiSSM(state_dim=6, min_step=0.1),
    )


def ssms(backbone):
    """`(layer, direction, layer's SSM)`."""
    for i, block in enumerate(backbone.blocks):
        yield i, 0, block.routing.forward_ssm
        yield i, 1, block.routing.backward_ssm


@pytest.mark.parametrize("block", ["gated", "stack"])
@pytest.mark.parametrize("discretization", ["zoh", "bilinear"])
def test_taps_are_the_textbooks(block, discretization):
    routing = BiSSM(state_dim=6, min_step=0.1, discretization=discretization)
    backbone = build(block, routing)
    taps = analysis.routing_kernels(backbone, LENGTH)
    assert taps.shape == (2, 2, LENGTH)
    for i, direction, layer in ssms(backbone):
        parameters = [to_numpy(x) for x in layer.ssm_parameters]
        expected = oracle.taps(parameters, LENGTH, discretization)[0]
        expected[0] += parameters[3][0]
        assert relative_error(taps[i, direction], expected) < 1e-5


@fast_on_torch
@pytest.mark.parametrize("num_kernels", [1, 2])
def test_taps_are_impulse_responses(num_kernels):
    """Of the layers as they run: after an impulse at the first token, or before one at
    the last."""
    backbone = build(routing=BiSSM(state_dim=6, num_kernels=num_kernels))
    taps = analysis.routing_kernels(backbone, LENGTH)
    kernels = (num_kernels,) if num_kernels > 1 else ()
    assert taps.shape == (2, 2, *kernels, LENGTH)
    for i, direction, layer in ssms(backbone):
        impulse = np.zeros((1, LENGTH, 4), "float32")
        impulse[0, -direction] = 1
        response = to_numpy(layer(impulse))[0].T  # (channels, positions)
        response = response[:, ::-1] if direction else response
        channels = np.repeat(
            taps[i, direction].reshape(-1, LENGTH), 4 // num_kernels, 0
        )
        assert relative_error(response, channels) < 1e-5


@fast_on_torch
@pytest.mark.parametrize("discretization", ["zoh", "bilinear"])
def test_time_constants(discretization):
    """After `tau` tokens a state is `1 / e` of itself."""
    routing = BiSSM(state_dim=6, num_kernels=2, discretization=discretization)
    backbone = build(routing=routing)
    tau = analysis.time_constants(backbone)
    assert tau.shape == (2, 2, 2, 6)
    for i, direction, layer in ssms(backbone):
        A, _, _, step = oracle.unpack([to_numpy(x) for x in layer.ssm_parameters])
        (a, _), _, _ = oracle.discretize(A, step, discretization)
        np.testing.assert_allclose(
            np.abs(a) ** tau[i, direction], np.exp(-1), rtol=1e-4
        )
        if discretization == "zoh":
            expected = 1 / (step * np.abs(A.real))
            np.testing.assert_allclose(tau[i, direction], expected, rtol=1e-5)


@fast_on_torch
def test_of_what():
    """A task has its backbone's kernels, and a preset is as good as a name."""
    backbone = build()
    task = models.BiGSTextClassifier(backbone, 2)
    expected = analysis.routing_kernels(backbone, 5)
    np.testing.assert_array_equal(analysis.routing_kernels(task, 5), expected)
    mini = analysis.routing_kernels("bigs_mini_en_uncased", 5)
    assert mini.shape == (12, 2, 5)
    # What it has learned: layer 5 reads the word before.
    assert np.abs(mini[5, 0]).argmax() == 1


@fast_on_torch
def test_what_has_no_kernels():
    message = "Layer 0 has no kernel: its routing is SelfAttention"
    with pytest.raises(ConfigError, match=message):
        analysis.routing_kernels(build(routing="attention"), 5)
    bert = BertBackbone(20, 1, 1, 4, 8)
    with pytest.raises(ConfigError, match="no kernel: its routing is TransformerEncod"):
        analysis.time_constants(models.PooledEncoder(bert))
    with pytest.raises(ConfigError, match="no other encoder. Received: Sequential"):
        analysis.routing_kernels(keras.Sequential(), 5)
    with pytest.raises(ConfigError, match="length=0"):
        analysis.routing_kernels(build(), 0)


@pytest.mark.without_backend
def test_tap_matrix():
    taps = np.random.default_rng(0).normal(size=(3, 2, 2, 5))
    matrix = analysis.tap_matrix(taps)
    assert matrix.shape == (3, 2, 5, 5)
    for layer in range(3):
        for kernel in range(2):
            forward, backward = abs(taps[layer, :, kernel])
            for i in range(5):
                for j in range(5):
                    expected = forward[i - j] if j < i else backward[j - i]
                    expected += forward[0] if i == j else 0
                    assert matrix[layer, kernel, i, j] == expected
    np.testing.assert_array_equal(analysis.tap_matrix(taps[:, :, 0]), matrix[:, 0])
