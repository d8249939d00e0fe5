"""Recurrent routing: a bidirectional LSTM, as in ELMo."""

import keras
from keras import ops

from keras_bigs.layers.initializers import sublayer_arguments
from keras_bigs.layers.routing_layer import RoutingLayer


@keras.saving.register_keras_serializable("keras_bigs")
def orthogonal_float32(shape, dtype):
    """A random orthogonal matrix, computed in float32: JAX has no 16-bit QR."""
    return ops.cast(keras.initializers.Orthogonal()(shape, "float32"), dtype)


@keras.saving.register_keras_serializable("keras_bigs")
class BiLSTM(RoutingLayer):
    """Two LSTMs of `dim / 2` units, one a direction, concatenated.

    The routing of ELMo-style models (Peters et al. 2018): about `6 dim^2` weights, one
    step after the other. Padding is skipped, so the backward LSTM starts at the last
    real token.

    Args:
        **kwargs: those of `RoutingLayer`. The initializers are those of the input
            kernels, and of the biases except the forget gates', which are 1.

    Call arguments, result and errors are those of `RoutingLayer`.

    Raises:
        ValueError: an odd `dim`.

    Example:
    ```python
    layer = keras_bigs.layers.BiLSTM()
    y = layer(np.random.uniform(size=(2, 100, 32)))
    ```
    """

    def build(self, input_shape):
        super().build(input_shape)
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
                recurrent_initializer=orthogonal_float32,
                **sublayer_arguments(self),
            ),
            dtype=self.dtype_policy,
            name="lstm",
        )
        self.lstm.build(input_shape)

    def route(self, x, padding_mask):
        if padding_mask is not None:
            padding_mask = ops.cast(padding_mask, "bool")
        return self.lstm(x, mask=padding_mask)
