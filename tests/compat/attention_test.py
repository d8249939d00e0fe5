"""Attention with dropout: a float32 softmax in training, fused in inference."""

import numpy as np
import pytest
from keras import ops

from keras_bigs.compat.attention import MultiHeadAttention
from tests.backend import to_numpy

HEADS, SIZE = 2, 8
MASK = np.arange(24) < 20


@pytest.mark.parametrize("dtype", ["mixed_bfloat16", "bfloat16", "mixed_float16"])
def test_softmax_is_float32(dtype):
    """Of the 16-bit scores in training, to a rounding of float32."""
    layer = MultiHeadAttention(HEADS, SIZE, dropout=0.1, dtype=dtype)
    x = 3 * np.random.default_rng(0).normal(size=(1, 24, 16))
    x = ops.cast(x, layer.compute_dtype)
    _, actual = layer(
        x, x, attention_mask=MASK[None, None], training=True, return_attention_scores=1
    )
    query = layer.query_dense(x) * ops.cast(SIZE**-0.5, x.dtype)
    scores = ops.einsum("bjhk,bihk->bhij", layer.key_dense(x), query)
    expected = np.exp(to_numpy(scores).astype("float64")) * MASK
    expected /= expected.sum(-1, keepdims=True)
    np.testing.assert_allclose(to_numpy(actual), expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("mask", [None, MASK[None, None]], ids=["whole", "masked"])
def test_dropout_does_not_matter_in_inference(mask):
    """To the bit: the same fused attention."""
    x = np.random.default_rng(0).normal(size=(1, 24, 16)).astype("float32")
    outputs = []
    for dropout in (0.0, 0.1):
        layer = MultiHeadAttention(HEADS, SIZE, dropout=dropout, dtype="mixed_bfloat16")
        layer.build(x.shape, x.shape)
        rng = np.random.default_rng(1)
        for weight in layer.trainable_weights:
            weight.assign(rng.normal(size=weight.shape))
        outputs.append(to_numpy(layer(x, x, attention_mask=mask)))
    np.testing.assert_array_equal(*outputs)
