"""The block of BERT, around any routing."""

import keras

from keras_bigs.compat.in_parts import in_parts
from keras_bigs.layers.block import Block


@keras.saving.register_keras_serializable("keras_bigs")
class StackBlock(Block):
    """The stacked block: BERT's transformer layer around any routing, post-norm.

        H = LayerNorm(X + Dropout(route(X)))
        output = LayerNorm(H + Dropout(W_2 gelu(W_1 H)))

    With `intermediate_dim = 4 dim`, as in BERT, and a routing of `4 dim^2` weights it
    has about `12 dim^2`. With attention it is the transformer of Devlin et al. (2019);
    with `"ssm"` the two SSMs are sequential (paper, section 4).

    Arguments, call arguments, result and errors are those of `Block`.

    Example:
    ```python
    block = keras_bigs.layers.StackBlock(intermediate_dim=128, routing="attention")
    y = block(np.random.uniform(size=(2, 100, 32)))
    ```
    """

    block = "stack"

    def build(self, input_shape):
        dim, width = input_shape[-1], self.intermediate_dim
        self.routing_layer_norm = self._layer_norm("routing_layer_norm")
        self.intermediate_dense = self._dense(
            width, self.activation, "intermediate_dense"
        )
        self.output_dense = self._dense(dim, None, "output_dense")
        self.output_layer_norm = self._layer_norm("output_layer_norm")
        self._build_routing(input_shape)
        self.routing_layer_norm.build(input_shape)
        self.intermediate_dense.build(input_shape)
        self.output_dense.build((*input_shape[:-1], width))
        self.output_layer_norm.build(input_shape)

    def transform(self, x, padding_mask, training):
        routed = self.routing(x, padding_mask=padding_mask, training=training)
        h = self.routing_layer_norm(x + self._drop(routed, training))
        y = in_parts(self._feed_forward, h)
        return self.output_layer_norm(h + self._drop(y, training))

    def _feed_forward(self, h):
        return self.output_dense(self.intermediate_dense(h))
