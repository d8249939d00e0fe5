"""Raw strings held in memory, without a pipeline's setting up."""

import keras
import numpy as np


class RawInputs:
    """Goes before a task's own base class: `fit`, `evaluate` and `predict` of strings
    held in memory.

    keras-hub 0.32 makes a pipeline at every call, traces it or fills its buffers, and
    preprocesses the first batches several times over: a third of a second on two CPU
    cores, whatever the number of texts. And it never shuffles. Here each batch is
    preprocessed once, just before it is needed, and `fit` draws a new order for every
    epoch, as Keras does for arrays.
    """

    def fit(
        self,
        x=None,
        y=None,
        batch_size=None,
        sample_weight=None,
        validation_data=None,
        validation_split=None,
        shuffle=True,
        **kwargs,
    ):
        """See `keras_hub.models.Task.fit`.

        Args:
            shuffle: bool. Whether to draw a new order for every epoch, by NumPy's
                global generator, which `keras.utils.set_random_seed` seeds. Of no use
                for datasets: shuffle those yourself.
            **kwargs: see `keras.Model.fit`, as the other arguments.
        """
        train = (x, y, sample_weight)
        held_out = keras.utils.unpack_x_y_sample_weight(validation_data)
        cut = _cut(x, validation_split) if validation_data is None else None
        if cut is not None:
            train, held_out = _rows(train, slice(cut)), _rows(train, slice(cut, None))
        if not (
            self._prepares(train)
            and (validation_data is None or self._prepares(held_out))
        ):
            return super().fit(
                x,
                y,
                batch_size,
                sample_weight,
                validation_data,
                validation_split,
                shuffle=False,  # keras-hub does not, and Keras would say so
                **kwargs,
            )
        return keras.Model.fit(
            self,
            self._batches(train, batch_size, shuffle),
            validation_data=(
                None
                if held_out[0] is None
                else self._batches(
                    held_out, kwargs.get("validation_batch_size") or batch_size
                )
            ),
            shuffle=False,  # of batches
            **kwargs,
        )

    def evaluate(self, x=None, y=None, batch_size=None, sample_weight=None, **kwargs):
        """See `keras_hub.models.Task.evaluate`."""
        data = (x, y, sample_weight)
        if not self._prepares(data):
            return super().evaluate(x, y, batch_size, sample_weight, **kwargs)
        return keras.Model.evaluate(self, self._batches(data, batch_size), **kwargs)

    def predict(self, x=None, batch_size=None, **kwargs):
        """See `keras_hub.models.Task.predict`."""
        data = (x, None, None)
        if not self._prepares(data):
            return super().predict(x, batch_size=batch_size, **kwargs)
        return keras.Model.predict(self, self._batches(data, batch_size), **kwargs)

    def _prepares(self, data):
        """Whether data are held in memory and can be preprocessed here."""
        return (
            _is_in_memory(data)
            # Without a preprocessor, what it would have made.
            and (self.preprocessor is not None or _are_numbers(data))
            # Keras divides only its own pipelines between processes.
            and keras.distribution.distribution() is None
        )

    def _batches(self, data, batch_size, shuffle=False):
        return PreprocessedBatches(
            data, batch_size or 32, self.preprocess_samples, shuffle
        )


class PreprocessedBatches(keras.utils.PyDataset):
    """Raw inputs, preprocessed batch by batch.

    Args:
        data: `(x, y, sample_weight)`, each a list or array, or a tuple or dict of
            several, all of one length; or `None`.
        batch_size: int.
        preprocess: a function of a batch of them.
        shuffle: bool. Whether each pass is in a new order.
    """

    def __init__(self, data, batch_size, preprocess, shuffle=False):
        super().__init__()
        self._data = data
        self._batch_size = batch_size
        self._preprocess = preprocess
        self._shuffle = shuffle
        self._order = np.arange(_length(data))

    def __len__(self):
        return -(-len(self._order) // self._batch_size)

    def __getitem__(self, index):
        # At the first batch of a pass, which need not be one epoch.
        if index == 0 and self._shuffle:
            self._order = np.random.permutation(len(self._order))
        start = index * self._batch_size
        x, y, sample_weight = _rows(
            self._data, self._order[start : start + self._batch_size]
        )
        batch = self._preprocess(x, *_arrays((y, sample_weight)))
        return batch if isinstance(batch, tuple) else (batch,)


def _parts(data):
    """The lists and arrays of data of one or several, `None` left out."""
    if isinstance(data, dict):
        data = tuple(data.values())
    if isinstance(data, tuple):
        return [part for element in data for part in _parts(element)]
    return [] if data is None else [data]


def _length(data):
    return len(_parts(data)[0])


def _is_in_memory(data):
    """Whether data are lists and arrays of text or numbers, of one length."""
    parts = _parts(data)
    kinds = "UOifb"
    return (
        data[0] is not None
        and all(
            isinstance(part, list)
            or (isinstance(part, np.ndarray) and part.dtype.kind in kinds and part.ndim)
            for part in parts
        )
        and len({len(part) for part in parts}) == 1
        and len(parts[0]) > 0
    )


def _are_numbers(data):
    """Whether data are arrays of numbers."""
    parts = _parts(data)
    return all(isinstance(x, np.ndarray) and x.dtype.kind in "ifb" for x in parts)


def _cut(x, validation_split):
    """How many of the first examples are for training; `None` where that is for
    keras-hub to say."""
    if not validation_split or not _is_in_memory((x,)):
        return None
    size = _length(x)
    cut = int(size * (1.0 - validation_split))
    return cut if 0 < cut < size else None


def _rows(data, rows):
    """Some rows, a slice or an array of indices, of all lists and arrays."""
    if isinstance(data, dict):
        return {name: _rows(part, rows) for name, part in data.items()}
    if isinstance(data, tuple):
        return tuple(_rows(part, rows) for part in data)
    if data is None:
        return None
    if isinstance(data, list):
        return data[rows] if isinstance(rows, slice) else [data[i] for i in rows]
    part = data[rows]
    return part.tolist() if part.dtype.kind in "UO" else part


def _arrays(data):
    """Labels and weights as arrays, for Keras takes no lists of them."""
    if isinstance(data, dict):
        return {name: _arrays(part) for name, part in data.items()}
    if isinstance(data, tuple):
        return tuple(_arrays(part) for part in data)
    return data if data is None else np.asarray(data)
