"""Classifiers of any number of labels a text."""

import json
import pathlib

import keras
import numpy as np
import pytest
from keras import ops

from keras_bigs import models
from keras_bigs import training
from keras_bigs.data import BucketedBatches
from tests.backend import fast_on_torch
from tests.models.bigs.bigs_tasks_test import TEXTS
from tests.models.bigs.bigs_tasks_test import VOCABULARY
from tests.models.bigs.bigs_tasks_test import backbone
from tests.weights import randomize

LABELS = np.array([[1, 1, 0], [0, 0, 0]])


def classifier(activation=None, num_classes=3, **kwargs):
    # The routing that compiles fastest.
    tokenizer = models.BiGSTokenizer(VOCABULARY)
    task = models.BiGSTextClassifier(
        backbone(routing="fourier"),
        num_classes,
        models.BiGSTextClassifierPreprocessor(tokenizer, sequence_length=12),
        activation=activation,
        multi_label=True,
        **kwargs,
    )
    return randomize(task)


@pytest.mark.parametrize(
    ("activation", "dtype"), [(None, "int32"), ("sigmoid", "float32")]
)
def test_loss_and_accuracy(activation, dtype):
    """Those of independent labels, by NumPy."""
    task = classifier(activation)
    bias = task.output_dense.bias
    bias.assign(ops.convert_to_numpy(bias) - [0.5, 0, 0])
    outputs = task.predict(TEXTS, verbose=0)
    assert outputs.shape == LABELS.shape
    probabilities = outputs if activation else 1 / (1 + np.exp(-outputs))
    # Sigmoids, not a softmax; and thresholds of 0 and 0.5 are told apart.
    assert np.abs(probabilities.sum(1) - 1).min() > 0.01
    logits = np.log(probabilities / (1 - probabilities))
    assert logits.min() < 0 and np.any((logits > 0) & (logits < 0.5))
    right = np.where(LABELS, probabilities, 1 - probabilities)
    result = task.evaluate(TEXTS, LABELS.astype(dtype), return_dict=True, verbose=0)
    np.testing.assert_allclose(result["loss"], -np.log(right).mean(), rtol=1e-4)
    np.testing.assert_allclose(result["binary_accuracy"], (right > 0.5).mean())


def test_default_compilation():
    for activation in (None, "sigmoid"):
        task = classifier(activation)
        assert isinstance(task.loss, keras.losses.BinaryCrossentropy)
        assert task.loss.get_config()["from_logits"] == (activation is None)
        task.compile(loss="mse")
        assert task.loss == "mse"


@fast_on_torch
def test_learns_labels_of_their_own():
    """Two words, both, one or none of which a text has."""
    tokenizer = models.BiGSTokenizer(VOCABULARY)
    task = models.BiGSTextClassifier(
        models.BiGSBackbone(len(VOCABULARY), 1, 32, 96, dropout=0.0),
        2,
        models.BiGSTextClassifierPreprocessor(tokenizer, sequence_length=12),
        multi_label=True,
    )
    task.compile(keras.optimizers.Adam(3e-3))
    words = ["the", "quick", "brown", "fox", "jumped", "over", "a"]
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.permutation(words)[:4]) for _ in range(64)]
    labels = np.array([["fox" in text, "quick" in text] for text in texts], "float32")
    assert len(np.unique(labels, axis=0)) == 4
    task.fit(texts, labels, epochs=15, batch_size=16, verbose=0)
    predictions = task.predict(texts, verbose=0) > 0
    assert (predictions == labels).mean() > 0.95


@fast_on_torch
def test_presets_keep_it(tmp_path):
    task = classifier("sigmoid")
    task.save_to_preset(str(tmp_path))
    copy = models.BiGSTextClassifier.from_preset(str(tmp_path))
    assert copy.multi_label
    assert isinstance(copy.loss, keras.losses.BinaryCrossentropy)
    expected = task.predict(TEXTS, verbose=0)
    np.testing.assert_allclose(copy.predict(TEXTS, verbose=0), expected, atol=1e-6)
    # Another number of labels: the head is new, and still of this kind.
    other = models.BiGSTextClassifier.from_preset(str(tmp_path), num_classes=5)
    assert other.multi_label
    assert other.output_shape == (None, 5)


@fast_on_torch
def test_presets_from_before_have_one_label(tmp_path):
    task = models.BiGSTextClassifier(backbone(routing="fourier"), 3)
    task.save_to_preset(str(tmp_path))
    path = pathlib.Path(tmp_path, "task.json")
    config = json.loads(path.read_text())
    del config["config"]["multi_label"]
    path.write_text(json.dumps(config))
    copy = models.BiGSTextClassifier.from_preset(str(tmp_path))
    assert not copy.multi_label
    assert isinstance(copy.loss, keras.losses.SparseCategoricalCrossentropy)
    # Any preset may be trained with several.
    tagger = models.BiGSTextClassifier.from_preset(
        str(tmp_path), num_classes=4, multi_label=True
    )
    assert isinstance(tagger.loss, keras.losses.BinaryCrossentropy)


def test_config():
    task = classifier("sigmoid")
    copy = models.BiGSTextClassifier.from_config(task.get_config())
    assert copy.multi_label and copy.get_config()["multi_label"]
    assert copy.activation == keras.activations.sigmoid


def test_what_it_cannot_be():
    with pytest.raises(ValueError, match="num_classes=1, which is regression.*=2 and"):
        classifier(num_classes=1)
    for activation in ("softmax", keras.activations.softmax, "tanh"):
        with pytest.raises(ValueError, match='`None`, for logits, or "sigmoid"'):
            classifier(activation)


@pytest.mark.parametrize("activation", [None, "sigmoid"])
def test_fine_tuning_predicts_labels_of_probability_one_half(activation, tmp_path):
    """Whether the outputs are logits or probabilities."""
    task = classifier(activation)
    texts, labels = ["the fox"] * 2, np.array([[1, 0, 1]] * 2)
    weights = [weight.shape for weight in task.get_layer("logits").weights]
    task.get_layer("logits").set_weights(
        [np.zeros(weights[0]), np.array([3.0, -3.0, 3.0])]
    )
    batches = BucketedBatches.for_task(task, texts, labels)
    tuned = training.fine_tune(
        task, batches, batches, tmp_path, learning_rate=1e-9, epochs=1, verbose=0
    )
    assert tuned.best["val_exact_match"] == 1.0
