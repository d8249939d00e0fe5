import types

import keras
import keras_hub
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from keras_bigs import models
from keras_bigs.data import BucketedBatches
from keras_bigs.models.row_prediction import bucket_lengths

# No model takes part, nor tensors of a backend.
without_backend = pytest.mark.without_backend
WORDS = ["the", "quick", "brown", "fox", "##es", "jumped", "over", "a", "lazy", "dog"]
# The padding token is not 0, so that nothing may rely on that.
VOCABULARY = ["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]", *WORDS]


@pytest.fixture(scope="module")
def preprocessor():
    tokenizer = keras_hub.models.BertTokenizer(
        VOCABULARY, special_tokens_in_strings=True
    )
    return keras_hub.models.BertTextClassifierPreprocessor(
        tokenizer, sequence_length=48
    )


class NumberPreprocessor:
    """As much of a preprocessor as the batches need. Words are ids, but not 3."""

    sequence_length = 48
    tokenizer = types.SimpleNamespace(pad_token_id=3)

    def __call__(self, x, y=None):
        ids = tf.strings.to_number(tf.strings.split(x), tf.int32)
        token_ids = ids.to_tensor(default_value=3, shape=(None, 48))
        x = {"token_ids": token_ids, "padding_mask": token_ids != 3}
        return x if y is None else (x, y)


def random_texts(size, max_words=60, seed=0, words=("0", "1", "2", "4")):
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, max_words + 1, size)
    return [" ".join(rng.choice(words, length)) for length in lengths]


def shapes(batches, epochs=1, **kwargs):
    return [x["token_ids"].shape for x in batches.dataset(epochs, **kwargs)]


def small_model():
    token_ids = keras.Input((None,), dtype="int32", name="token_ids")
    mask = keras.Input((None,), dtype="bool", name="padding_mask")
    x = keras.layers.Embedding(5, 4)(token_ids)
    x = keras.layers.GlobalAveragePooling1D()(x, mask=mask)
    inputs = {"token_ids": token_ids, "padding_mask": mask}
    model = keras.Model(inputs, keras.layers.Dense(1)(x))
    model.compile(keras.optimizers.SGD(0.1, momentum=0.5), "mse")
    return model


@without_backend
def test_bucket_lengths():
    assert bucket_lengths(128) == [16, 24, 32, 48, 64, 96, 128]
    assert bucket_lengths(100) == [16, 24, 32, 48, 64, 96, 100]
    assert bucket_lengths(48) == [16, 24, 32, 48]
    assert bucket_lengths(16) == [16]
    assert bucket_lengths(5) == [5]
    assert len(bucket_lengths(4096)) == 17


@pytest.mark.parametrize("is_pair", [False, True])
def test_batches_are_what_the_preprocessor_returns(preprocessor, is_pair):
    words = ["quick", "foxes", "dog", "unheard"]
    texts = [*random_texts(30, words=words), "", "the [PAD] dog", "[PAD]"]
    pairs = random_texts(33, seed=1, words=words) if is_pair else None
    x = (texts, pairs) if is_pair else texts
    batches = BucketedBatches(preprocessor, x, batch_size=8)
    expected = preprocessor(x=x)
    expected = {key: keras.ops.convert_to_numpy(x) for key, x in expected.items()}
    batched = list(batches.dataset().as_numpy_iterator())
    assert len(batched) == batches.steps_per_epoch == 5
    rows = np.split(batches.order(), range(8, 33, 8))
    for x, indices in zip(batched, rows, strict=True):
        assert x.keys() == expected.keys()
        length = x["token_ids"].shape[1]
        assert length in (16, 24, 32, 48)
        for key, values in expected.items():
            assert x[key].dtype == values.dtype
            np.testing.assert_array_equal(x[key], values[indices, :length])
            # Beyond, there is only padding.
            is_padding = values[indices, length:] == (3 if key == "token_ids" else 0)
            assert is_padding.all()


