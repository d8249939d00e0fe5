"""A layer that PyTorch calls without Keras' bookkeeping.

Keras 3.15 has no compiler there, so that its `Layer.__call__` takes its 0.1 to 0.4 ms
of Python at every call: with eleven layers a block, for one short text, longer than the
work itself. May go when Keras compiles models on PyTorch.
"""

import keras
from keras.src.backend import get_keras_mask
from keras.src.backend.common.variables import get_autocast_scope

from keras_bigs.compat.eager_torch import is_eager


class DirectCall(keras.layers.Layer):
    """Goes before the base class of a layer of `(batch, length, dim)`.

    Where `Layer.__call__` would do nothing else, `call` is called.
    """

    def __call__(self, *args, **kwargs):
        if len(args) != 1 or not self._is_direct(args[0], **kwargs):
            return super().__call__(*args, **kwargs)
        if "training" not in self._call_signature.parameters:
            kwargs.pop("training", None)
        return self.call(*args, **kwargs)

    def _is_direct(self, x, padding_mask=None, training=False, **others):
        """Whether there is nothing to build, convert, check, infer or report."""
        if others or training is not False or not is_eager(x) or x.ndim != 3:
            return False
        if not self.built or self.quantization_mode is not None:
            return False
        if not (padding_mask is None or is_eager(padding_mask)):
            return False
        axes = getattr(self.input_spec, "axes", None) or {}
        scope = get_autocast_scope()
        cast_to = self.variable_dtype if scope is None else scope.dtype
        hooks = self._forward_hooks or self._forward_pre_hooks or self._backward_hooks
        return (
            cast_to == self.compute_dtype == keras.backend.standardize_dtype(x.dtype)
            and all(x.shape[axis] == size for axis, size in axes.items())
            and get_keras_mask(x) is None
            and self.activity_regularizer is None
            and not hooks
        )
