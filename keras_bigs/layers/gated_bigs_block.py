"""The block of BiGS."""

import keras

from keras_bigs.compat.in_parts import in_parts
from keras_bigs.compat.residual_gradient import materialize_gradient
from keras_bigs.layers.block import Block


@keras.saving.register_keras_serializable("keras_bigs")
class GatedBiGSBlock(Block):
    """The gated block (paper, section 4): pre-norm, two gates, one residual.

        H = LayerNorm(X)
        V = gelu(W_v H),    U = gelu(W_u route(H))      intermediate_dim wide
        output = X + Dropout(W_o (U * V))

    With `intermediate_dim = 3 dim`, as in the paper, and a routing of `4 dim^2` weights
    it has about `13 dim^2`.

    Arguments, call arguments, result and errors are those of `Block`.

    Example:
    ```python
    block = keras_bigs.layers.GatedBiGSBlock(intermediate_dim=96)
    y = block(np.random.uniform(size=(2, 100, 32)))
    ```
    """

    block = "gated"

    def build(self, input_shape):
        dim, width = input_shape[-1], self.intermediate_dim
        inner_shape = (*input_shape[:-1], width)
        self.layer_norm = self._layer_norm("layer_norm")
        self.value_dense = self._dense(width, self.activation, "value_dense")
        self.gate_dense = self._dense(width, self.activation, "gate_dense")
        self.output_dense = self._dense(dim, None, "output_dense")
        self.layer_norm.build(input_shape)
        self.value_dense.build(input_shape)
        self._build_routing(input_shape)
        self.gate_dense.build(input_shape)
        self.output_dense.build(inner_shape)

    def transform(self, x, padding_mask, training):
        h = self.layer_norm(x)
        routed = self.routing(h, padding_mask=padding_mask, training=training)
        y = in_parts(self._gate, h, routed)
        return materialize_gradient(x + self._drop(y, training))

    def _gate(self, h, routed):
        return self.output_dense(self.gate_dense(routed) * self.value_dense(h))
