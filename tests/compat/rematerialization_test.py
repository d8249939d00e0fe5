"""Rematerialisation of a block whose routing has state of every kind."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_bigs import layers
from tests.backend import to_numpy


class Stateful(layers.RoutingLayer):
    """Batch normalization, dropout and a loss."""

    def build(self, input_shape):
        super().build(input_shape)
        self.norm = keras.layers.BatchNormalization(dtype=self.dtype_policy)
        self.dropout = keras.layers.Dropout(0.3, dtype=self.dtype_policy)
        self.norm.build(input_shape)

    def route(self, x, padding_mask):
        x = self.norm(x)
        self.add_loss(0.1 * ops.mean(ops.square(ops.cast(x, "float32"))))
        return self.dropout(ops.roll(x, 1, axis=1))


def trained(rematerialize, frozen):
    """Losses and all variables of a model after three steps."""
    keras.utils.set_random_seed(1)
    block = layers.GatedBiGSBlock(
        16, routing=Stateful(), dropout=0.3, rematerialize=rematerialize
    )
    inputs = keras.Input((6, 8))
    model = keras.Model(inputs, block(keras.layers.Dense(8)(inputs)))
    block.gate_dense.trainable = not frozen
    model.compile(keras.optimizers.SGD(0.1), "mse")
    x = np.random.default_rng(0).normal(size=(4, 6, 8)).astype("float32")
    history = model.fit(x, x[:, ::-1], epochs=3, verbose=0)
    return history.history["loss"], [to_numpy(v) for v in model.variables]


@pytest.mark.parametrize("frozen", [False, True], ids=["trained", "frozen"])
def test_training_is_that_without_it(frozen):
    losses, variables = trained(True, frozen)
    expected_losses, expected_variables = trained(False, frozen)
    np.testing.assert_allclose(losses, expected_losses, rtol=1e-5)
    for actual, expected in zip(variables, expected_variables, strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-6)
