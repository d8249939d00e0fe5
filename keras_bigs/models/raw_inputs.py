"""Raw strings held in memory, without a pipeline's setting up."""

import warnings

import keras
import numpy as np

from keras_bigs.compat.keras_hub_preprocessing import no_convert_scope


class RawInputs:
    """Goes before a task's own base class: `fit`, `evaluate` and `predict` of strings
    held in memory.

    keras-hub 0.32 makes a pipeline at every call, traces it or fills its buffers, and
    preprocesses the first batches several times over: a third of a second on two CPU
    cores, whatever the number of texts. And it never shuffles. Here each batch is
    preprocessed once, just before it is needed, and `fit` draws a new order for every
    epoch, as Keras does for arrays. Where texts may have been cut though the encoder
    takes more, a warning says how many.
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
            shuffle: bool. Whether to draw a new order for every pass over data that are
                held in memory, by NumPy's global generator, which
                `keras.utils.set_random_seed` seeds. Shuffle datasets yourself. Where
                training or validation data are a dataset, or devices share the work,
                Keras says that it is ignored.
            **kwargs: see `keras.Model.fit`, as the other arguments. With
                `steps_per_epoch`, passes go on from one epoch to the next.
        """
        train = _in_memory((x, y, sample_weight))
        held_out = None
        if validation_data is not None:
            held_out = _in_memory(keras.utils.unpack_x_y_sample_weight(validation_data))
        elif validation_split and train is not None:
            cut = int(_length(train) * (1.0 - validation_split))
            if 0 < cut < _length(train):
                held_out = _rows(train, slice(cut, None))
                train = _rows(train, slice(cut))
        for data in (train, held_out):
            if data is not None:
                self.check_labels(data[1])
        needs_held_out = validation_data is not None or validation_split
        if not self._prepares(train) or (
            needs_held_out and not self._prepares(held_out)
        ):
            return super().fit(
                x,
                y,
                batch_size,
                sample_weight,
                validation_data,
                validation_split,
                # That a dataset is not shuffled goes without saying.
                shuffle=shuffle and train is not None,
                **kwargs,
            )
        if held_out is not None:
            size = kwargs.get("validation_batch_size") or batch_size
            held_out = self._batches(held_out, size)
        repeat = kwargs.get("steps_per_epoch") is not None
        return keras.Model.fit(
            self,
            self._batches(train, batch_size, shuffle, repeat),
            validation_data=held_out,
            shuffle=False,  # of batches
            **kwargs,
        )

    def evaluate(self, x=None, y=None, batch_size=None, sample_weight=None, **kwargs):
        """See `keras_hub.models.Task.evaluate`."""
        data = _in_memory((x, y, sample_weight))
        if data is not None:
            self.check_labels(data[1])
        if not self._prepares(data):
            return super().evaluate(x, y, batch_size, sample_weight, **kwargs)
        return keras.Model.evaluate(self, self._batches(data, batch_size), **kwargs)

    def predict(self, x=None, batch_size=None, **kwargs):
        """See `keras_hub.models.Task.predict`."""
        data = _in_memory((x, None, None))
        if not self._prepares(data):
            return super().predict(x, batch_size=batch_size, **kwargs)
        return keras.Model.predict(self, self._batches(data, batch_size), **kwargs)

    def check_labels(self, y):
        """Finds out what cannot be learnt, of all labels before any training.

        Args:
            y: a list or array of labels; anything else passes.

        Raises:
            ValueError: a label that the task has no output for.
        """

    def preprocess_samples(self, x, y=None, sample_weight=None):
        """See `keras_hub.models.Task`."""
        self.check_labels(y)
        return super().preprocess_samples(x, y, sample_weight)

    def _prepares(self, data):
        """Whether data, as `_in_memory` returns them, can be preprocessed here."""
        return (
            data is not None
            # Without a preprocessor, what it would have made.
            and (self.preprocessor is not None or _are_numbers(data))
            # Keras divides only its own pipelines between processes.
            and keras.distribution.distribution() is None
        )

    def _batches(self, data, batch_size, shuffle=False, repeat=False):
        longest = getattr(self.backbone, "max_sequence_length", None)
        return PreprocessedBatches(
            data, batch_size or 32, self.preprocess_samples, shuffle, repeat, longest
        )


