"""Recurrent routing: a bidirectional LSTM, as in ELMo."""

import keras
from keras import ops

from keras_bigs.layers.initializers import clone_initializer
from keras_bigs.layers.padding import resolve_mask


@keras.saving.register_keras_serializable("keras_bigs")
def orthogonal_float32(shape, dtype):
    """A random orthogonal matrix, computed in float32: JAX has no 16-bit QR."""
    return ops.cast(keras.initializers.Orthogonal()(shape, "float32"), dtype)


@keras.saving.register_keras_serializable("keras_bigs")
class BiLSTM(keras.layers.Layer):
    """Two LSTMs of `dim / 2` units, one a direction, concatenated.

    The routing of ELMo-style models (Peters et al. 2018): about `6 dim^2` weights, one
    step after the other. Padding is skipped, so the backward LSTM starts at the last
    real token.

    Args:
        kernel_initializer: initializer of the input kernels.
        **kwargs: `name`, `dtype`, `trainable` of `keras.layers.Layer`.

    Call arguments:
        inputs: `(batch, length, dim)`, `dim` even.
        padding_mask: optional `(batch, length)`, true at real tokens. Defaults to the
            Keras mask of `inputs`, if any.

    Returns:
        `(batch, length, dim)` in the layer's compute dtype.

    Raises:
        ValueError: an odd `dim`.
    """

    def __init__(self, kernel_initializer="glorot_uniform", **kwargs):
        super().__init__(**kwargs)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.supports_masking = True

    def build(self, input_shape):
        dim = input_shape[-1]
        if dim % 2:
            raise ValueError(
                "The last dimension of the input must be even, half for each "
                f"direction. Received: input_shape={input_shape}"
            )
        self.lstm = keras.layers.Bidirectional(
            keras.layers.LSTM(
                dim // 2,
                return_sequences=True,
                kernel_initializer=clone_initializer(self.kernel_initializer),
                recurrent_initializer=orthogonal_float32,
                dtype=self.dtype_policy,
            ),
            dtype=self.dtype_policy,
            name="lstm",
        )
        self.lstm.build(input_shape)

    def call(self, inputs, padding_mask=None, mask=None):
        padding_mask = resolve_mask(padding_mask, mask)
        if padding_mask is not None:
            padding_mask = ops.cast(padding_mask, "bool")
        return self.lstm(inputs, mask=padding_mask)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        config = super().get_config()
        config["kernel_initializer"] = keras.initializers.serialize(
            self.kernel_initializer
        )
        return config
