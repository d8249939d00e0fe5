"""Raw inputs in memory: as by keras-hub, but that `fit` draws a new order."""

import warnings

import keras
import keras_hub
import numpy as np
import pytest
from keras_hub.models import Task

from keras_bigs import models
from keras_bigs.compat.inner_layers import inner_layers
from tests.models.bigs.bigs_backbone_test import small
from tests.weights import randomize

TEXTS = ["the quick brown fox", "the fox", "", "quick quick quick quick", "brown"]
VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "quick", "brown"]


def task(cls=models.BiGSTextClassifier, **options):
    backbone = small(vocabulary_size=8, num_layers=1, dropout=0.0)
    tokenizer = models.BiGSTokenizer(VOCABULARY, lowercase=True)
    preprocessor = cls.preprocessor_cls(tokenizer, sequence_length=12)
    return randomize(cls(backbone, preprocessor=preprocessor, **options))


class Counting:
    """Counts the batches that a task preprocesses."""

    def __init__(self, task, monkeypatch):
        self.sizes, self.texts = [], []
        preprocess = task.preprocess_samples

        def counted(x, *args):
            self.sizes.append(len(x[0] if isinstance(x, tuple) else x))
            self.texts.extend(x)
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


def test_texts_that_are_cut_are_counted():
    """Once a call, where the encoder takes more than its preprocessor gives it."""
    classifier = task(num_classes=3)
    long = ["quick " * 20, *TEXTS, "brown " * 30]
    with pytest.warns(UserWarning, match="2 of the texts fill all 12 tokens") as seen:
        classifier.fit(long, [0] * 7, batch_size=2, epochs=2, verbose=0)
    (message,) = (str(w.message) for w in seen if "texts fill" in str(w.message))
    takes = classifier.backbone.max_sequence_length
    assert f"`task.preprocessor.sequence_length = {takes}`" in message
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        classifier.predict(TEXTS, verbose=0)
        classifier.preprocessor.sequence_length = takes
        classifier.predict(long, verbose=0)


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


def compiled(task):
    """Trained by steps that have no memory, so that two runs can be compared."""
    task.compile(
        optimizer=keras.optimizers.SGD(0.1),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        weighted_metrics=["accuracy"],
    )
    return task


LABELS = [0, 1, 2, 0, 1]
WEIGHTS = [1.0, 0.5, 2.0, 0.0, 1.5]


@pytest.mark.parametrize(
    ("x", "options"),
    [
        (TEXTS, {}),
        (np.array(TEXTS), {"sample_weight": np.array(WEIGHTS)}),
        ((TEXTS, TEXTS[::-1]), {"class_weight": {0: 1.0, 1: 2.0, 2: 0.5}}),
        (TEXTS, {"validation_data": (TEXTS[:3], np.array(LABELS[:3]))}),
        (np.array(TEXTS), {"validation_split": 0.4}),
    ],
    ids=["list", "weights", "classes' weights", "validation", "split"],
)
def test_fit_in_order_is_that_of_keras_hub(x, options):
    history, weights, y = [], [], np.array(LABELS)
    classifier = compiled(task(num_classes=3, dropout=0.0))
    start = classifier.get_weights()
    for fit in (Task.fit, models.BiGSTextClassifier.fit):
        classifier.set_weights(start)
        done = fit(classifier, x, y, 2, epochs=2, shuffle=False, verbose=0, **options)
        history.append(done.history)
        weights.append(classifier.get_weights())
    assert history[0].keys() == history[1].keys()
    for name, values in history[0].items():
        assert np.allclose(values, history[1][name], rtol=1e-5)
    for theirs, ours in zip(*weights, strict=True):
        assert np.allclose(ours, theirs, rtol=1e-4, atol=1e-6)


