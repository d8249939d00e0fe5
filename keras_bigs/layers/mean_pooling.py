"""The mean of a sequence over its real tokens."""

import keras
from keras import ops

from keras_bigs.compat.einsum import einsum
from keras_bigs.layers.padding import resolve_mask
from keras_bigs.layers.padding import zero_padding


@keras.saving.register_keras_serializable("keras_bigs")
class MeanPooling(keras.layers.Layer):
    """Averages over the length, padding left out.

    Unlike `keras.layers.GlobalAveragePooling1D`, a row that is all padding (a missing
    choice, say) gives zeros instead of NaN.

    Args:
        **kwargs: `name`, `dtype` of `keras.layers.Layer`.

    Call arguments:
        inputs: `(batch, length, dim)`.
        padding_mask: optional `(batch, length)`, true at real tokens. Defaults to the
            Keras mask of `inputs`; without either the mean is over all positions.

    Returns:
        `(batch, dim)` in the layer's compute dtype.

    Raises:
        ValueError: a `padding_mask` of another shape.

    Example:
    ```python
    layer = keras_bigs.layers.MeanPooling()
    y = layer(np.ones((2, 5, 32)), padding_mask=np.array([[1] * 5, [1] * 3 + [0] * 2]))
    ```
    """

    def call(self, inputs, padding_mask=None, mask=None):
        # Keras casts floating-point inputs only.
        inputs = ops.cast(inputs, self.compute_dtype)
        padding_mask = resolve_mask(padding_mask, mask, inputs)
        if padding_mask is None:
            return ops.mean(inputs, axis=1)
        inputs = zero_padding(inputs, padding_mask)
        dtype = keras.backend.result_type(inputs.dtype, "float32")
        weights = ops.cast(ops.cast(padding_mask, "bool"), dtype)
        weights = weights / ops.maximum(ops.sum(weights, axis=1, keepdims=True), 1)
        # A product of matrices is summed in float32 whatever the dtype.
        return einsum("bl,bld->bd", ops.cast(weights, inputs.dtype), inputs)

    def compute_mask(self, inputs, previous_mask):
        return None

    def compute_output_shape(self, input_shape):
        return (input_shape[0], input_shape[-1])

    # Keras writes a config by itself only while `dtype` is given as a string.
    def get_config(self):
        return super().get_config()
