"""Self-attention routing: BERT's, by `keras.layers.MultiHeadAttention`."""

import keras
from keras import ops

from keras_bigs.compat.keras_mask import without_mask
from keras_bigs.layers.initializers import clone_initializer
from keras_bigs.layers.padding import resolve_mask


@keras.saving.register_keras_serializable("keras_bigs")
class SelfAttention(keras.layers.Layer):
    """Multi-head self-attention of a sequence over its real tokens.

    The routing of the paper's BERT (in a stack block) and GATED/ATT (in a gated one).

    Args:
        num_heads: int or `None`. Must divide `dim`; `None` takes heads of 64
            channels, as BERT does, or a single one where 64 does not divide `dim`.
        dropout: float. Dropout of the attention probabilities.
        kernel_initializer: initializer of the projections' kernels.
        bias_initializer: initializer of the projections' biases.
        **kwargs: `name`, `dtype`, `trainable` of `keras.layers.Layer`.

    Call arguments:
        inputs: `(batch, length, dim)`.
        padding_mask: optional `(batch, length)`, true at real tokens, the only ones
            attended to. Defaults to the Keras mask of `inputs`, if any.

    Returns:
        `(batch, length, dim)` in the layer's compute dtype.

    Raises:
        ValueError: a `num_heads` that does not divide `dim`.
    """

    def __init__(
        self,
        num_heads=None,
        dropout=0.0,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.num_heads = num_heads
        self.dropout = dropout
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.supports_masking = True

    def build(self, input_shape):
        dim = input_shape[-1]
        num_heads = resolve_num_heads(self.num_heads, dim)
        self.attention = keras.layers.MultiHeadAttention(
            num_heads=num_heads,
            key_dim=dim // num_heads,
            dropout=self.dropout,
            kernel_initializer=clone_initializer(self.kernel_initializer),
            bias_initializer=clone_initializer(self.bias_initializer),
            dtype=self.dtype_policy,
            name="attention",
        )
        self.attention.build(input_shape, input_shape)

    def call(self, inputs, padding_mask=None, mask=None):
        padding_mask = resolve_mask(padding_mask, mask)
        if padding_mask is not None:
            padding_mask = ops.expand_dims(ops.cast(padding_mask, "bool"), 1)
        # The mask of the input itself would be applied on top.
        inputs = without_mask(inputs)
        return self.attention(inputs, inputs, attention_mask=padding_mask)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        config = super().get_config()
        config.update(
            {
                "num_heads": self.num_heads,
                "dropout": self.dropout,
                "kernel_initializer": keras.initializers.serialize(
                    self.kernel_initializer
                ),
                "bias_initializer": keras.initializers.serialize(self.bias_initializer),
            }
        )
        return config


def resolve_num_heads(num_heads, dim):
    """The number of heads for `dim` channels, checked.

    Args:
        num_heads: int, or `None` for heads of 64 channels (1 if 64 does not divide).
        dim: int. The number of channels.

    Returns:
        int.

    Raises:
        ValueError: a `num_heads` that does not divide `dim`.
    """
    if num_heads is None:
        return dim // 64 if dim % 64 == 0 else 1
    if dim % num_heads:
        raise ValueError(
            "`num_heads` must divide the last dimension of the input. "
            f"Received: num_heads={num_heads}, dim={dim}"
        )
    return num_heads
