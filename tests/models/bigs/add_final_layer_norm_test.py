"""A final layer norm for a trained model."""

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


def inputs():
    token_ids = np.random.default_rng(0).integers(5, 7, (2, 12), "int32")
    mask = np.ones_like(token_ids)
    return {"token_ids": token_ids, "segment_ids": mask * 0, "padding_mask": mask}


def test_hidden_states_are_those_of_before_normalized():
    model = backbone()
    with_norm = models.add_final_layer_norm(model)
    x = to_numpy(model(inputs())["sequence_output"])
    expected = (x - x.mean(-1, keepdims=True)) / x.std(-1, keepdims=True)
    actual = to_numpy(with_norm(inputs())["sequence_output"])
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-5)
    assert model.final_layer_norm is None


def test_a_task_keeps_its_head_and_preprocessor():
    """And what is frozen stays frozen; the norm can be trained."""
    preprocessor = models.BiGSMaskedLMPreprocessor(
        models.BiGSTokenizer(VOCABULARY), sequence_length=7
    )
    task = models.BiGSMaskedLM(backbone(), preprocessor)
    task.backbone.token_embedding.trainable = False
    task.backbone.blocks[1].trainable = False
    copy = models.add_final_layer_norm(task)
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


def test_errors():
    model = backbone(final_layer_norm=True)
    with pytest.raises(ValueError, match="has a final layer norm already"):
        models.add_final_layer_norm(model)
    with pytest.raises(ValueError, match="`model` must be a `BiGSBackbone` or a task"):
        models.add_final_layer_norm(keras.Sequential())
    model = backbone()
    model.enable_lora(2)
    with pytest.raises(ValueError, match="LoRA or quantized layers"):
        models.add_final_layer_norm(model)