def test_every_epoch_has_an_order_of_its_own(monkeypatch):
    """And pairs of text and label stay together."""
    texts = [f"{' '.join(['the'] * n)}" for n in range(1, 9)]
    classifier = compiled(task(num_classes=9))
    preprocess, pairs = classifier.preprocess_samples, []

    def recorded(x, y, *args):
        pairs.append(
            [(len(text.split()), int(label)) for text, label in zip(x, y, strict=True)]
        )
        return preprocess(x, y, *args)

    monkeypatch.setattr(classifier, "preprocess_samples", recorded)
    orders = []
    data = (texts, list(range(1, 9)))
    # Building looks at a batch too, the first time.
    classifier.fit(*data, batch_size=3, verbose=0)
    for seed in (1, 1, 2):
        keras.utils.set_random_seed(seed)
        pairs.clear()
        classifier.fit(*data, batch_size=3, epochs=2, verbose=0)
        # TensorFlow looks at the first two batches beforehand.
        seen = [pair for batch in pairs[-6:] for pair in batch]
        assert all(words == label for words, label in seen)
        first, second = seen[:8], seen[8:]
        assert sorted(first) == sorted(second) == [(n, n) for n in range(1, 9)]
        assert first != second
        orders.append(seen)
    assert orders[0] == orders[1] != orders[2]


def test_evaluate_is_that_of_keras_hub(monkeypatch):
    classifier = compiled(task(num_classes=3))
    data = (TEXTS, np.array(LABELS), 2, np.array(WEIGHTS))
    expected = Task.evaluate(classifier, *data, verbose=0, return_dict=True)
    counting = Counting(classifier, monkeypatch)
    actual = classifier.evaluate(*data, verbose=0, return_dict=True)
    looked_at = [2, 2] if keras.backend.backend() == "tensorflow" else []
    assert counting.sizes == [*looked_at, 2, 2, 1]
    assert actual == pytest.approx(expected, rel=1e-5)


def test_arrays_for_a_task_without_a_preprocessor_are_shuffled(monkeypatch):
    classifier = compiled(task(num_classes=3))
    inputs, y = classifier.preprocessor(TEXTS), np.array(LABELS)
    inputs = {name: np.asarray(x) for name, x in inputs.items()}
    expected = classifier.predict(TEXTS, verbose=0)
    classifier.preprocessor = None
    assert np.allclose(classifier.predict(inputs, verbose=0), expected, atol=1e-6)
    drawn = []
    permutation = np.random.permutation
    monkeypatch.setattr(
        np.random, "permutation", lambda n: drawn.append(n) or permutation(n)
    )
    classifier.fit(inputs, y, batch_size=2, verbose=0)
    assert 5 in drawn


@pytest.mark.parametrize(
    "labels",
    [
        LABELS,
        np.array(LABELS, "uint8"),
        keras.ops.convert_to_tensor(LABELS),
    ],
    ids=["list", "bytes", "tensor"],
)
def test_labels_of_any_kind(labels, monkeypatch):
    """Also with a pass over the data that is longer than an epoch."""
    classifier = compiled(task(num_classes=3))
    counting = Counting(classifier, monkeypatch)
    classifier.fit(TEXTS, labels, batch_size=2, epochs=3, steps_per_epoch=2, verbose=0)
    # Six batches are two passes. TensorFlow looks at two before, and reads ahead.
    ends = [i for i, size in enumerate(counting.sizes) if size == 1]
    assert len(ends) >= 2
    for end in ends:
        stop = sum(counting.sizes[: end + 1])
        assert sorted(counting.texts[stop - 5 : stop]) == sorted(TEXTS)


def test_a_dataset_for_validation(monkeypatch):
    tf = pytest.importorskip("tensorflow")
    classifier = compiled(task(num_classes=3))
    held_out = tf.data.Dataset.from_tensor_slices((TEXTS, LABELS)).batch(2)
    with pytest.warns(UserWarning, match="shuffle=True"):
        done = classifier.fit(
            TEXTS, np.array(LABELS), validation_data=held_out, verbose=0
        )
    assert "val_loss" in done.history


