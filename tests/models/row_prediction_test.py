"""Outputs of rows of many lengths are those of each row alone."""

import keras
import numpy as np
import pytest

from keras_bigs import models
from keras_bigs.compat.inner_layers import inner_layers
from keras_bigs.models import row_prediction
from tests.backend import fast_on_torch

VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefgh"]


def make_task(**options):
    backbone = models.BiGSBackbone(
        vocabulary_size=len(VOCABULARY),
        num_layers=1,
        hidden_dim=8,
        intermediate_dim=16,
        max_sequence_length=64,
        state_dim=4,
        **options,
    )
    preprocessor = models.BiGSTokenClassifierPreprocessor(
        models.BiGSTokenizer(VOCABULARY), sequence_length=64
    )
    return models.BiGSTokenClassifier(backbone, 3, preprocessor)


def make_rows(lengths):
    rng = np.random.default_rng(0)
    return [rng.integers(5, 13, length).tolist() for length in lengths]


@fast_on_torch
@pytest.mark.parametrize("mask_padding", [True, False])
def test_each_row_as_alone(mask_padding, monkeypatch):
    task = make_task(routing="ssm", mask_padding=mask_padding)
    rows = make_rows([3, 50, 1, 20, 61, 7, 15])
    shapes = set()
    predict = keras.Model.predict_on_batch

    def spy(self, x):
        shapes.add(x["token_ids"].shape)
        return predict(self, x)

    monkeypatch.setattr(keras.Model, "predict_on_batch", spy)
    outputs = row_prediction.predict_rows(task, (rows,), batch_size=2)
    # Where outputs depend on padding, all have as much as in training.
    buckets = {16, 24, 64} if mask_padding else {64}
    assert shapes == {(2, bucket) for bucket in buckets}
    for row, output in zip(rows, outputs, strict=True):
        packed = task.preprocessor.pack(([row],))
        expected = keras.ops.convert_to_numpy(predict(task, packed))[0]
        assert output.shape == (len(row) + 2, 3)
        np.testing.assert_allclose(output, expected[: len(output)], atol=2e-6)


def test_few_rows_are_one_batch_of_the_whole_length(monkeypatch):
    shapes = []

    def predict(self, x):
        shapes.append(x["token_ids"].shape)
        return np.zeros((*x["token_ids"].shape, 3), "float32")

    monkeypatch.setattr(keras.Model, "predict_on_batch", predict)
    task = make_task(routing="convolution")
    outputs = row_prediction.predict_rows(task, (make_rows([3, 5]),))
    assert [len(output) for output in outputs] == [5, 7]
    assert shapes == [(2, 64)]
    assert row_prediction.predict_rows(task, ([],)) == []


def test_batches_are_of_one_size(monkeypatch):
    """And give each row's output, whatever else is in the inputs."""
    sizes = []

    class Model:
        input = {"a": None, "b": None}

    def predict(model, x):
        assert set(x) == {"a", "b"}
        sizes.append(len(x["a"]))
        return x["a"] + x["b"]

    monkeypatch.setattr(keras.Model, "predict_on_batch", predict)
    a = np.arange(7)
    inputs = {"a": a, "b": 10 * a, "other": None}
    found = list(row_prediction.predict_batches(Model(), inputs, 3))
    assert sizes == [3, 3, 3]
    assert [rows for rows, _ in found] == [slice(0, 3), slice(3, 6), slice(6, 7)]
    np.testing.assert_array_equal(np.concatenate([y for _, y in found]), 11 * a)


def test_masks_are_filled_by_devices_that_share_batches(monkeypatch):
    """Rows are added until there are equally many for each."""
    pieces = models.BiGSMaskedLMPreprocessor(
        models.BiGSTokenizer(VOCABULARY), sequence_length=64
    )
    task = models.BiGSMaskedLM(make_task().backbone, pieces)
    texts = ["a [MASK]", "b c [MASK] d", "[MASK] e"]
    expected = task.fill_mask(texts, top_k=2)
    sizes = []
    predict = keras.Model.predict_on_batch

    def spy(self, x):
        sizes.append(len(x["token_ids"]))
        return predict(self, x)

    monkeypatch.setattr(keras.Model, "predict_on_batch", spy)
    monkeypatch.setattr(row_prediction, "parts_of_batches", lambda: 4)
    for guesses, one in zip(task.fill_mask(texts, top_k=2), expected, strict=True):
        for guess, other in zip(guesses[0], one[0], strict=True):
            assert guess["token"] == other["token"]
            assert guess["score"] == pytest.approx(other["score"], rel=1e-5)
    assert task.fill_mask(texts[0], top_k=2)
    assert sizes == [4, 4]


@pytest.mark.parametrize("policy", ["bfloat16", "mixed_bfloat16"])
def test_outputs_of_16_bits_are_float32(policy):
    """Also on PyTorch; a softmax in bfloat16 would make nearly equal guesses equal."""
    task = make_task(routing="convolution", dtype=policy)
    (output,) = row_prediction.predict_rows(task, (make_rows([9]),))
    assert output.dtype == "float32"
    pieces = models.BiGSMaskedLMPreprocessor(
        models.BiGSTokenizer(VOCABULARY), sequence_length=64
    )
    masked_lm = models.BiGSMaskedLM(task.backbone, pieces)
    guesses = masked_lm.fill_mask("a [MASK]", top_k=5)[0]
    scores = np.array([guess["score"] for guess in guesses], "float32")
    # Sixteen bits of a bfloat16 are those of its float32; the others would be zeros.
    assert (scores.view("uint32") & 0xFFFF).any()


def test_the_preprocessor_is_built():
    """Though it is passed by, or Keras on JAX would run the model twice."""
    task = make_task(routing="convolution")
    pieces = models.BiGSMaskedLMPreprocessor(
        models.BiGSTokenizer(VOCABULARY), sequence_length=64
    )
    masked_lm = models.BiGSMaskedLM(task.backbone, pieces)
    masked_lm.fill_mask("a [MASK]")
    task.classify_words("a b")
    for one in (masked_lm, task):
        assert all(layer.built for layer in inner_layers(one))
