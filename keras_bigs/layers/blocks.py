"""The two blocks of the paper's Figure 2: what surrounds a routing layer."""

import keras

from keras_bigs.compat.keras_mask import without_mask
from keras_bigs.compat.rematerialization import rematerialize
from keras_bigs.compat.residual_gradient import materialize_gradient
from keras_bigs.layers.activations import gelu_tanh
from keras_bigs.layers.initializers import clone_initializer
from keras_bigs.layers.padding import resolve_mask
from keras_bigs.layers.routing import RoutingOptions
from keras_bigs.layers.routing import get_routing


class Block(keras.layers.Layer):
    """What both blocks share: arguments, their serialization, and sublayers.

    Args:
        intermediate_dim: int. The width inside the block.
        routing: a registered routing name or a routing layer (which is copied).
        dropout: float. Dropout of what is added to the residual stream.
        mask_padding: bool. Whether the routing is told which tokens are padding.
            `False` is how the original implementation treats padding.
        activation: the activation. Defaults to tanh-approximated GELU.
        layer_norm_epsilon: float. Epsilon of the layer norms.
        kernel_initializer: initializer of the dense kernels.
        bias_initializer: initializer of the dense biases.
        rematerialize: bool. Whether the backward pass computes the block again instead
            of keeping its activations.
        **kwargs: `name`, `dtype`, `trainable` of `keras.layers.Layer`.

    Raises:
        ValueError: an unknown routing, or an `intermediate_dim` below 1.
    """

    block = None

    def __init__(
        self,
        intermediate_dim,
        routing="ssm",
        dropout=0.0,
        mask_padding=True,
        activation=gelu_tanh,
        layer_norm_epsilon=1e-12,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        rematerialize=False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if intermediate_dim < 1:
            raise ValueError(
                "`intermediate_dim` must be at least 1. "
                f"Received: intermediate_dim={intermediate_dim}"
            )
        self.intermediate_dim = intermediate_dim
        self.dropout = dropout
        self.mask_padding = mask_padding
        self.activation = keras.activations.get(activation)
        self.layer_norm_epsilon = layer_norm_epsilon
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.rematerialize = rematerialize
        self.supports_masking = True
        self.routing = get_routing(
            routing,
            RoutingOptions(
                block=self.block,
                dropout=dropout,
                activation=self.activation,
                kernel_initializer=self.kernel_initializer,
                bias_initializer=self.bias_initializer,
                dtype=self.dtype_policy,
            ),
        )
        self.residual_dropout = keras.layers.Dropout(
            dropout, dtype=self.dtype_policy, name="residual_dropout"
        )

    def _dense(self, units, activation, name):
        return keras.layers.Dense(
            units,
            activation=activation,
            kernel_initializer=clone_initializer(self.kernel_initializer),
            bias_initializer=clone_initializer(self.bias_initializer),
            dtype=self.dtype_policy,
            name=name,
        )

    def _layer_norm(self, name):
        return keras.layers.LayerNormalization(
            epsilon=self.layer_norm_epsilon, dtype=self.dtype_policy, name=name
        )

    def call(self, inputs, padding_mask=None, mask=None, training=None):
        if self.mask_padding:
            padding_mask = resolve_mask(padding_mask, mask)
        else:
            padding_mask, inputs = None, without_mask(inputs)
        if not self.rematerialize:
            return self.transform(inputs, padding_mask, training)
        return rematerialize(
            self, lambda x: self.transform(x, padding_mask, training), inputs
        )

    def transform(self, x, padding_mask, training):
        """The block itself.

        `training` is handed on to every layer that may need it: when the backward pass
        computes a block again, there is no Keras call around it to tell them.
        """
        raise NotImplementedError

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        config = super().get_config()
        config.update(
            {
                "intermediate_dim": self.intermediate_dim,
                "routing": keras.saving.serialize_keras_object(self.routing),
                "dropout": self.dropout,
                "mask_padding": self.mask_padding,
                "activation": keras.activations.serialize(self.activation),
                "layer_norm_epsilon": self.layer_norm_epsilon,
                "kernel_initializer": keras.initializers.serialize(
                    self.kernel_initializer
                ),
                "bias_initializer": keras.initializers.serialize(self.bias_initializer),
                "rematerialize": self.rematerialize,
            }
        )
        return config

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        if isinstance(config["routing"], dict):
            config["routing"] = keras.saving.deserialize_keras_object(config["routing"])
        return super().from_config(config)


@keras.saving.register_keras_serializable("keras_bigs")
class GatedBiGSBlock(Block):
    """The gated block (paper, section 4): pre-norm, two gates, one residual.

        H = LayerNorm(X)
        V = gelu(W_v H),    U = gelu(W_u route(H))      intermediate_dim wide
        output = X + Dropout(W_o (U * V))

    With `intermediate_dim = 3 dim` and a routing of `4 dim^2` weights it has about
    `13 dim^2`.

    Args:
        intermediate_dim: int. The width of the gates, `3 * dim` in the paper.
        routing: a registered routing name or a routing layer (which is copied).
        dropout: float. Dropout of what is added to the residual stream.
        mask_padding: bool. Whether the routing is told which tokens are padding.
            `False` is how the original implementation treats padding.
        activation: the activation. Defaults to tanh-approximated GELU.
        layer_norm_epsilon: float. Epsilon of the layer norm.
        kernel_initializer: initializer of the dense kernels.
        bias_initializer: initializer of the dense biases.
        rematerialize: bool. Whether the backward pass computes the block again instead
            of keeping its activations.
        **kwargs: `name`, `dtype`, `trainable` of `keras.layers.Layer`.

    Call arguments:
        inputs: `(batch, length, dim)`.
        padding_mask: optional `(batch, length)`, true at real tokens. Defaults to the
            Keras mask of `inputs`, if any.

    Returns:
        `(batch, length, dim)` in the layer's compute dtype.

    Raises:
        ValueError: an unknown routing, or an `intermediate_dim` below 1.

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
        self.routing.build(input_shape)
        self.gate_dense.build(input_shape)
        self.output_dense.build(inner_shape)

    def transform(self, x, padding_mask, training):
        h = self.layer_norm(x)
        value = self.value_dense(h)
        routed = self.routing(h, padding_mask=padding_mask, training=training)
        y = self.output_dense(self.gate_dense(routed) * value)
        return materialize_gradient(x + self.residual_dropout(y, training=training))


@keras.saving.register_keras_serializable("keras_bigs")
class StackBlock(Block):
    """The stacked block: BERT's transformer layer around any routing, post-norm.

        H = LayerNorm(X + Dropout(route(X)))
        output = LayerNorm(H + Dropout(W_2 gelu(W_1 H)))

    With `intermediate_dim = 4 dim` and a routing of `4 dim^2` weights it has about
    `12 dim^2`. With attention it is the transformer of Devlin et al. (2019); with
    `"ssm"` the two SSMs are sequential (paper, section 4).

    Args:
        intermediate_dim: int. The width of the feed-forward layer, `4 * dim` in BERT.
        routing: a registered routing name or a routing layer (which is copied).
        dropout: float. Dropout of what is added to the residual stream.
        mask_padding: bool. Whether the routing is told which tokens are padding.
        activation: the activation. Defaults to tanh-approximated GELU.
        layer_norm_epsilon: float. Epsilon of the layer norms.
        kernel_initializer: initializer of the dense kernels.
        bias_initializer: initializer of the dense biases.
        rematerialize: bool. Whether the backward pass computes the block again instead
            of keeping its activations.
        **kwargs: `name`, `dtype`, `trainable` of `keras.layers.Layer`.

    Call arguments:
        inputs: `(batch, length, dim)`.
        padding_mask: optional `(batch, length)`, true at real tokens. Defaults to the
            Keras mask of `inputs`, if any.

    Returns:
        `(batch, length, dim)` in the layer's compute dtype.

    Raises:
        ValueError: an unknown routing, or an `intermediate_dim` below 1.
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
        self.routing.build(input_shape)
        self.routing_layer_norm.build(input_shape)
        self.intermediate_dense.build(input_shape)
        self.output_dense.build((*input_shape[:-1], width))
        self.output_layer_norm.build(input_shape)

    def transform(self, x, padding_mask, training):
        routed = self.routing(x, padding_mask=padding_mask, training=training)
        routed = self.residual_dropout(routed, training=training)
        h = self.routing_layer_norm(x + routed)
        y = self.output_dense(self.intermediate_dense(h))
        return self.output_layer_norm(h + self.residual_dropout(y, training=training))


BLOCKS = {block.block: block for block in (GatedBiGSBlock, StackBlock)}
