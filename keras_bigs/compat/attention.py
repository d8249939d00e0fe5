"""Multi-head attention that is fused where it can be, with a float32 softmax.

Keras 3.15: as soon as `MultiHeadAttention` has `dropout`, its softmax is computed in
the compute dtype, and the backend's fused attention (which has float32 inside) is left
unused in inference too, where nothing is dropped. May go when both are mended.
"""

import keras
from keras import ops


class MultiHeadAttention(keras.layers.MultiHeadAttention):
    """`keras.layers.MultiHeadAttention` of `(batch, length, dim)` inputs."""

    def _build_attention(self, rank):
        super()._build_attention(rank)
        self._softmax = keras.layers.Softmax(
            axis=self._softmax.axis,
            dtype="float64" if self.compute_dtype == "float64" else "float32",
        )

    def _compute_attention(
        self,
        query,
        key,
        value,
        attention_mask=None,
        training=None,
        return_attention_scores=False,
    ):
        if training or return_attention_scores:
            return super()._compute_attention(
                query, key, value, attention_mask, training, return_attention_scores
            )
        if attention_mask is not None:
            attention_mask = ops.expand_dims(attention_mask, 1)
        output = ops.dot_product_attention(
            query,
            key,
            value,
            mask=attention_mask,
            scale=self._inverse_sqrt_key_dim,
            flash_attention=self._flash_attention,
        )
        return output, None
