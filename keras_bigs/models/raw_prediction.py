"""Predictions for raw strings without a pipeline's setting up."""

import keras
import numpy as np


class PredictsRaw:
    """Goes before a task's own base class: `predict` of strings held in memory.

    keras-hub 0.32 makes a pipeline at every call of `predict`, traces it or fills its
    buffers, and preprocesses the first batches several times over: a third of a second
    on two CPU cores, whatever the number of texts. Here each batch is preprocessed
    once, just before it is needed.
    """

    def predict(self, x=None, batch_size=None, **kwargs):
        """See `keras_hub.models.Task.predict`."""
        if (
            self.preprocessor is None
            or not _is_in_memory(x)
            # Keras divides only its own pipelines between processes.
            or keras.distribution.distribution() is not None
        ):
            return super().predict(x, batch_size=batch_size, **kwargs)
        batches = PreprocessedBatches(x, batch_size or 32, self.preprocess_samples)
        return keras.Model.predict(self, batches, **kwargs)


class PreprocessedBatches(keras.utils.PyDataset):
    """Raw inputs, preprocessed batch by batch.

    Args:
        x: a list or array of raw inputs, or a tuple or dict of several of one length.
        batch_size: int.
        preprocess: a function of a batch of them.
    """

    def __init__(self, x, batch_size, preprocess):
        super().__init__()
        self._x = x
        self._batch_size = batch_size
        self._preprocess = preprocess

    def __len__(self):
        return -(-len(_parts(self._x)[0]) // self._batch_size)

    def __getitem__(self, index):
        start = index * self._batch_size
        batch = _rows(self._x, slice(start, start + self._batch_size))
        x, *_ = keras.utils.unpack_x_y_sample_weight(self._preprocess(batch))
        return (x,)


def _parts(x):
    """The lists and arrays of an input of one or several."""
    if isinstance(x, dict):
        return list(x.values())
    return list(x) if isinstance(x, tuple) else [x]


def _is_in_memory(x):
    """Whether `x` is made of lists and arrays of text or numbers, of one length."""
    parts = _parts(x)
    kinds = "UOif"
    return (
        bool(parts)
        and all(
            isinstance(part, list)
            or (isinstance(part, np.ndarray) and part.dtype.kind in kinds and part.ndim)
            for part in parts
        )
        and len({len(part) for part in parts}) == 1
        and len(parts[0]) > 0
    )


def _rows(x, rows):
    if isinstance(x, dict):
        return {name: _rows(part, rows) for name, part in x.items()}
    if isinstance(x, tuple):
        return tuple(_rows(part, rows) for part in x)
    part = x[rows]
    is_text = isinstance(part, np.ndarray) and part.dtype.kind in "UO"
    return part.tolist() if is_text else part
