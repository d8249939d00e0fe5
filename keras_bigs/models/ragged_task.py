"""The base class of tasks on lists of lists."""

import keras
import numpy as np
from keras_hub.models import Task

from keras_bigs.models.raw_inputs import RawInputs


class RaggedTask(RawInputs, Task):
    """Base class of tasks whose raw inputs may be lists of lists of differing lengths.

    `fit`, `evaluate` and `predict` of keras-hub batch arrays; `stack_inputs` makes
    arrays of the lists.
    """

    def stack_inputs(self, x, y=None):
        """`(x, y)` with lists of lists padded to arrays."""
        raise NotImplementedError

    def fit(
        self,
        x=None,
        y=None,
        batch_size=None,
        sample_weight=None,
        validation_data=None,
        **kwargs,
    ):
        x, y = self.stack_inputs(x, y)
        if isinstance(validation_data, (tuple, list)):
            unpacked = keras.utils.unpack_x_y_sample_weight(validation_data)
            validation_data = keras.utils.pack_x_y_sample_weight(
                *self.stack_inputs(*unpacked[:2]), unpacked[2]
            )
        return super().fit(x, y, batch_size, sample_weight, validation_data, **kwargs)

    def evaluate(self, x=None, y=None, *args, **kwargs):
        x, y = self.stack_inputs(x, y)
        return super().evaluate(x, y, *args, **kwargs)

    def predict(self, x=None, *args, **kwargs):
        x, _ = self.stack_inputs(x)
        return super().predict(x, *args, **kwargs)


def raw_rows(x):
    """`x` if it is a list or an array, or a table's column as an array.

    Datasets and tensors, and all else, are `None`.
    """
    if hasattr(x, "to_numpy"):
        x = x.to_numpy()
    return x if isinstance(x, (list, np.ndarray)) else None


def pad_rows(rows, value, dtype):
    """A rectangular `(len(rows), longest)` array, rows filled up with `value`."""
    longest = max((len(row) for row in rows), default=0)
    array = np.full((len(rows), longest), value, dtype)
    for i, row in enumerate(rows):
        array[i, : len(row)] = row
    return array
