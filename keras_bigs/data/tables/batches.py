"""Batches of texts that are about equally long, so that little padding is computed.

Lengths are rounded up to a few *buckets*, so XLA compiles few programs: one for each
bucket, and one more if the last batch is not full.

The batches are a `tf.data.Dataset` because Keras feeds it to all backends as it is. A
`keras.utils.PyDataset` it would not: the TensorFlow backend takes the shapes of the
first two batches for all; `fit` permutes the batches by a generator of its own, and
counts an epoch more if it builds the model; and keras-hub tasks refuse it.
"""

from collections.abc import Iterable
from collections.abc import Sequence

import numpy as np
import tensorflow as tf


def bucket_lengths(sequence_length: int) -> list[int]:
    """16, 24, 32, 48, 64, 96, ... below `sequence_length`, and `sequence_length`."""
    powers = (2**k for k in range(4, sequence_length.bit_length()))
    lengths = (length for power in powers for length in (power, power * 3 // 2))
    return [*(n for n in lengths if n < sequence_length), sequence_length]


class BucketedTextBatches:
    """Texts, tokenized once, as preprocessed batches for training and evaluation.

        train = BucketedTextBatches(preprocessor, texts, labels=labels, shuffle=True)
        model.fit(
            train.dataset(epochs=3),
            epochs=3,
            steps_per_epoch=train.steps_per_epoch,
            shuffle=False,  # or Keras warns that it will not
        )
        test = BucketedTextBatches(preprocessor, test_texts)
        outputs = model.predict(test.dataset())[np.argsort(test.order())]

    The model gets token ids, so a keras-hub task needs `preprocessor=None`; or train
    `keras.Model(task.inputs, task.outputs)`, which shares the weights of `task`.

    The examples of an epoch are ordered by bucket and cut into batches, each padded to
    the bucket of its longest example. So all batches are full but one, which has the
    longest examples. Which examples share a batch, and the order of the batches, is a
    function of `seed` and the epoch only.

    Without `shuffle` the batches go from short to long, with every example in the same
    place in each epoch. Without `drop_remainder` each example comes once an epoch, and
    all epochs have the same shapes.

    Args:
        preprocessor: a `keras_hub.models.TextClassifierPreprocessor`, or another that
            returns a dictionary of `(batch, sequence_length)` arrays, `"token_ids"` and
            `"padding_mask"` among them. All but `"token_ids"` are padded with 0.
        texts: the texts.
        text_pairs: the second text of each example, or `None`.
        labels: array-like, one row per text; or `None`, for `predict`.
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
        num_examples: int. The number of texts.
        labels: the labels as an array, in the order of the texts; or `None`.

    Raises:
        ValueError: the arguments disagree in length, there is not one batch,
            `batch_size` or `seed` is out of range, or a boundary is above
            `sequence_length`.
    """

    @classmethod
    def from_table(cls, table, task, labels=None, **kwargs):
        """The batches of a table, as a task takes them.

        They are of one length for a task whose output depends on padding.

        Args:
            table: `TextTable`.
            task: a task with a preprocessor, such as `BiGSTextClassifier`.
            labels: array-like, one row per text; or `None`.
            **kwargs: as for `BucketedTextBatches`.
        """
        # keras-hub's own backbones do not say.
        if getattr(task.backbone, "depends_on_padding", False):
            kwargs.setdefault("bucket_boundaries", ())
        return cls(task.preprocessor, table.texts, table.text_pairs, labels, **kwargs)

    def __init__(
        self,
        preprocessor,
        texts: Sequence[str],
        text_pairs: Sequence[str] | None = None,
        labels=None,
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
        columns = {"texts": texts, "text_pairs": text_pairs, "labels": labels}
        sizes = {name: len(c) for name, c in columns.items() if c is not None}
        if len(set(sizes.values())) > 1:
            raise ValueError(f"The arguments differ in length: {sizes}")
        if len(texts) < (batch_size if drop_remainder else 1):
            raise ValueError(
                f"{len(texts)} texts do not make one batch with batch_size="
                f"{batch_size} and drop_remainder={drop_remainder}."
            )
        sequence_length = preprocessor.sequence_length
        if bucket_boundaries is None:
            bucket_boundaries = bucket_lengths(sequence_length)
        buckets = sorted({*bucket_boundaries, sequence_length})
        if buckets[0] < 1 or buckets[-1] > sequence_length:
            raise ValueError(
                "bucket_boundaries must be from 1 to sequence_length="
                f"{sequence_length}. Received: {bucket_boundaries}"
            )
        self._batch_size = batch_size
        self._shuffle = shuffle
        self._seed = seed
        self._drop_remainder = drop_remainder
        self._pad_token_id = preprocessor.tokenizer.pad_token_id
        self.labels = None if labels is None else np.asarray(labels)
        # Example i is tokens[key][offsets[i]:offsets[i + 1]].
        self._tokens, lengths = _tokenize(preprocessor, texts, text_pairs)
        self._offsets = np.concatenate([[0], np.cumsum(lengths)])
        self._buckets = np.array(buckets)[np.searchsorted(buckets, lengths)]
        self.num_examples = len(texts)
        self.steps_per_epoch = len(self._batches(0))

    def dataset(self, epochs: int = 1, initial_step: int = 0) -> tf.data.Dataset:
        """The batches of `epochs` epochs, one epoch after the other.

        Args:
            epochs: int.
            initial_step: int. The number of batches, over all epochs, to leave out at
                the start; to resume a run.

        Returns:
            A dataset of known size, of `(x, y)`, or `x` without labels. `x` is the
            preprocessor's dictionary of arrays `(batch, bucket)`, and `y` the rows of
            `labels`.
        """

        def generate():
            first_epoch, first = divmod(initial_step, self.steps_per_epoch)
            for epoch in range(first_epoch, epochs):
                yield from map(self._gather, self._batches(epoch)[first:])
                first = 0

        signature = {
            key: tf.TensorSpec((None, None), tokens.dtype)
            for key, tokens in self._tokens.items()
        }
        if self.labels is not None:
            shape = (None, *self.labels.shape[1:])
            signature = (signature, tf.TensorSpec(shape, self.labels.dtype))
        dataset = tf.data.Dataset.from_generator(generate, output_signature=signature)
        size = max(0, epochs * self.steps_per_epoch - initial_step)
        dataset = dataset.apply(tf.data.experimental.assert_cardinality(size))
        return dataset.prefetch(tf.data.AUTOTUNE)

    def order(self, epoch: int = 0) -> np.ndarray:
        """The index in `texts` of each example of `epoch`, batch after batch."""
        return np.concatenate(self._batches(epoch))

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
        """The batch of the examples `rows`."""
        positions = self._offsets[rows, None] + np.arange(self._buckets[rows].max())
        is_token = positions < self._offsets[rows + 1, None]
        x = {}
        for key, tokens in self._tokens.items():
            pad_value = self._pad_token_id if key == "token_ids" else 0
            x[key] = np.full(positions.shape, pad_value, tokens.dtype)
            x[key][is_token] = tokens[positions[is_token]]
        return x if self.labels is None else (x, self.labels[rows])


def _tokenize(
    preprocessor, texts: Sequence[str], text_pairs: Sequence[str] | None
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """The tokens of all texts end to end, for each key; and the length of each text."""

    def preprocess(text, *text_pair):
        return preprocessor(x=(text, *text_pair) if text_pair else text)

    # In tf.data, keras-hub tokenizes by TF-Text: 11 times as fast as by Python.
    columns = (texts,) if text_pairs is None else (texts, text_pairs)
    dataset = tf.data.Dataset.from_tensor_slices(columns).batch(1024)
    dataset = dataset.map(preprocess, tf.data.AUTOTUNE).prefetch(1)
    tokens: dict[str, list[np.ndarray]] = {}
    lengths = []
    for x in dataset.as_numpy_iterator():
        # Up to the last token: a text may spell a padding token.
        is_token = np.logical_or.accumulate(x["padding_mask"][:, ::-1], axis=1)[:, ::-1]
        lengths.append(is_token.sum(axis=1))
        for key, values in x.items():
            tokens.setdefault(key, []).append(values[is_token])
    flat = {key: np.concatenate(values) for key, values in tokens.items()}
    return flat, np.concatenate(lengths)
