"""Means over the real tokens of a text."""

import numpy as np
import pytest

from keras_bigs import layers
from tests.backend import to_numpy

X = np.random.default_rng(0).normal(size=(2, 4, 3)).astype("float32")
MASK = np.array([[1, 1, 1, 0], [0, 0, 0, 0]])


def test_of_real_tokens():
    layer = layers.MeanPooling()
    expected = [X[0, :3].mean(0), np.zeros(3)]
    for mask in (MASK, MASK.astype(bool), 5 * MASK, MASK.astype("float32") / 2):
        y = to_numpy(layer(X, padding_mask=mask))
        np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(to_numpy(layer(X)), X.mean(1), rtol=1e-5, atol=1e-6)


def test_nothing_comes_from_padding():
    x = X.copy()
    x[0, 3], x[1] = np.nan, np.inf
    y = to_numpy(layers.MeanPooling()(x, padding_mask=MASK))
    np.testing.assert_allclose(y[0], X[0, :3].mean(0), rtol=1e-5)
    np.testing.assert_array_equal(y[1], 0)


def test_of_integers():
    x = np.arange(24).reshape(2, 4, 3)
    y = to_numpy(layers.MeanPooling()(x, padding_mask=MASK))
    np.testing.assert_allclose(y[0], x[0, :3].mean(0))
    with pytest.raises(ValueError, match="`padding_mask` must have the inputs"):
        layers.MeanPooling()(x, padding_mask=MASK[:, :1])
