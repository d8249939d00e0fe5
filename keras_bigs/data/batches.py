"""Batches of examples that are about equally long, so that little padding is computed.

Lengths are rounded up to a few *buckets*, so XLA compiles few programs: one for each
bucket, and one more if the last batch is not full.

The batches are a `tf.data.Dataset` because Keras feeds it to all backends as it is. A
`keras.utils.PyDataset` it would not: the TensorFlow backend takes the shapes of the
first two batches for all; `fit` permutes the batches by a generator of its own, and
counts an epoch more if it builds the model; and keras-hub tasks refuse it.
"""

import dataclasses
from collections.abc import Iterable
from typing import Any

import keras
import numpy as np

from keras_bigs.errors import needs_extra
from keras_bigs.models.ragged_task import pad_rows
from keras_bigs.models.row_prediction import bucket_lengths
from keras_bigs.models.row_prediction import parts_of_batches
from keras_bigs.ssm.kernel import round_up

with needs_extra("training"):
    import tensorflow as tf


class BucketedBatches:
    """Examples, preprocessed once, as batches for training and evaluation.

        train = BucketedBatches(preprocessor, texts, labels, shuffle=True)
        model.fit(
            train.dataset(epochs=3),
            epochs=3,
            steps_per_epoch=train.steps_per_epoch,
            shuffle=False,  # or Keras warns that it will not
        )
        test = BucketedBatches(preprocessor, test_texts)
        outputs = test.in_order(model.predict(test.dataset()))

    The model gets token ids, so a keras-hub task needs `preprocessor=None`; or train
    `keras.Model(task.inputs, task.outputs)`, which shares the weights of `task`.

    The examples of an epoch are ordered by bucket and cut into batches, each padded to
    the bucket of its longest example. So all batches are full but one, which has the
    longest examples. Which examples share a batch, and the order of the batches, is a
    function of `seed` and the epoch only.

    Without `shuffle` the batches go from short to long, with every example in the same
    place in each epoch. Without `drop_remainder` each example comes once an epoch, and
    all epochs have the same shapes.

    Where devices share batches (`keras.distribution`), the one that is not full is
    filled up to what they can share, by copies of its last example, at the end. These
    have weight 0 in training, and come last in what `predict` returns.

    Args:
        preprocessor: of a task: it turns `x` into a dictionary of arrays whose last
            axis is `sequence_length`, `"token_ids"` among them, and passes `y` through
            or turns it into labels of its own. If it returns sample weights, labels and
            weights are those of tokens. All but `"token_ids"` are padded with 0.
            Without a `"padding_mask"` nothing is known to be padding, and all examples
            are `sequence_length` long.
        x: what the task's `fit` takes: texts, a tuple of lists of texts, lists of
            words, and so on.
        y: the labels, likewise; or `None`, for `predict`.
        batch_size: positive int.
        shuffle: bool. Whether to shuffle, differently in each epoch.
        seed: non-negative int.
        bucket_boundaries: lengths to pad to; `sequence_length` is always one more.
            Default: `bucket_lengths(sequence_length)`. Use `()` to pad all batches to
            `sequence_length`, for models whose output depends on padding.
        drop_remainder: bool. Whether to leave out as many examples (random ones with
            `shuffle`) as are too few for a full batch.

    Attributes:
        steps_per_epoch: int. The number of batches.
        num_examples: int. The number of examples.
        lengths: `(num_examples,)` int array: their numbers of tokens.
        labels: `y`, an array if it was a list of numbers.

    Raises:
        ValueError: the arguments disagree in length, there is not one batch,
            `batch_size` or `seed` is out of range, or a boundary is above
            `sequence_length`.
    """

    @classmethod
    def for_task(cls, task, x, y=None, **kwargs):
        """The batches that a task can take.

        They are of one length for a task whose output depends on padding.

        Args:
            task: a task with a preprocessor, such as `BiGSTextClassifier`.
            x: as for the task's `fit`.
            y: as for the task's `fit`, or `None`.
            **kwargs: as for `BucketedBatches`.
        """
        # keras-hub's own backbones do not say.
        if getattr(task.backbone, "depends_on_padding", False):
            kwargs.setdefault("bucket_boundaries", ())
        return cls(task.preprocessor, x, y, **kwargs)

    def __init__(
        self,
        preprocessor,
        x,
        y=None,
        batch_size: int = 32,
        shuffle: bool = False,
        seed: int = 0,
        bucket_boundaries: Iterable[int] | None = None,
        drop_remainder: bool = False,
    ):
        if batch_size < 1:
            raise ValueError(
                f"`batch_size` must be at least 1. Received: batch_size={batch_size}"
            )
        if seed < 0:
            raise ValueError(f"`seed` must be at least 0. Received: seed={seed}")
        sequence_length = preprocessor.sequence_length
        if bucket_boundaries is None:
            bucket_boundaries = bucket_lengths(sequence_length)
        buckets = sorted({*bucket_boundaries, sequence_length})
        if buckets[0] < 1 or buckets[-1] > sequence_length:
            raise ValueError(
                "`bucket_boundaries` must be from 1 to sequence_length="
                f"{sequence_length}. Received: {bucket_boundaries}"
            )
        columns = _columns(x), None if y is None else _columns(y)
        sizes = [
            [len(column) for column in keras.tree.flatten(part) if column is not None]
            for part in columns
        ]
        if len({*sizes[0], *sizes[1]}) > 1:
            raise ValueError(
                "All parts of `x` and `y` must have as many rows. Received: "
                f"x of {sizes[0]}, y of {sizes[1]}"
            )
        self.num_examples = sizes[0][0]
        if self.num_examples < (batch_size if drop_remainder else 1):
            raise ValueError(
                f"{self.num_examples} examples do not make one batch with batch_size="
                f"{batch_size} and drop_remainder={drop_remainder}."
            )
        # Devices that share batches (`keras.distribution`) have equal parts of each.
        self._parts = parts_of_batches()
        if batch_size % self._parts:
            raise ValueError(
                f"{self._parts} devices cannot share batches of {batch_size} examples. "
                f"Choose a multiple. Received: batch_size={batch_size}"
            )
        self._batch_size = batch_size
        self._shuffle = shuffle
        self._seed = seed
        self._drop_remainder = drop_remainder
        self.labels = columns[1]
        self._rows, self.lengths = _preprocess(preprocessor, *columns)
        if self._parts > 1:
            self._rows = _with_weights(self._rows, self.num_examples)
        self._offsets = np.concatenate([[0], np.cumsum(self.lengths)])
        self._buckets = np.array(buckets)[np.searchsorted(buckets, self.lengths)]
        self.steps_per_epoch = len(self._batches(0))

    def dataset(self, epochs: int = 1, initial_step: int = 0) -> tf.data.Dataset:
        """The batches of `epochs` epochs, one epoch after the other.

        Args:
            epochs: int.
            initial_step: int. The number of batches, over all epochs, to leave out at
                the start; to resume a run.

        Returns:
            A dataset of known size, of what the preprocessor returns: `x`, `(x, y)` or
            `(x, y, sample_weight)`. Tokens are padded to `(batch, ..., bucket)`.
        """

        def generate():
            first_epoch, first = divmod(initial_step, self.steps_per_epoch)
            for epoch in range(first_epoch, epochs):
                yield from map(self._gather, self._batches(epoch)[first:])
                first = 0

        dataset = tf.data.Dataset.from_generator(
            generate,
            output_signature=keras.tree.map_structure(
                lambda rows: rows.signature, self._rows
            ),
        )
        size = max(0, epochs * self.steps_per_epoch - initial_step)
        dataset = dataset.apply(tf.data.experimental.assert_cardinality(size))
        return dataset.prefetch(tf.data.AUTOTUNE)

    def order(self, epoch: int = 0) -> np.ndarray:
        """The index of each example of `epoch`, batch after batch."""
        return np.concatenate(self._batches(epoch))

    def in_order(self, outputs: np.ndarray, epoch: int = 0) -> np.ndarray:
        """Outputs of `dataset()` in the order of `x`.

        Args:
            outputs: `(rows, ...)`, of the batches of an epoch. Devices that share
                batches have a few rows more.
            epoch: int.

        Returns:
            `(examples, ...)`, an output for each example that is not left out.
        """
        kept, start = [], 0
        batches = self._batches(epoch)
        for rows in batches:
            kept.append(np.arange(start, start + len(rows)))
            start += round_up(len(rows), self._parts)
        outputs = np.asarray(outputs)[np.concatenate(kept)]
        return outputs[np.argsort(np.concatenate(batches))]

    def _batches(self, epoch: int) -> list[np.ndarray]:
        """The indices of the examples of each batch."""
        size = self._batch_size
        rng = np.random.default_rng([self._seed, epoch])
        order = np.arange(len(self._buckets))
        if self._shuffle:
            order = rng.permutation(order)
        if self._drop_remainder:
            order = order[: len(order) // size * size]
        order = order[np.argsort(self._buckets[order], kind="stable")]
        batches = [order[start : start + size] for start in range(0, len(order), size)]
        if self._shuffle:
            batches = [batches[i] for i in rng.permutation(len(batches))]
        return batches

    def _gather(self, rows: np.ndarray):
        """The batch of the examples `rows`, filled up to a multiple of the devices."""
        missing = -len(rows) % self._parts
        rows = np.concatenate([rows, np.repeat(rows[-1:], missing)])
        positions = self._offsets[rows, None] + np.arange(self._buckets[rows].max())
        is_token = positions < self._offsets[rows + 1, None]
        batch = keras.tree.map_structure(
            lambda part: part.gather(rows, positions, is_token), self._rows
        )
        if missing and isinstance(batch, tuple):
            x, y, weights = keras.utils.unpack_x_y_sample_weight(batch)
            weights = keras.tree.map_structure(
                lambda weight: _without_last(weight, missing), weights
            )
            batch = keras.utils.pack_x_y_sample_weight(x, y, weights)
        return batch


def _with_weights(rows, num_examples):
    """Labelled rows with a weight of 1 for each example, if they have none."""
    tokens, labels, weights = keras.utils.unpack_x_y_sample_weight(rows)
    if labels is None or weights is not None:
        return rows
    ones = _ExampleRows(np.ones(num_examples, "float32"))
    weights = keras.tree.map_structure(lambda _: ones, labels)
    return keras.utils.pack_x_y_sample_weight(tokens, labels, weights)


def _without_last(weights, missing):
    """Weights with which the mean over a batch is that over all but its last rows."""
    weights = weights.astype("float32")
    weights[:-missing] *= len(weights) / (len(weights) - missing)
    weights[-missing:] = 0
    return weights


@dataclasses.dataclass(frozen=True, eq=False)
class _ExampleRows:
    """An array with a row an example."""

    values: np.ndarray

    @property
    def signature(self):
        return tf.TensorSpec((None, *self.values.shape[1:]), self.values.dtype)

    def gather(self, rows, positions, is_token):
        return self.values[rows]


@dataclasses.dataclass(frozen=True, eq=False)
class _TokenRows:
    """An array with a row a token, all examples end to end.

    The tokens of several choices of an example are side by side: `(tokens, choices)`.
    """

    values: np.ndarray
    pad_value: int

    @property
    def signature(self):
        return tf.TensorSpec((None, *self.values.shape[1:], None), self.values.dtype)

    def gather(self, rows, positions, is_token):
        shape = (*positions.shape, *self.values.shape[1:])
        padded = np.full(shape, self.pad_value, self.values.dtype)
        padded[is_token] = self.values[positions[is_token]]
        return np.moveaxis(padded, 1, -1)


def _columns(x) -> Any:
    """`x` or `y` with an array for each of its lists, ragged ones filled up."""
    if isinstance(x, tuple):
        return tuple(map(_columns, x))
    if isinstance(x, dict):
        return {name: _columns(column) for name, column in x.items()}
    if len(x) and isinstance(x[0], (list, tuple)):
        if any(isinstance(value, str) for row in x for value in row):
            return pad_rows(x, "", object)  # no word, or no choice
        if len({len(row) for row in x}) > 1:
            return pad_rows(x, -1, "int32")  # no label
    if len(x) and isinstance(x[0], str):
        return np.array(x, object)
    return np.asarray(x)


def _preprocess(preprocessor, x, y):
    """What the preprocessor returns, without padding; and the length of each example.

    The structure is the preprocessor's, with `_TokenRows` and `_ExampleRows` in it.
    """

    def preprocess(x, y=None):
        # By name: a tuple alone would be taken for `(x, y)`.
        return preprocessor(x=x) if y is None else preprocessor(x=x, y=y)

    # In tf.data, keras-hub tokenizes by TF-Text: 11 times as fast as by Python.
    columns = (x,) if y is None else (x, y)
    dataset = tf.data.Dataset.from_tensor_slices(columns)
    # About a million tokens at a time, all choices of an example together.
    width = max(np.shape(c)[1] if np.ndim(c) > 1 else 1 for c in keras.tree.flatten(x))
    dataset = dataset.batch(max(1, 2**20 // (width * preprocessor.sequence_length)))
    dataset = dataset.map(preprocess, tf.data.AUTOTUNE).prefetch(1)
    chunks, lengths = [], []
    for chunk in dataset.as_numpy_iterator():
        tokens, labels, weights = keras.utils.unpack_x_y_sample_weight(chunk)
        is_token = _is_token(tokens)
        lengths.append(is_token.sum(axis=1))

        def cut(values, is_token=is_token):
            return np.moveaxis(values, -1, 1)[is_token]

        tokens = keras.tree.map_structure(cut, tokens)
        if weights is not None:
            labels, weights = keras.tree.map_structure(cut, (labels, weights))
        chunks.append((tokens, labels, weights))

    def join(*parts):
        return None if parts[0] is None else np.concatenate(parts)

    tokens, labels, weights = keras.tree.map_structure(join, *chunks, none_is_leaf=True)
    pad_values = {"token_ids": preprocessor.tokenizer.pad_token_id}
    tokens = {
        name: _TokenRows(values, pad_values.get(name, 0))
        for name, values in tokens.items()
    }
    if weights is not None:
        labels, weights = keras.tree.map_structure(
            lambda values: _TokenRows(values, 0), (labels, weights)
        )
    elif labels is not None:
        labels = keras.tree.map_structure(_ExampleRows, labels)
    rows = keras.utils.pack_x_y_sample_weight(tokens, labels, weights)
    return rows, np.concatenate(lengths)


def _is_token(tokens) -> np.ndarray:
    """`(examples, length)`: up to the last token, since a text may spell padding."""
    mask = tokens.get("padding_mask")
    if mask is None:
        return np.ones(tokens["token_ids"].shape, bool)
    mask = np.asarray(mask, bool).reshape(len(mask), -1, mask.shape[-1]).any(axis=1)
    return np.logical_or.accumulate(mask[:, ::-1], axis=1)[:, ::-1]