@pytest.mark.parametrize(
    ("y", "split", "message"),
    [
        (LABELS, 0.9, "not sufficient to split"),
        (LABELS[:3], 0.2, "same batch dimension"),
    ],
    ids=["all", "too few"],
)
def test_what_cannot_be_split_is_refused(y, split, message):
    classifier = compiled(task(num_classes=3))
    with pytest.raises(ValueError, match=message):
        classifier.fit(np.array(TEXTS), np.array(y), validation_split=split, verbose=0)


@pytest.mark.parametrize(
    "cls",
    [models.BiGSTextClassifier, models.BiGSTextEmbedder, models.BiGSMaskedLM],
)
def test_all_layers_are_built(cls):
    """Where one is not, Keras on JAX runs the model once more at every call."""
    kwargs = {"num_classes": 2} if cls is models.BiGSTextClassifier else {}
    task = cls.from_preset("bigs_mini_en_uncased", **kwargs)
    task.preprocessor(["The fox."])
    layers = [*inner_layers(task), *inner_layers(task.preprocessor)]
    assert not [layer for layer in layers if not layer.built]


def test_labels_that_are_no_classes():
    """JAX would train on them, with a loss of 0."""
    classifier = compiled(task(num_classes=3))
    for y in ([0, 1, 2, 3, 0], [0, 0, -1, 0, 0], np.array([0.0, 7, 0, 0, 0])):
        for call in (classifier.fit, classifier.evaluate, classifier.train_on_batch):
            with pytest.raises(ValueError, match="`y` must be classes from 0 to 2"):
                call(TEXTS, y)
    with pytest.raises(ValueError, match="`y` must be classes"):
        classifier.fit(TEXTS, LABELS, validation_data=(TEXTS, [3] * 5), verbose=0)
    with pytest.raises(ValueError, match="`y` must be numbers"):
        classifier.fit(TEXTS, ["good"] * 5)
    # What another loss makes of labels is not known here.
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=9)
    classifier.compile(loss=loss)
    classifier.fit(TEXTS, [0, 1, 2, 9, 0], verbose=0)
    loss = keras.losses.CategoricalCrossentropy(from_logits=True)
    classifier.compile(loss=loss, metrics=[])
    classifier.fit(TEXTS, np.eye(5, 3), verbose=0)


def test_labels_that_are_no_rows_of_zeros_and_ones():
    tagger = task(num_classes=3, multi_label=True)
    tagger.compile()
    for y in ([[7, 0, 0]] * 5, [[0, 1]] * 5, [0, 1, 2, 0, 1]):
        with pytest.raises(ValueError, match="a row of zeros and ones for each text"):
            tagger.fit(TEXTS, y)
    tagger.fit(TEXTS, [[1, 0, 0.5]] * 5, verbose=0)


@pytest.mark.parametrize(
    "cls",
    [models.BiGSTextClassifier, models.BiGSTextEmbedder, models.BiGSMaskedLM],
)
def test_lengths_that_cannot_be_packed(cls):
    tokenizer = models.BiGSTokenizer(VOCABULARY)
    for length in (0, 3, 10.5):
        with pytest.raises(ValueError, match="must be an int and at least 4"):
            cls.preprocessor_cls(tokenizer, sequence_length=length)
    assert cls.preprocessor_cls(tokenizer, sequence_length=np.int64(4))
    default = cls.preprocessor_cls(tokenizer).sequence_length
    assert default == (256 if cls is models.BiGSTextEmbedder else 512)


def test_a_preprocessor_of_another_task():
    preprocessor = task(num_classes=3).preprocessor
    with pytest.raises(ValueError, match="must be a `BiGSTokenClassifierPreprocessor`"):
        models.BiGSTokenClassifier(small(vocabulary_size=8), 3, preprocessor)
    # Of texts that are classified as a whole, any that makes the inputs.
    tokenizer = preprocessor.tokenizer
    other = keras_hub.models.BertTextClassifierPreprocessor(
        tokenizer, sequence_length=12
    )
    models.BiGSTextClassifier(small(vocabulary_size=8), 3, other)