@without_backend
@settings(max_examples=15, deadline=None)
@given(
    size=st.integers(1, 70),
    max_words=st.integers(1, 60),
    batch_size=st.integers(1, 20),
    shuffle=st.booleans(),
    seed=st.integers(0, 99),
)
def test_every_example_comes_once_in_few_shapes(
    size, max_words, batch_size, shuffle, seed
):
    texts = random_texts(size, max_words, seed)
    labels = np.arange(size, dtype="int32")
    batches = BucketedBatches(
        NumberPreprocessor(),
        texts,
        y=labels,
        batch_size=batch_size,
        shuffle=shuffle,
        seed=seed,
    )
    steps = -(-size // batch_size)
    assert batches.steps_per_epoch == steps
    batched = list(batches.dataset(epochs=2).as_numpy_iterator())
    assert len(batched) == len(batches.dataset(epochs=2)) == 2 * steps
    epochs = []
    for epoch, part in enumerate((batched[:steps], batched[steps:])):
        order = np.concatenate([y for _, y in part])
        np.testing.assert_array_equal(order, batches.order(epoch))
        np.testing.assert_array_equal(np.sort(order), labels)
        epochs.append(sorted(x["token_ids"].shape for x, _ in part))
        for x, _ in part:
            longest = x["padding_mask"].sum(axis=1).max()
            buckets = [n for n in bucket_lengths(48) if n >= longest]
            assert x["token_ids"].shape[1] == buckets[0]
    assert epochs[0] == epochs[1]
    assert sum(shape[0] < batch_size for shape in epochs[0]) <= 1
    assert len(set(epochs[0])) <= len(bucket_lengths(48)) + 1


@without_backend
def test_each_text_has_the_smallest_bucket_that_fits():
    texts = ["1 " * length for length in (1, 16, 17, 24, 25, 48, 60)]
    batches = BucketedBatches(NumberPreprocessor(), texts, batch_size=1)
    lengths = [length for _, length in shapes(batches)]
    assert lengths == [16, 16, 24, 24, 32, 48, 48]


@without_backend
def test_shuffling():
    texts = random_texts(64)

    def order(epoch, shuffle=True, seed=0):
        batches = BucketedBatches(
            NumberPreprocessor(), texts, batch_size=8, shuffle=shuffle, seed=seed
        )
        return batches.order(epoch).tolist()

    def together(order):
        return {frozenset(order[i : i + 8]) for i in range(0, 64, 8)}

    assert order(3) == order(3)
    orders = [order(0), order(1), order(0, seed=1)]
    for i, first in enumerate(orders):
        for second in orders[:i]:
            assert first != second
            assert together(first) != together(second)
    assert order(0, shuffle=False) == order(1, shuffle=False, seed=1)


@without_backend
def test_unshuffled_batches_go_from_short_to_long():
    batches = BucketedBatches(NumberPreprocessor(), random_texts(64), batch_size=8)
    lengths = [length for _, length in shapes(batches)]
    assert lengths == sorted(lengths)
    assert len(set(lengths)) > 2


@without_backend
def test_drop_remainder():
    batches = BucketedBatches(
        NumberPreprocessor(),
        random_texts(45),
        batch_size=8,
        shuffle=True,
        drop_remainder=True,
    )
    assert batches.steps_per_epoch == 5
    assert {size for size, _ in shapes(batches, epochs=2)} == {8}
    kept = [set(batches.order(epoch)) for epoch in range(8)]
    assert all(len(indices) == 40 for indices in kept)
    # Which ones are left out is by chance, so all come at some time.
    assert set.union(*kept) == set(range(45))
    assert set.intersection(*kept) != kept[0]


@without_backend
def test_initial_step_resumes():
    batches = BucketedBatches(
        NumberPreprocessor(), random_texts(30), batch_size=8, shuffle=True
    )
    everything = list(batches.dataset(epochs=3).as_numpy_iterator())
    assert len(everything) == 12
    for step in (1, 4, 6, 12, 13):
        dataset = batches.dataset(epochs=3, initial_step=step)
        rest = list(dataset.as_numpy_iterator())
        assert len(rest) == len(dataset) == max(0, 12 - step)
        for x, y in zip(rest, everything[step:], strict=True):
            np.testing.assert_array_equal(x["token_ids"], y["token_ids"])


@without_backend
@pytest.mark.parametrize("dtype, columns", [("int32", ()), ("float32", (3,))])
def test_labels(dtype, columns):
    labels = np.arange(10 * 3).reshape(10, 3)[:, : columns[0] if columns else 1]
    labels = labels.reshape(10, *columns).astype(dtype)
    batches = BucketedBatches(NumberPreprocessor(), random_texts(10), y=labels)
    (_, y), *_ = batches.dataset().as_numpy_iterator()
    assert y.dtype == dtype
    np.testing.assert_array_equal(y, labels[batches.order()])


@without_backend
@pytest.mark.parametrize("options", [{}, {"shuffle": True}, {"drop_remainder": True}])
def test_outputs_of_devices_that_share_batches(options, monkeypatch):
    """A batch that is filled up may be anywhere; what fills it is left out."""
    monkeypatch.setattr("keras_bigs.data.batches.parts_of_batches", lambda: 2)
    labels = np.arange(11)
    for seed in range(4):
        batches = BucketedBatches(
            NumberPreprocessor(),
            random_texts(11),
            y=labels,
            batch_size=4,
            seed=seed,
            **options,
        )
        rows = [y for _, y, _ in batches.dataset().as_numpy_iterator()]
        assert {len(row) % 2 for row in rows} == {0}
        outputs = np.stack([np.concatenate(rows)] * 3, axis=1)
        kept = np.sort(batches.order())
        assert len(kept) == (8 if "drop_remainder" in options else 11)
        np.testing.assert_array_equal(
            batches.in_order(outputs), np.stack([labels[kept]] * 3, axis=1)
        )


@without_backend
def test_bucket_boundaries():
    def lengths(boundaries):
        batches = BucketedBatches(
            NumberPreprocessor(),
            random_texts(30),
            batch_size=2,
            bucket_boundaries=boundaries,
        )
        return {length for _, length in shapes(batches)}

    assert lengths(()) == {48}
    assert lengths([20]) == lengths([20, 48]) == {20, 48}
    assert lengths([30, 20]) == {20, 30, 48}
    for boundaries in ([0, 20], [64]):
        with pytest.raises(ValueError, match="from 1 to sequence_length=48"):
            lengths(boundaries)


@without_backend
def test_arguments_that_do_not_fit():
    with pytest.raises(ValueError, match=r"x of \[2\], y of \[1\]"):
        BucketedBatches(NumberPreprocessor(), ["a", "b"], [1])
    with pytest.raises(ValueError, match=r"x of \[2, 3\], y of \[\]"):
        BucketedBatches(NumberPreprocessor(), (["a", "b"], ["a", "b", "c"]))
    with pytest.raises(ValueError, match="0 examples do not make one batch"):
        BucketedBatches(NumberPreprocessor(), [])
    with pytest.raises(ValueError, match="batch_size=4 and drop_remainder=True"):
        BucketedBatches(
            NumberPreprocessor(), ["a"] * 3, batch_size=4, drop_remainder=True
        )


@without_backend
def test_out_of_range():
    for option in ({"batch_size": 0}, {"seed": -1}):
        (name,) = option
        with pytest.raises(ValueError, match=f"`{name}` must be at least"):
            BucketedBatches(NumberPreprocessor(), ["a"], **option)


@without_backend
@pytest.mark.parametrize("depends_on_padding", [False, True])
def test_for_task(depends_on_padding):
    """All are as long where the output depends on it."""
    texts = random_texts(20)
    backbone = types.SimpleNamespace(depends_on_padding=depends_on_padding)
    task = types.SimpleNamespace(preprocessor=NumberPreprocessor(), backbone=backbone)
    labels = np.arange(20)
    batches = BucketedBatches.for_task(task, texts, labels, batch_size=4)
    assert batches.num_examples == 20
    np.testing.assert_array_equal(batches.labels, labels)
    expected = BucketedBatches(
        NumberPreprocessor(),
        texts,
        y=labels,
        batch_size=4,
        bucket_boundaries=() if depends_on_padding else None,
    )
    lengths = shapes_of_x(batches)
    assert lengths == shapes_of_x(expected)
    assert (len(set(lengths)) == 1) == depends_on_padding


def shapes_of_x(batches):
    return [x["token_ids"].shape for x, _ in batches.dataset()]


def test_fit_takes_the_batches_as_they_are():
    rng = np.random.default_rng(0)
    texts, labels = random_texts(30), rng.normal(size=30).astype("float32")
    batches = BucketedBatches(
        NumberPreprocessor(),
        texts,
        y=labels,
        batch_size=10,
        shuffle=True,
        bucket_boundaries=(),  # one shape, so one program to compile
    )
    models = [small_model() for _ in range(3)]
    for model in models[1:]:
        model.set_weights(models[0].get_weights())
    options = {"steps_per_epoch": batches.steps_per_epoch, "shuffle": False}

    models[0].fit(batches.dataset(epochs=2), epochs=2, verbose=0, **options)
    for x, y in batches.dataset(epochs=2).as_numpy_iterator():
        models[1].train_on_batch(x, y)
    models[2].fit(batches.dataset(epochs=1), epochs=1, verbose=0, **options)
    rest = batches.dataset(epochs=2, initial_step=batches.steps_per_epoch)
    models[2].fit(rest, epochs=2, initial_epoch=1, verbose=0, **options)

    for model in models[1:]:
        for ours, theirs in zip(
            model.get_weights(), models[0].get_weights(), strict=True
        ):
            np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


def test_predictions_in_the_order_of_the_texts():
    texts, labels = random_texts(30), np.zeros(30, "float32")
    model = small_model()
    padded = BucketedBatches(
        NumberPreprocessor(), texts, batch_size=30, bucket_boundaries=()
    )
    np.testing.assert_array_equal(padded.order(), np.arange(30))
    expected = model.predict(padded.dataset(), verbose=0)
    batches = BucketedBatches(NumberPreprocessor(), texts, y=labels, batch_size=8)
    outputs = batches.in_order(model.predict(batches.dataset(), verbose=0))
    np.testing.assert_allclose(outputs, expected, rtol=1e-5, atol=1e-6)
    loss = model.evaluate(batches.dataset(), verbose=0)
    np.testing.assert_allclose(loss, np.mean(expected**2), rtol=1e-4)


def test_task_without_preprocessor(preprocessor):
    backbone = keras_hub.models.BertBackbone(
        vocabulary_size=len(VOCABULARY),
        num_layers=1,
        num_heads=1,
        hidden_dim=4,
        intermediate_dim=4,
        max_sequence_length=48,
    )
    task = keras_hub.models.BertTextClassifier(
        backbone, num_classes=2, preprocessor=preprocessor
    )
    texts = random_texts(20, words=["quick", "foxes", "dog"])
    batches = BucketedBatches(preprocessor, texts, bucket_boundaries=())
    expected = task.predict(texts, verbose=0)
    task.preprocessor = None
    outputs = task.predict(batches.dataset(), verbose=0)
    np.testing.assert_allclose(outputs, expected, rtol=1e-4, atol=1e-5)


def rebuild(batches):
    """What all batches have, in the order of the examples, padded to the longest."""
    parts = list(batches.dataset().as_numpy_iterator())
    length = max(x["token_ids"].shape[-1] for x, *_ in parts)

    def join(*arrays):
        if arrays[0].ndim > 1:
            arrays = [
                np.pad(a, [(0, 0)] * (a.ndim - 1) + [(0, length - a.shape[-1])])
                for a in arrays
            ]
        return np.concatenate(arrays)[np.argsort(batches.order())]

    return keras.tree.map_structure(join, *parts), length


def our_preprocessor(cls, sequence_length=48):
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
    tokenizer = models.BiGSTokenizer(vocabulary)
    return cls(tokenizer, sequence_length=sequence_length)


def assert_cut(actual, expected, length):
    """As the preprocessor's own, up to `length`, after which there is padding."""
    expected = keras.tree.map_structure(keras.ops.convert_to_numpy, expected)
    for ours, theirs in zip(
        keras.tree.flatten(actual), keras.tree.flatten(expected), strict=True
    ):
        if theirs.ndim > 1:
            assert not theirs[..., length:].any()
            theirs = theirs[..., :length]
        np.testing.assert_array_equal(ours, theirs)


def test_words_with_labels():
    preprocessor = our_preprocessor(models.BiGSTokenClassifierPreprocessor)
    words = [["the", "foxes", "", "dog"][: 1 + i % 4] for i in range(20)]
    words[7] = ["lazy"] * 30
    labels = [[1 + j % 3 for j in range(len(row))] for row in words]
    batches = BucketedBatches(preprocessor, words, labels, batch_size=4)
    assert batches.lengths[7] == 32 and batches.lengths[1] == 5
    actual, length = rebuild(batches)
    assert length == 32
    assert_cut(actual, preprocessor(words, labels), length)
    shapes = {y.shape for _, y, _ in batches.dataset()}
    assert shapes == {(4, 16), (4, 32)}


def test_choices():
    preprocessor = our_preprocessor(models.BiGSMultipleChoicePreprocessor)
    contexts = ["the " * (1 + 3 * (i % 5)) for i in range(20)]
    questions = ["the dog"] * 20
    choices = [["fox", "quick dog", "a"][: 2 + i % 2] for i in range(20)]
    labels = [i % 2 for i in range(20)]
    x = contexts, questions, choices
    batches = BucketedBatches(preprocessor, x, labels, batch_size=4)
    actual, length = rebuild(batches)
    assert_cut(actual, preprocessor(x, labels), length)
    assert actual[0]["token_ids"].shape == (20, 3, 24)
    assert {x["token_ids"].shape for x, _ in batches.dataset()} == {
        *((4, 3, 16), (4, 3, 24))
    }


def test_answers():
    preprocessor = our_preprocessor(models.BiGSQuestionAnswererPreprocessor)
    contexts = ["the " * (1 + 3 * (i % 5)) + "lazy dog" for i in range(10)]
    x = ["the dog"] * 10, contexts
    y = {
        "answer_text": ["lazy dog"] * 10,
        "answer_start": [context.index("lazy") for context in contexts],
    }
    batches = BucketedBatches(preprocessor, x, y, batch_size=4)
    actual, length = rebuild(batches)
    assert_cut(actual, preprocessor(x, y), length)


def test_without_a_padding_mask_all_are_as_long():
    """FNet's inputs, whose Fourier transform mixes padding in."""

    class Unmasked(NumberPreprocessor):
        def __call__(self, x):
            return {"token_ids": super().__call__(x)["token_ids"]}

    batches = BucketedBatches(Unmasked(), ["1", "1 2 4"], batch_size=2)
    assert shapes(batches) == [(2, 48)]


@without_backend
def test_rows_of_zeros_and_ones_are_no_labels_of_tokens():
    """Also where there are as many classes as tokens."""
    labels = np.eye(48, dtype="float32")[:10]
    batches = BucketedBatches(NumberPreprocessor(), random_texts(10), labels)
    (_, y), *_ = batches.dataset().as_numpy_iterator()
    np.testing.assert_array_equal(y, labels[batches.order()])