class PreprocessedBatches(keras.utils.PyDataset):
    """Raw inputs, preprocessed batch by batch.

    Args:
        data: `(x, y, sample_weight)`, each a list or array, or a tuple or dict of
            several, all of one length; or `None`.
        batch_size: int.
        preprocess: a function of a batch of them.
        shuffle: bool. Whether each pass is in a new order.
        repeat: bool. Whether a pass is followed by another.
        longest: int or `None`. The most tokens that the model takes.
    """

    def __init__(
        self,
        data,
        batch_size,
        preprocess,
        shuffle=False,
        repeat=False,
        longest=None,
    ):
        super().__init__()
        self._data = data
        self._batch_size = batch_size
        self._preprocess = preprocess
        self._shuffle = shuffle
        self._repeat = repeat
        self._longest = longest
        self._full = {}  # texts without padding, by batch
        self._order = np.arange(_length(data))

    def __len__(self):
        return -(-len(self._order) // self._batch_size)

    @property
    def num_batches(self):
        """As Keras asks for it: `None` if there is no last one."""
        return None if self._repeat else len(self)

    def __getitem__(self, index):
        index %= len(self)
        if index == 0 and self._shuffle:
            self._order = np.random.permutation(len(self._order))
        start = index * self._batch_size
        x, y, sample_weight = _rows(
            self._data, self._order[start : start + self._batch_size]
        )
        # As NumPy arrays: to look into a tensor would be to wait for the batch before.
        with no_convert_scope():
            batch = self._preprocess(x, *_arrays((y, sample_weight)))
        batch = batch if isinstance(batch, tuple) else (batch,)
        if self._longest is not None:
            self._notice_cuts(index, batch[0])
        return batch

    def _notice_cuts(self, index, x):
        """Counts texts without padding, and says so once, after the first pass."""
        padding_mask = x.get("padding_mask") if isinstance(x, dict) else None
        if padding_mask is None or padding_mask.shape[-1] >= self._longest:
            return
        mask = keras.ops.convert_to_numpy(padding_mask)
        # Keras may look at a batch before it takes it.
        self._full[index] = int(mask[..., -1].sum())
        if index < len(self) - 1:
            return
        if number := sum(self._full.values()):
            warnings.warn(
                f"{number:,} of the texts fill all {mask.shape[-1]} tokens; what they "
                f"have beyond was cut off. The encoder takes {self._longest}: set "
                f"`task.preprocessor.sequence_length = {self._longest}`.",
                stacklevel=2,
            )
        self._longest = None


def _in_memory(data):
    """`(x, y, sample_weight)` as lists and arrays of text or numbers of one length;
    `None` if they are anything else."""
    x, _, _ = data
    data = _with_arrays(data)
    parts = _parts(data)
    is_known = all(
        isinstance(part, list)
        or (isinstance(part, np.ndarray) and part.dtype.kind in "UOiufb" and part.ndim)
        for part in parts
    )
    if x is None or not is_known or len({len(part) for part in parts}) != 1:
        return None
    return data if len(parts[0]) else None


def _with_arrays(data):
    """Tensors of numbers and columns of tables as arrays."""
    if isinstance(data, dict):
        return {name: _with_arrays(part) for name, part in data.items()}
    if isinstance(data, tuple):
        return tuple(_with_arrays(part) for part in data)
    if keras.ops.is_tensor(data):
        is_text = "string" in str(data.dtype)
        return data if is_text else keras.ops.convert_to_numpy(data)
    return np.asarray(data) if hasattr(data, "__array__") else data


def _parts(data):
    """The lists and arrays of data of one or several, `None` left out."""
    if isinstance(data, dict):
        data = tuple(data.values())
    if isinstance(data, tuple):
        return [part for element in data for part in _parts(element)]
    return [] if data is None else [data]


def _length(data):
    return len(_parts(data)[0])


def _are_numbers(data):
    """Whether data are arrays of numbers."""
    parts = _parts(data)
    return all(isinstance(x, np.ndarray) and x.dtype.kind in "iufb" for x in parts)


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
    """Lists of labels and weights as arrays, of 32 bits, as Keras makes them."""
    if isinstance(data, dict):
        return {name: _arrays(part) for name, part in data.items()}
    if isinstance(data, tuple):
        return tuple(_arrays(part) for part in data)
    if not isinstance(data, list):
        return data
    array = np.asarray(data)
    narrow = {"int64": "int32", "float64": "float32"}
    return array.astype(narrow.get(array.dtype.name, array.dtype))
