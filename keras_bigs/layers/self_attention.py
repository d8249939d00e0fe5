"""Self-attention routing: BERT's, by `keras.layers.MultiHeadAttention`."""

import keras
from keras import ops

from keras_bigs.compat.attention import MultiHeadAttention
from keras_bigs.compat.keras_mask import without_mask
from keras_bigs.layers.initializers import sublayer_arguments
from keras_bigs.layers.routing_layer import RoutingLayer


@keras.saving.register_keras_serializable("keras_bigs")
class SelfAttention(RoutingLayer):
    """Multi-head self-attention of a sequence over its real tokens.

    The routing of the paper's BERT (in a stack block) and GATED/ATT (in a gated one).
    The softmax is computed in float32 at least.

    Args:
        num_heads: int or `None`. Must divide `dim`; `None` takes the fewest heads of at
            most 64 channels, which is what BERT has.
        dropout: float. Dropout of the attention probabilities.
        **kwargs: those of `RoutingLayer`.

    Call arguments, result and errors are those of `RoutingLayer`. Only tokens that
    `padding_mask` calls real are attended to.

    Raises:
        ValueError: a `num_heads` below 1, or that does not divide `dim`.

    Example:
    ```python
    layer = keras_bigs.layers.SelfAttention(num_heads=4)
    y = layer(np.random.uniform(size=(2, 100, 32)))
    ```
    """

    def __init__(self, num_heads=None, dropout=0.0, **kwargs):
        super().__init__(**kwargs)
        check_num_heads(num_heads)
        self.num_heads = num_heads
        self.dropout = dropout

    @classmethod
    def from_options(cls, options):
        return super().from_options(options, dropout=options.dropout)

    def build(self, input_shape):
        super().build(input_shape)
        dim = input_shape[-1]
        num_heads = resolve_num_heads(self.num_heads, dim)
        self.attention = MultiHeadAttention(
            num_heads=num_heads,
            key_dim=dim // num_heads,
            dropout=self.dropout,
            name="attention",
            **sublayer_arguments(self),
        )
        self.attention.build(input_shape, input_shape)

    def route(self, x, padding_mask):
        if padding_mask is not None:
            padding_mask = ops.expand_dims(ops.cast(padding_mask, "bool"), 1)
        # The mask of the input itself would be applied on top.
        x = without_mask(x)
        return self.attention(x, x, attention_mask=padding_mask)

    def get_config(self):
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "dropout": self.dropout,
        }


def check_num_heads(num_heads):
    """Raises `ValueError` if there is a number of heads, and it is below 1."""
    if num_heads is not None and num_heads < 1:
        raise ValueError(
            f"`num_heads` must be at least 1. Received: num_heads={num_heads}"
        )


def resolve_num_heads(num_heads, dim):
    """The number of heads for `dim` channels.

    Args:
        num_heads: int, or `None` for the fewest heads of at most 64 channels.
        dim: int. The number of channels.

    Returns:
        int.

    Raises:
        ValueError: it does not divide `dim`.
    """
    if num_heads is None:
        return next(n for n in range(-(-dim // 64), dim + 1) if dim % n == 0)
    if dim % num_heads:
        raise ValueError(
            "`num_heads` must divide the last dimension of the input. "
            f"Received: num_heads={num_heads}, dim={dim}"
        )
    return num_heads
