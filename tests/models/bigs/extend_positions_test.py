"""More positions: what was is unchanged."""

import keras
import numpy as np
import pytest

from keras_bigs import layers
from keras_bigs import models
from tests.backend import to_numpy
from tests.weights import randomize

VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "fox"]


def backbone(**kwargs):
    model = models.BiGSBackbone(
        len(VOCABULARY), 2, 8, 24, state_dim=4, max_sequence_length=12, **kwargs
    )
    return randomize(model)


def inputs(length):
    rng = np.random.default_rng(length)
    token_ids = rng.integers(5, 7, (2, length), "int32")
    mask = np.ones_like(token_ids)
    mask[1, length // 2 :] = 0
    return {"token_ids": token_ids, "segment_ids": mask * 0, "padding_mask": mask}


def test_old_lengths_do_not_change():
    model = backbone()
    before = [to_numpy(w) for w in model.weights]
    longer = models.extend_positions(model, 30)
    for name, expected in model(inputs(12)).items():
        actual = longer(inputs(12))[name]
        np.testing.assert_array_equal(to_numpy(actual), to_numpy(expected))
    assert longer(inputs(30))["sequence_output"].shape == (2, 30, 8)
    for weight, value in zip(model.weights, before, strict=True):
        np.testing.assert_array_equal(to_numpy(weight), value)
    table = to_numpy(longer.position_embedding.position_embeddings)
    np.testing.assert_array_equal(table[12:24], table[:12])
    np.testing.assert_array_equal(table[24:], table[:6])


@pytest.mark.parametrize("routing", ["ssm", layers.BiSSM(4)])
def test_routing_layers_know_the_length(routing):
    model = backbone(routing=routing)
    assert model.blocks[1].routing.max_length == 12
    longer = models.extend_positions(model, 30)
    assert longer.blocks[1].routing.max_length == 30


def test_interpolate():
    model = backbone()
    old = to_numpy(model.position_embedding.position_embeddings)
    longer = models.extend_positions(model, 23, method="interpolate")
    new = to_numpy(longer.position_embedding.position_embeddings)
    np.testing.assert_allclose(new[::2], old, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(
        new[1::2], (old[1:] + old[:-1]) / 2, rtol=1e-4, atol=1e-6
    )


def test_tasks(tmp_path):
    preprocessor = models.BiGSMaskedLMPreprocessor(
        models.BiGSTokenizer(VOCABULARY), sequence_length=12
    )
    masked_lm = models.BiGSMaskedLM(backbone(), preprocessor)
    longer = models.extend_positions(masked_lm, 48)
    assert type(longer) is models.BiGSMaskedLM
    assert longer.backbone.max_sequence_length == 48
    assert longer.preprocessor.sequence_length == 48
    assert masked_lm.preprocessor.sequence_length == 12
    guesses = masked_lm.fill_mask("the [MASK]")[0]
    for one, other in zip(guesses, longer.fill_mask("the [MASK]")[0], strict=True):
        assert one["score"] == pytest.approx(other["score"], rel=1e-5)
    longer.fill_mask("the [MASK] " * 15)
    longer.save_to_preset(str(tmp_path))
    again = models.BiGSMaskedLM.from_preset(str(tmp_path))
    assert again.backbone.max_sequence_length == 48


@pytest.mark.parametrize(
    ("cls", "arguments"),
    [
        (models.BiGSTextClassifier, {"num_classes": 3}),
        (models.BiGSTokenClassifier, {"num_classes": 3, "dropout": 0.4}),
        (models.BiGSQuestionAnswerer, {}),
        (models.BiGSMultipleChoice, {}),
        (models.BiGSTextEmbedder, {"normalize": False}),
    ],
)
def test_other_tasks(cls, arguments):
    preprocessor = cls.preprocessor_cls(
        models.BiGSTokenizer(VOCABULARY), sequence_length=8
    )
    task = cls(backbone(), preprocessor=preprocessor, **arguments)
    longer = models.extend_positions(task, 30)
    assert type(longer) is cls
    # It did not pack up to the old length, so it keeps its own.
    assert longer.preprocessor.sequence_length == 8
    assert {n: getattr(longer, n) for n in arguments} == arguments
    x = inputs(12)
    if cls is models.BiGSMultipleChoice:
        x = {name: array[:, None] for name, array in x.items()}
    old, new = (keras.tree.flatten(model(x)) for model in (task, longer))
    for one, other in zip(old, new, strict=True):
        np.testing.assert_array_equal(to_numpy(one), to_numpy(other))


def test_what_is_frozen_stays_frozen():
    task = models.BiGSTextClassifier(backbone(), 2)
    task.backbone.token_embedding.trainable = False
    task.backbone.blocks[0].trainable = False
    task.backbone.blocks[0].gate_dense.trainable = True
    longer = models.extend_positions(task, 30)
    frozen = [w.path for w in longer.non_trainable_weights]
    assert frozen == [w.path for w in task.non_trainable_weights]
    assert "token_embedding/embeddings" in frozen
    assert longer.backbone.blocks[0].gate_dense.trainable
    assert not longer.backbone.blocks[0].value_dense.trainable
    assert longer.backbone.blocks[1].trainable


def test_compiled_as_new():
    task = models.BiGSTextClassifier(backbone(), 2)
    task.compile(optimizer="sgd", loss="mean_squared_error")
    longer = models.extend_positions(task, 30)
    assert type(longer.optimizer) is type(
        models.BiGSTextClassifier(backbone(), 2).optimizer
    )
    assert not models.extend_positions(backbone(), 30).compiled


def test_models_that_cannot_be_extended():
    with pytest.raises(ValueError, match="must be a `BiGSBackbone` or a task"):
        models.extend_positions(keras.Sequential(), 30)
    with_lora = backbone()
    with_lora.enable_lora(2)
    with pytest.raises(ValueError, match="save_to_preset.*block_0/gate_dense"):
        models.extend_positions(with_lora, 30)


@pytest.mark.parametrize("length", [48.0, "48", None])
def test_lengths_that_are_no_integers(length):
    with pytest.raises(ValueError, match=f"integer above.*{length!r}; the model's is"):
        models.extend_positions(backbone(), length)


def test_errors():
    with pytest.raises(ValueError, match="method='repeat'"):
        models.extend_positions(backbone(), 24, method="repeat")
    with pytest.raises(ValueError, match="max_sequence_length=12"):
        models.extend_positions(backbone(), 12)
