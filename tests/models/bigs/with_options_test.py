"""Other options for a trained encoder."""

import keras
import numpy as np
import pytest

from keras_bigs import models
from tests.backend import to_numpy
from tests.weights import randomize

VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "fox"]


def backbone(**kwargs):
    model = models.BiGSBackbone(
        len(VOCABULARY), 2, 8, 24, state_dim=4, max_sequence_length=12, **kwargs
    )
    return randomize(model)


def inputs(padding=0):
    token_ids = np.random.default_rng(0).integers(5, 7, (2, 12), "int32")
    mask = np.ones_like(token_ids)
    mask[:, 12 - padding :] = 0
    return {"token_ids": token_ids, "segment_ids": mask * 0, "padding_mask": mask}


def test_options_change_and_weights_do_not():
    model = backbone(dropout=0.1, mask_padding=False)
    other = models.with_options(model, dropout=0.3, mask_padding=True)
    assert (model.dropout, model.mask_padding) == (0.1, False)
    assert (other.dropout, other.blocks[1].residual_dropout.rate) == (0.3, 0.3)
    for old, new in zip(model.weights, other.weights, strict=True):
        np.testing.assert_array_equal(to_numpy(old), to_numpy(new))
    outputs = [to_numpy(m(inputs(3))["pooled_output"]) for m in (model, other)]
    assert np.abs(outputs[0] - outputs[1]).max() > 1e-3
    outputs = [to_numpy(m(inputs())["pooled_output"]) for m in (model, other)]
    np.testing.assert_array_equal(*outputs)


def test_a_final_layer_norm_normalizes_hidden_states():
    model = backbone()
    with_norm = models.with_options(model, final_layer_norm=True)
    x = to_numpy(model(inputs())["sequence_output"])
    expected = (x - x.mean(-1, keepdims=True)) / x.std(-1, keepdims=True)
    actual = to_numpy(with_norm(inputs())["sequence_output"])
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-5)
    assert model.final_layer_norm is None
    again = models.with_options(with_norm, final_layer_norm=True, dropout=0.0)
    for old, new in zip(with_norm.weights, again.weights, strict=True):
        np.testing.assert_array_equal(to_numpy(old), to_numpy(new))


def test_a_task_keeps_its_head_and_preprocessor():
    """And what is frozen stays frozen; an added norm can be trained unless all is."""
    preprocessor = models.BiGSMaskedLMPreprocessor(
        models.BiGSTokenizer(VOCABULARY), sequence_length=7
    )
    task = models.BiGSMaskedLM(backbone(), preprocessor)
    task.backbone.token_embedding.trainable = False
    task.backbone.blocks[1].trainable = False
    copy = models.with_options(task, final_layer_norm=True)
    assert copy.preprocessor.sequence_length == 7
    assert copy.fill_mask("the [MASK]", top_k=1)
    for old, new in zip(
        task.masked_lm_head.weights, copy.masked_lm_head.weights, strict=True
    ):
        np.testing.assert_array_equal(to_numpy(old), to_numpy(new))
    trained = {weight.path for weight in copy.trainable_weights}
    norm = {weight.path for weight in copy.backbone.final_layer_norm.weights}
    assert trained == norm | {weight.path for weight in task.trainable_weights}
    assert len(norm) == 2
    task.backbone.trainable = False
    copy = models.with_options(task, final_layer_norm=True)
    assert not copy.backbone.final_layer_norm.trainable
    assert len(copy.trainable_weights) == len(task.trainable_weights)


def test_errors():
    model = backbone(final_layer_norm=True)
    with pytest.raises(ValueError, match="cannot be taken away"):
        models.with_options(model, final_layer_norm=False)
    with pytest.raises(ValueError, match="only activation, .*Received: hidden_dim=16"):
        models.with_options(model, hidden_dim=16)
    with pytest.raises(ValueError, match="`model` must be a `BiGSBackbone` or a task"):
        models.with_options(keras.Sequential(), dropout=0.1)
    model = backbone()
    model.enable_lora(2)
    with pytest.raises(ValueError, match="LoRA or quantized layers"):
        models.with_options(model, dropout=0.1)
