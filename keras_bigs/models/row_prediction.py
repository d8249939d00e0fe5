"""Outputs for rows of token ids of many lengths, in few shapes."""

import keras
import numpy as np

from keras_bigs.ssm.kernel import round_up


def bucket_lengths(sequence_length: int) -> list[int]:
    """16, 24, 32, 48, 64, 96, ... below `sequence_length`, and `sequence_length`."""
    powers = (2**k for k in range(4, sequence_length.bit_length()))
    lengths = (length for power in powers for length in (power, power * 3 // 2))
    return [*(n for n in lengths if n < sequence_length), sequence_length]


def parts_of_batches() -> int:
    """How many devices, or groups of them, share a batch (`keras.distribution`)."""
    distribution = keras.distribution.distribution()
    return 1 if distribution is None else distribution.num_model_replicas


def _build_preprocessor(task):
    """On JAX Keras would run a model once more, uncompiled, at every batch, as long as
    one of its layers is not built; and a preprocessor that is passed by never is."""
    preprocessor = getattr(task, "preprocessor", None)
    if preprocessor is not None and not preprocessor.built:
        preprocessor.build(None)


def predict_batches(model, inputs, batch_size):
    """The outputs for tokenized inputs, past the preprocessing of `Task.predict`.

    The last batch is filled up with the first rows, or its size would be one more to
    compile.

    Args:
        model: a `keras.Model` of one output.
        inputs: dict of arrays `(n, ...)`, the model's inputs among them.
        batch_size: int. Rounded up to what devices can share.

    Yields:
        `(rows, outputs)`: the slice of rows of a batch, and their outputs, a float32
        array.
    """
    _build_preprocessor(model)
    inputs = {name: inputs[name] for name in model.input}
    batch_size = round_up(batch_size, parts_of_batches())
    (num_rows,) = {len(array) for array in inputs.values()}
    for start in range(0, num_rows, batch_size):
        rows = np.arange(start, start + batch_size) % num_rows
        outputs = keras.Model.predict_on_batch(
            model, {name: array[rows] for name, array in inputs.items()}
        )
        # By NumPy: on PyTorch `keras.ops.cast` leaves NumPy's bfloat16 as it is.
        outputs = np.asarray(outputs).astype("float32", copy=False)
        stop = min(start + batch_size, num_rows)
        yield slice(start, stop), outputs[: stop - start]


def predict_rows(task, segments, batch_size=32):
    """The outputs of a task for each of several rows of token ids.

    Rows of about one length share a batch, padded to one of `bucket_lengths`, where
    outputs do not depend on padding. Up to `batch_size` rows are one batch of
    `sequence_length`, for which nothing else is compiled than for the last ones.

    Args:
        task: a task with a `PackedPreprocessor`.
        segments: tuple of lists of lists of token ids, one a segment, which fit into
            `sequence_length`.
        batch_size: int.

    Returns:
        A list with the outputs of each row: float32 arrays `(length, ...)`, without
        padding, in the structure of the task's.
    """
    preprocessor = task.preprocessor
    num_rows = len(segments[0])
    if not num_rows:
        return []
    _build_preprocessor(task)
    special = 1 + len(segments)
    lengths = np.array(
        [special + sum(map(len, parts)) for parts in zip(*segments, strict=True)]
    )
    buckets = np.array([preprocessor.sequence_length])
    depends_on_padding = getattr(task.backbone, "depends_on_padding", False)
    if num_rows > batch_size and not depends_on_padding:
        buckets = np.array(bucket_lengths(preprocessor.sequence_length))
    order = np.argsort(lengths, kind="stable")
    results = [None] * num_rows
    size = round_up(min(batch_size, num_rows), parts_of_batches())
    for start in range(0, num_rows, batch_size):
        rows = order[start : start + batch_size]
        # The last batch is filled up, or its size would be one more to compile.
        filled = np.resize(rows, size)
        x = preprocessor.pack(
            tuple([segment[i] for i in filled] for segment in segments),
            int(buckets[np.searchsorted(buckets, lengths[rows[-1]])]),
        )
        # The inputs are tokenized already: past the preprocessing of a `Task`.
        outputs = keras.Model.predict_on_batch(task, x)
        outputs = keras.tree.map_structure(
            lambda v: np.asarray(v).astype("float32", copy=False), outputs
        )
        for place, i in enumerate(rows):
            results[i] = keras.tree.map_structure(
                lambda v, place=place, i=i: v[place, : lengths[i]], outputs
            )
    return results
