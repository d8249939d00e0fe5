"""Keras' layers with less around them, on PyTorch.

Keras 3.15 adds the bias of a dense layer in a pass of its own over the product. May go
when `keras.layers.Dense` adds it inside the product, and with `direct_call.py`.
"""

import keras

from keras_bigs.compat.direct_call import DirectCall
from keras_bigs.compat.eager_torch import is_eager
from keras_bigs.compat.torch_linear import linear


class Quantizes:
    """Goes before a layer of Keras, whose subclasses Keras refuses to quantize, since
    they may compute something else."""

    def quantize(self, mode=None, type_check=True, config=None):
        super().quantize(mode, type_check=False, config=config)


def _tensor(weight):
    """The tensor of a weight; with LoRA it is one already, a sum."""
    return weight.value if isinstance(weight, keras.Variable) else weight


class Dense(Quantizes, DirectCall, keras.layers.Dense):
    """`keras.layers.Dense`."""

    def call(self, inputs, training=None):
        if self.bias is None or not is_eager(inputs):
            return super().call(inputs, training=training)
        kernel, bias = _tensor(self.kernel), self.bias.value
        if not inputs.dtype == kernel.dtype == bias.dtype:
            return super().call(inputs, training=training)
        return linear(inputs, kernel, bias, self.activation)


class LayerNormalization(DirectCall, keras.layers.LayerNormalization):
    """`keras.layers.LayerNormalization`."""


class ReversibleEmbedding(Quantizes, keras.layers.ReversibleEmbedding):
    """`keras.layers.ReversibleEmbedding`, of which the reverse is a dense layer."""

    def call(self, inputs, reverse=False):
        is_plain = (
            self.tie_weights and self.reverse_dtype is self.logit_soft_cap is None
        )
        if not (reverse and is_plain and is_eager(inputs)):
            return super().call(inputs, reverse=reverse)
        embeddings = _tensor(self.embeddings)
        if inputs.dtype != embeddings.dtype:
            return super().call(inputs, reverse=reverse)
        return linear(inputs, embeddings.t())
