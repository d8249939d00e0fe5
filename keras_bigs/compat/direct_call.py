"""A layer that PyTorch calls without Keras' bookkeeping.

Keras 3.15 has no compiler there, so that its `Layer.__call__` takes its 0.1 to 0.4 ms
of Python at every call: with eleven layers a block, for one short text, longer than the
work itself. May go when Keras compiles models on PyTorch.
"""

import keras
from keras.src.backend import get_keras_mask
from keras.src.backend.common import global_state
from keras.src.backend.common.variables import get_autocast_scope

from keras_bigs.compat.eager_torch import is_eager


class DirectCall(keras.layers.Layer):
    """Goes before the base class of a layer of `(batch, length, dim)`.

    In inference, inside another layer or model, `call` is called at once where Keras
    would have nothing to build, convert, check, infer or report.
    """

    def __call__(self, *args, **kwargs):
        if len(args) != 1 or not self._is_direct(args[0], **kwargs):
            return super().__call__(*args, **kwargs)
        kwargs.pop("training", None)
        if "training" in self._call_signature.parameters:
            kwargs["training"] = False
        return self.call(*args, **kwargs)

    def _is_direct(self, x, padding_mask=None, training=False, **others):
        # The outermost call collects losses, and tells the others whether to train.
        outer = global_state.get_global_attribute("current_call_ctx")
        if outer is None or outer.get_value("training") or training or others:
            return False
        if not (is_eager(x) and (padding_mask is None or is_eager(padding_mask))):
            return False
        if not self.built or self.quantization_mode is not None:
            return False
        scope = get_autocast_scope()
        cast_to = self.variable_dtype if scope is None else scope.dtype
        return (
            cast_to == self.compute_dtype == keras.backend.standardize_dtype(x.dtype)
            and _is_allowed(x, self.input_spec)
            and get_keras_mask(x) is None
            and type(self).compute_mask is keras.layers.Layer.compute_mask
            and self.activity_regularizer is None
            and not self._remat_mode
            and not _has_hooks(self)
        )


def _is_allowed(x, spec):
    if x.ndim != 3 or spec is None:
        return x.ndim == 3
    others = (spec.shape, spec.dtype, spec.max_ndim)
    return (
        spec.ndim in (None, 3)
        and (spec.min_ndim or 0) <= 3
        and others == (None, None, None)
        and all(x.shape[axis] == size for axis, size in (spec.axes or {}).items())
    )


def _has_hooks(module):
    from torch.nn.modules.module import _has_any_global_hook

    return (
        module._forward_hooks
        or module._forward_pre_hooks
        or module._backward_hooks
        or module._backward_pre_hooks
        or _has_any_global_hook()
    )
