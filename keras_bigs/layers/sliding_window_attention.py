"""Longformer's routing: attention to a window, and to a few global tokens."""

import keras
from keras import ops

from keras_bigs.compat.einsum import einsum
from keras_bigs.layers.initializers import sublayer_arguments
from keras_bigs.layers.routing_layer import RoutingLayer
from keras_bigs.layers.self_attention import check_num_heads
from keras_bigs.layers.self_attention import resolve_num_heads


@keras.saving.register_keras_serializable("keras_bigs")
class SlidingWindowAttention(RoutingLayer):
    """Self-attention in which a token sees `window` tokens to either side.

    As in Longformer (Beltagy et al. 2020), the first `num_global_tokens` tokens are
    exempt: they attend to the whole sequence and all tokens attend to them. (Longformer
    gives them projections of their own; here they share one set.)

    The sequence is cut into blocks of `window` tokens, each of which attends to itself
    and its two neighbours, so time and memory are linear in length. The result is that
    of full attention under a band-shaped mask.

    Args:
        window: int. How many tokens to either side a token sees.
        num_global_tokens: int. How many leading tokens are global.
        num_heads: int or `None`; see `SelfAttention`.
        dropout: float. Dropout of the attention probabilities.
        **kwargs: those of `RoutingLayer`.

    Call arguments, result and errors are those of `RoutingLayer`. Only tokens that
    `padding_mask` calls real are attended to.

    Raises:
        ValueError: a `window` below 1, a negative `num_global_tokens`, or a
            `num_heads` below 1, or that does not divide `dim`.

    Example:
    ```python
    layer = keras_bigs.layers.SlidingWindowAttention(window=16, num_global_tokens=1)
    y = layer(np.random.uniform(size=(2, 100, 32)))
    ```
    """

    def __init__(
        self, window=128, num_global_tokens=0, num_heads=None, dropout=0.0, **kwargs
    ):
        super().__init__(**kwargs)
        check_num_heads(num_heads)
        if window < 1 or num_global_tokens < 0:
            raise ValueError(
                "`window` must be at least 1 and `num_global_tokens` at least 0. "
                f"Received: window={window}, num_global_tokens={num_global_tokens}"
            )
        self.window = window
        self.num_global_tokens = num_global_tokens
        self.num_heads = num_heads
        self.dropout = dropout

    @classmethod
    def from_options(cls, options):
        return super().from_options(options, dropout=options.dropout)

    def _projection(self, equation, output_shape, bias_axes, name):
        return keras.layers.EinsumDense(
            equation,
            output_shape=output_shape,
            bias_axes=bias_axes,
            name=name,
            **sublayer_arguments(self),
        )

    def build(self, input_shape):
        super().build(input_shape)
        dim = input_shape[-1]
        heads = resolve_num_heads(self.num_heads, dim)
        size = dim // heads
        self.query_scale = size**-0.5
        self.query, self.key, self.value = (
            self._projection("bld,dhk->blhk", (None, heads, size), "hk", name)
            for name in ("query", "key", "value")
        )
        self.attention_output = self._projection(
            "blhk,hkd->bld", (None, dim), "d", "attention_output"
        )
        for layer in (self.query, self.key, self.value):
            layer.build(input_shape)
        self.attention_output.build((*input_shape[:-1], heads, size))
        self.dropout_layer = keras.layers.Dropout(
            self.dropout, dtype=self.dtype_policy, name="dropout"
        )

    def route(self, x, padding_mask):
        if padding_mask is None:
            padding_mask = ops.ones_like(x[..., 0])
        padding_mask = ops.cast(padding_mask, "bool")
        query = self.query(x) * ops.cast(self.query_scale, x.dtype)
        key, value = self.key(x), self.value(x)
        x = self._attend_locally(query, key, value, padding_mask)
        if self.num_global_tokens:
            query = query[:, : self.num_global_tokens]
            scores = einsum("bihk,bjhk->bhij", query, key)
            weights = self._softmax(scores, padding_mask[:, None, None])
            whole = einsum("bhij,bjhk->bihk", weights, value)
            x = ops.concatenate([whole, x[:, self.num_global_tokens :]], axis=1)
        return self.attention_output(x)

    def _attend_locally(self, query, key, value, padding_mask):
        length, window = ops.shape(query)[1], self.window
        is_global = ops.arange(length) < self.num_global_tokens
        local = ops.logical_and(padding_mask, ops.logical_not(is_global))
        q = self._blocks(query)
        k, v, seen = (self._neighbours(x) for x in (key, value, local))
        # Distance from query i of a block to key j of the three blocks around it.
        distance = ops.arange(3 * window)[None] - window - ops.arange(window)[:, None]
        seen = ops.logical_and(seen[:, :, None], ops.abs(distance) <= window)
        scores = einsum("bnihk,bnjhk->bnhij", q, k)
        if self.num_global_tokens:
            k_global = key[:, : self.num_global_tokens]
            v_global = value[:, : self.num_global_tokens]
            scores = ops.concatenate(
                [einsum("bnihk,bghk->bnhig", q, k_global), scores], axis=-1
            )
            seen_global = padding_mask[:, None, None, : self.num_global_tokens]
            seen_global = ops.broadcast_to(
                seen_global, (*ops.shape(seen)[:-1], ops.shape(k_global)[1])
            )
            seen = ops.concatenate([seen_global, seen], axis=-1)
        weights = self._softmax(scores, seen[:, :, None])
        x = einsum("bnhij,bnjhk->bnihk", weights[..., -3 * window :], v)
        if self.num_global_tokens:
            x = x + einsum("bnhig,bghk->bnihk", weights[..., : -3 * window], v_global)
        return ops.reshape(x, (-1, ops.shape(x)[1] * window, *x.shape[3:]))[:, :length]

    def _softmax(self, scores, seen):
        # In float32 at least.
        dtype = keras.backend.standardize_dtype(scores.dtype)
        precise = "float64" if dtype == "float64" else "float32"
        scores = ops.where(seen, ops.cast(scores, precise), -1e9)
        return self.dropout_layer(ops.cast(ops.softmax(scores), dtype))

    def _blocks(self, x):
        """`(batch, length, ...)` to `(batch, blocks, window, ...)`, zero-padded."""
        padding = -ops.shape(x)[1] % self.window
        x = ops.pad(x, [[0, 0], [0, padding]] + [[0, 0]] * (len(x.shape) - 2))
        return ops.reshape(x, (ops.shape(x)[0], -1, self.window, *x.shape[2:]))

    def _neighbours(self, x):
        """`(batch, length, ...)` to `(batch, blocks, 3 * window, ...)`."""
        x = self._blocks(x)
        x = ops.pad(x, [[0, 0], [1, 1]] + [[0, 0]] * (len(x.shape) - 2))
        return ops.concatenate([x[:, :-2], x[:, 1:-1], x[:, 2:]], axis=2)

    def get_config(self):
        return {
            **super().get_config(),
            "window": self.window,
            "num_global_tokens": self.num_global_tokens,
            "num_heads": self.num_heads,
            "dropout": self.dropout,
        }
