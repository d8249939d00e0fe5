"""Cross-entropy of many classes in the order that they have in memory.

Keras 3.15 moves the classes of `(batch, predictions, classes)` to the second axis on
PyTorch: four copies of all logits a training step, forward and back. May go when it
flattens the other axes instead.
"""

import keras
from keras import ops

from keras_bigs.compat.eager_torch import is_eager


@keras.saving.register_keras_serializable("keras_bigs")
class SparseCategoricalCrossentropy(keras.losses.SparseCategoricalCrossentropy):
    """`keras.losses.SparseCategoricalCrossentropy`."""

    def call(self, y_true, y_pred):
        of_last_axis = self._fn_kwargs["axis"] in (-1, y_pred.ndim - 1)
        fits = tuple(y_true.shape) == tuple(y_pred.shape[:-1])
        if self.ignore_class is not None or not (
            of_last_axis and fits and is_eager(y_pred)
        ):
            return super().call(y_true, y_pred)
        flat = ops.reshape(y_pred, (-1, y_pred.shape[-1]))
        losses = super().call(ops.reshape(y_true, (-1,)), flat)
        return ops.reshape(losses, y_pred.shape[:-1])
