"""`predict` of raw inputs in memory gives what keras-hub's pipeline gives."""

import keras
import numpy as np
import pytest
from keras_hub.models import Task

from keras_bigs import models
from tests.models.bigs.bigs_backbone_test import small
from tests.weights import randomize

TEXTS = ["the quick brown fox", "the fox", "", "quick quick quick quick", "brown"]
VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "quick", "brown"]


def task(cls=models.BiGSTextClassifier, **options):
    backbone = small(vocabulary_size=8, num_layers=1)
    tokenizer = models.BiGSTokenizer(VOCABULARY, lowercase=True)
    preprocessor = cls.preprocessor_cls(tokenizer, sequence_length=12)
    return randomize(cls(backbone, preprocessor=preprocessor, **options))


class Counting:
    """Counts the batches that a task preprocesses."""

    def __init__(self, task, monkeypatch):
        self.sizes = []
        preprocess = task.preprocess_samples

        def counted(x, *args):
            self.sizes.append(len(x[0] if isinstance(x, tuple) else x))
            return preprocess(x, *args)

        monkeypatch.setattr(task, "preprocess_samples", counted)


@pytest.mark.parametrize(
    "x",
    [
        TEXTS,
        np.array(TEXTS),
        np.array(TEXTS, dtype=object),
        (TEXTS, TEXTS[::-1]),
        (TEXTS, np.array(TEXTS)),
    ],
    ids=["list", "array", "objects", "pairs", "mixed pairs"],
)
def test_batches_are_preprocessed_once(x, monkeypatch):
    classifier = task(num_classes=3)
    expected = Task.predict(classifier, x, batch_size=2, verbose=0)
    counting = Counting(classifier, monkeypatch)
    actual = classifier.predict(x, batch_size=2, verbose=0)
    assert np.array_equal(actual, expected)
    # TensorFlow looks at the first two to learn their shapes.
    looked_at = [2, 2] if keras.backend.backend() == "tensorflow" else []
    assert counting.sizes == [*looked_at, 2, 2, 1]


def test_lists_of_words_and_of_choices():
    words = [["the", "fox"], ["quick"], ["brown", "brown", "the"]]
    classifier = task(models.BiGSTokenClassifier, num_classes=3)
    chooser = task(models.BiGSMultipleChoice)
    choices = TEXTS[:3], [["the", "brown"], ["fox", "the"], ["quick", ""]]
    for model, x in ((classifier, words), (chooser, choices)):
        stacked, _ = model.stack_inputs(x)
        expected = Task.predict(model, stacked, batch_size=2, verbose=0)
        assert np.array_equal(model.predict(x, batch_size=2, verbose=0), expected)


@pytest.mark.parametrize("x", ["the fox", []], ids=["a string", "nothing"])
def test_what_cannot_be_batched_gets_the_error_of_keras_hub(x):
    classifier = task(num_classes=3)
    with pytest.raises(Exception) as theirs:
        Task.predict(classifier, x, verbose=0)
    with pytest.raises(type(theirs.value)) as ours:
        classifier.predict(x, verbose=0)
    assert str(ours.value) == str(theirs.value)


def test_callbacks_and_steps():
    classifier = task(num_classes=3)
    ended = []
    callback = keras.callbacks.LambdaCallback()
    callback.on_predict_batch_end = lambda batch, logs: ended.append(batch)
    result = classifier.predict(
        TEXTS, batch_size=2, steps=2, callbacks=[callback], verbose=0
    )
    assert result.shape == (4, 3)
    assert ended == [0, 1]
