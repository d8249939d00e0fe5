"""Attention maps are the softmax of scaled products, in float64 by hand."""

import numpy as np
import pytest
from scipy.special import softmax

from keras_bigs import analysis
from keras_bigs import models
from keras_bigs.errors import ConfigError
from keras_bigs.layers import SelfAttention
from tests.analysis.jacobian.influences_test import build
from tests.analysis.jacobian.influences_test import embeddings
from tests.analysis.jacobian.influences_test import layer_norm
from tests.analysis.jacobian.influences_test import text
from tests.backend import fast_on_torch
from tests.backend import to_numpy


@fast_on_torch
@pytest.mark.parametrize("block", ["gated", "stack"])
def test_first_layer_by_hand(block):
    inputs = text(4, padding=2)
    backbone = build(block, SelfAttention(num_heads=2), num_layers=2)
    maps = analysis.attention_maps(models.BiGSTextClassifier(backbone, 2), inputs)
    assert maps.shape == (2, 2, 6, 6)
    np.testing.assert_allclose(maps.sum(-1), 1, rtol=1e-5)
    x = embeddings(backbone, inputs)
    first = backbone.blocks[0]
    if block == "gated":
        x = layer_norm(first.layer_norm, x)
    weights = {
        w.path.split("/")[-2:][0] + "/" + w.name: to_numpy(w)
        for w in first.routing.weights
    }
    query, key = (
        np.einsum("ld,dhk->hlk", x, weights[f"{name}/kernel"])
        + weights[f"{name}/bias"][:, None]
        for name in ("query", "key")
    )
    scores = query @ key.swapaxes(1, 2) / np.sqrt(2)
    scores[..., 4:] = -np.inf
    np.testing.assert_allclose(maps[0], softmax(scores, axis=-1), atol=1e-6)


@fast_on_torch
def test_not_told_of_padding():
    backbone = build("stack", "attention", mask_padding=False)
    assert analysis.attention_maps(backbone, text(4, padding=2)).all()


@fast_on_torch
def test_what_has_no_maps():
    with pytest.raises(ConfigError, match="Only SelfAttention.*Received: BiSSM"):
        analysis.attention_maps(build(), text())
