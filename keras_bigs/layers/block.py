"""The base class of blocks."""

import inspect

import keras
from keras import ops

from keras_bigs.compat.direct_call import DirectCall
from keras_bigs.compat.keras_mask import without_mask
from keras_bigs.compat.rematerialization import rematerialize
from keras_bigs.compat.torch_layers import Dense
from keras_bigs.compat.torch_layers import LayerNormalization
from keras_bigs.layers.activations import gelu_tanh
from keras_bigs.layers.initializers import sublayer_arguments
from keras_bigs.layers.padding import resolve_mask
from keras_bigs.layers.routing import RoutingOptions
from keras_bigs.layers.routing import get_routing


class Block(DirectCall):
    """What surrounds a routing layer: dense layers, norms and residual connections.

    `GatedBiGSBlock` and `StackBlock` are the two of the paper's Figure 2.

    Args:
        intermediate_dim: int. The width inside the block.
        routing: the name of a routing layer (see `keras_bigs.layers.routing_names`), or
            a routing layer, which then is part of this block and of no other.
        dropout: float. Dropout of what is added to the residual stream, and of the
            attention probabilities of a routing given by name.
        mask_padding: bool. Whether the routing is told which tokens are padding.
            `False` is how the original implementation treats padding.
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
        ValueError: an unknown routing, a routing layer that takes no `padding_mask` or
            is built already, inputs of another rank, a `padding_mask` of another shape,
            or an `intermediate_dim` below 1.
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
        if not isinstance(routing, keras.layers.Layer):
            options = RoutingOptions(
                block=self.block,
                dropout=dropout,
                activation=self.activation,
                kernel_initializer=self.kernel_initializer,
                bias_initializer=self.bias_initializer,
                dtype=self.dtype_policy,
            )
            routing = get_routing(routing, options)
        if "padding_mask" not in inspect.signature(routing.call).parameters:
            raise ValueError(
                "A routing layer's `call` must take `padding_mask` (it may be `None`). "
                f"Received: routing={routing}"
            )
        self.routing = routing
        self.residual_dropout = keras.layers.Dropout(
            dropout, dtype=self.dtype_policy, name="residual_dropout"
        )

    def _dense(self, units, activation, name):
        return Dense(
            units, activation=activation, name=name, **sublayer_arguments(self)
        )

    def _layer_norm(self, name):
        return LayerNormalization(
            epsilon=self.layer_norm_epsilon, dtype=self.dtype_policy, name=name
        )

    def _build_routing(self, input_shape):
        if self.routing.built:
            raise ValueError(
                "A routing layer belongs to one block, and this one is built already. "
                "Give every block a new layer, or the name of one. "
                f"Received: routing={self.routing}"
            )
        self.routing.build(input_shape)

    def call(self, inputs, padding_mask=None, mask=None, training=None):
        # Keras casts floating-point inputs only.
        inputs = ops.cast(inputs, self.compute_dtype)
        if self.mask_padding:
            padding_mask = resolve_mask(padding_mask, mask, inputs)
        else:
            padding_mask, inputs = None, without_mask(inputs)
        if not self.rematerialize:
            return self.transform(inputs, padding_mask, training)
        return rematerialize(
            self, lambda x: self.transform(x, padding_mask, training), inputs
        )

    def _drop(self, y, training):
        """What is added to the residual stream, after dropout."""
        return self.residual_dropout(y, training=training) if training else y

    def transform(self, x, padding_mask, training):
        """The block itself.

        `training` is handed on to every layer that may need it: when the backward pass
        computes a block again, there is no Keras call around it to tell them.
        """
        raise NotImplementedError

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {
            **super().get_config(),
            "intermediate_dim": self.intermediate_dim,
            "routing": keras.saving.serialize_keras_object(self.routing),
            "dropout": self.dropout,
            "mask_padding": self.mask_padding,
            "activation": keras.activations.serialize(self.activation),
            "layer_norm_epsilon": self.layer_norm_epsilon,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
            "rematerialize": self.rematerialize,
        }

    @classmethod
    def from_config(cls, config):
        routing = config["routing"]
        if isinstance(routing, dict):
            # It is built with the block, not by itself before.
            routing = {k: v for k, v in routing.items() if k != "build_config"}
            routing = keras.saving.deserialize_keras_object(routing)
        return super().from_config({**config, "routing": routing})
