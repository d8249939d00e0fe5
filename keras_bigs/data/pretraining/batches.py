"""Batches of masked sequences as a pure function of (seed, step)."""

import functools
from collections.abc import Sequence

import numpy as np

from keras_bigs.compat.tensorflow_devices import hide_gpus_from_tensorflow
from keras_bigs.data.pretraining.masking import Masker
from keras_bigs.data.pretraining.masking import unmask
from keras_bigs.data.pretraining.shards import Shard
from keras_bigs.errors import needs_extra

with needs_extra("training"):
    import tensorflow as tf

hide_gpus_from_tensorflow()


class PretrainingBatches:
    """Examples of shards as batches for `BiGSMaskedLM`, without end.

        train = PretrainingBatches(open_shards("shards", "train"), batch_size=64)
        model.fit(train.dataset(), steps_per_epoch=1000)

    Step `s` has the examples `s * batch_size` to `(s + 1) * batch_size` of an endless
    sequence in which every epoch is a permutation of all examples. Any step can be
    computed by itself, so a run is resumed at once, and several processes divide a
    batch between them without a word.

    Args:
        shards: list of `Shard`, of equal sequence length.
        batch_size: int. Over all processes.
        masker: `Masker`, to mask anew in every epoch; copies of examples, which differ
            in their masks only, are then left out. `None` takes the masks of the
            shards.
        shuffle: bool. Whether each epoch has an order of its own. Otherwise it is that
            of the shards.
        seed: non-negative int. Of the order.

    Attributes:
        num_examples: int. How many there are in an epoch.
        num_tokens: int. The tokens of an epoch, padding not counted.
        sequence_length: int.
        max_predictions: int.

    Raises:
        ValueError: no shards, shards of unequal sequence length or number of
            predictions, or shards without masks and no `masker`, or a `masker` and none
            of copy 0.
    """

    def __init__(
        self,
        shards: Sequence[Shard],
        batch_size: int,
        masker: Masker | None = None,
        shuffle: bool = True,
        seed: int = 0,
    ):
        if not shards:
            raise ValueError("`shards` is empty.")
        if batch_size < 1:
            raise ValueError(f"`batch_size` must be at least 1. Received: {batch_size}")
        if masker is not None:
            # Drawn anew, the masks of all copies would be the same.
            copies = sorted({shard.copy for shard in shards})
            shards = [shard for shard in shards if shard.copy == 0]
            if not shards:
                raise ValueError(
                    "With a `masker`, `shards` must have those of copy 0. Received "
                    f"copies {copies}."
                )
        lengths = {shard.arrays["input_ids"].shape[1] for shard in shards}
        if len(lengths) > 1:
            raise ValueError(f"The shards differ in sequence length: {sorted(lengths)}")
        unmasked = [shard for shard in shards if not shard.is_masked]
        if unmasked and masker is None:
            names = [shard.path.name for shard in unmasked]
            raise ValueError(
                "These shards have no masks: "
                f"{', '.join(names[:3])}{', ...' if len(names) > 3 else ''}. "
                "Give a `masker` to mask while training, or prepare shards with copies."
            )
        (self.sequence_length,) = lengths
        if masker is None:
            widths = {shard.arrays["masked_lm_ids"].shape[1] for shard in shards}
            if len(widths) > 1:
                raise ValueError(
                    f"The shards differ in number of predictions: {sorted(widths)}"
                )
            (self.max_predictions,) = widths
        else:
            self.max_predictions = masker.masking.predictions(self.sequence_length)
        self.batch_size = batch_size
        self._shards = list(shards)
        self._masker = masker
        self._shuffle = shuffle
        self._seed = seed
        self._ends = np.cumsum([shard.num_examples for shard in shards])
        self.num_examples = int(self._ends[-1])

    @functools.cached_property
    def num_tokens(self) -> int:
        return sum(shard.num_tokens for shard in self._shards)

    @property
    def tokens_per_batch(self) -> float:
        """The tokens of a batch, padding not counted: the mean of an epoch."""
        return self.batch_size * self.num_tokens / self.num_examples

    def batch(self, step: int, process_index: int = 0, process_count: int = 1):
        """The examples of a step, or a process' part of them.

        Args:
            step: int, from 0.
            process_index: int. Which process' part.
            process_count: int. How many there are; must divide the batch size.

        Returns:
            `(x, y, sample_weight)`: a dict of `token_ids`, `segment_ids`,
            `padding_mask`, `(n, sequence_length)`, and `mask_positions`,
            `(n, max_predictions)`, all int32; the tokens there; and float32 1 where
            there is one, 0 elsewhere.
        """
        return self._gather(*self.examples_of(step, process_index, process_count))

    def examples_of(self, step: int, process_index: int = 0, process_count: int = 1):
        """`(epochs, indices)` of the examples of a step: two `(n,)` int64 arrays."""
        if self.batch_size % process_count:
            raise ValueError(
                f"`process_count` must divide batch_size={self.batch_size}. "
                f"Received: process_count={process_count}"
            )
        part = self.batch_size // process_count
        start = step * self.batch_size + process_index * part
        epochs, indices = np.divmod(np.arange(start, start + part), self.num_examples)
        if self._shuffle:
            for epoch in np.unique(epochs):
                here = epochs == epoch
                indices[here] = self._shuffled(indices[here], epoch)
        return epochs, indices

    def dataset(
        self,
        first_step: int = 0,
        steps: int | None = None,
        process_index: int = 0,
        process_count: int = 1,
        first_epoch_only: bool = False,
    ) -> tf.data.Dataset:
        """The batches from `first_step` on, as `batch` gives them.

        Args:
            first_step: int.
            steps: int. How many, or `None` for no end.
            process_index: int, see `batch`.
            process_count: int, see `batch`.
            first_epoch_only: bool. Whether examples that come again have no weight, as
                where an evaluation has less than a batch.

        Returns:
            A dataset of `(x, y, sample_weight)`.
        """
        stop = np.iinfo("int64").max if steps is None else first_step + steps
        part = (process_index, process_count)

        def batch(step):
            x, y, weight = self.batch(step, *part)
            if first_epoch_only:
                epochs, _ = self.examples_of(step, *part)
                weight[epochs > 0] = 0
            return x, y, weight

        x, y, weight = batch(first_step)
        names, arrays = list(x), [*x.values(), y, weight]

        def load(step):
            outputs = tf.numpy_function(
                lambda step: flatten(batch(int(step))),
                [step],
                [array.dtype for array in arrays],
                stateful=False,
            )
            for output, array in zip(outputs, arrays, strict=True):
                output.set_shape(array.shape)
            *inputs, y, weight = outputs
            return dict(zip(names, inputs, strict=True)), y, weight

        def flatten(batch):
            x, y, weight = batch
            return [*x.values(), y, weight]

        dataset = tf.data.Dataset.range(first_step, stop)
        # One at a time is enough: NumPy holds Python's lock for most of the work.
        return dataset.map(load).prefetch(4)

    def _shuffled(self, indices, epoch):
        """Where a permutation of the epoch takes indices, computed one by one."""
        with tf.device("CPU"):
            return tf.random.experimental.index_shuffle(
                indices, [self._seed, epoch], np.int64(self.num_examples - 1)
            ).numpy()

    def _gather(self, epochs, indices):
        numbers = np.searchsorted(self._ends, indices, side="right")
        rows = indices - np.concatenate([[0], self._ends])[numbers]
        n, length = len(indices), self.sequence_length
        token_ids = np.empty((n, length), "int32")
        padding_mask, segment_ids = np.empty_like(token_ids), np.empty_like(token_ids)
        positions = np.zeros((n, self.max_predictions), "int32")
        labels = np.zeros_like(positions)
        keys = np.stack([epochs, np.zeros_like(rows), rows], axis=1)
        for number in np.unique(numbers):
            shard, here = self._shards[number], numbers == number
            arrays = {name: a[rows[here]] for name, a in shard.arrays.items()}
            token_ids[here] = arrays["input_ids"]
            padding_mask[here] = arrays["input_mask"]
            segment_ids[here] = arrays["segment_ids"]
            keys[here, 1] = shard.number
            if self._masker is None:
                positions[here] = arrays["masked_lm_positions"]
                labels[here] = arrays["masked_lm_ids"]
            elif shard.is_masked:
                token_ids[here] = unmask(
                    token_ids[here],
                    arrays["masked_lm_positions"].astype("int32"),
                    arrays["masked_lm_ids"].astype("int32"),
                )
        if self._masker is not None:
            token_ids, positions, labels = self._masker(token_ids, keys)
        inputs = {
            "token_ids": token_ids,
            "segment_ids": segment_ids,
            "padding_mask": padding_mask,
            "mask_positions": positions.astype("int32"),
        }
        return inputs, labels.astype("int32"), (positions > 0).astype("float32")
