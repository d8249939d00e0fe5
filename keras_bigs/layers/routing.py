"""The registry of routing layers, and how a name or an instance becomes one."""

import dataclasses
import inspect
from typing import Any

import keras

from keras_bigs.layers.activations import gelu_tanh
from keras_bigs.layers.bi_lstm import BiLSTM
from keras_bigs.layers.bi_ssm import BiSSM
from keras_bigs.layers.convolution import Convolution
from keras_bigs.layers.fourier_mixing import FourierMixing
from keras_bigs.layers.self_attention import SelfAttention
from keras_bigs.layers.sliding_window_attention import SlidingWindowAttention


@dataclasses.dataclass(frozen=True)
class RoutingOptions:
    """What a backbone or block tells the factory of a routing layer.

    Attributes:
        block: `"gated"` or `"stack"`, the block that the layer goes into.
        state_dim: int. The state size of SSMs.
        method: the algorithm of SSMs, see `keras_bigs.ssm.convolve`.
        dropout: float. The dropout rate.
        activation: the activation function of the block.
        kernel_initializer: initializer of dense kernels.
        bias_initializer: initializer of dense biases.
        dtype: dtype policy of the layer.
    """

    block: str = "gated"
    state_dim: int = 64
    method: str = "auto"
    dropout: float = 0.0
    activation: Any = gelu_tanh
    kernel_initializer: Any = "glorot_uniform"
    bias_initializer: Any = "zeros"
    dtype: Any = None


_FACTORIES = {}


def register_routing(name):
    """Registers a factory of routing layers, for use by name in blocks and backbones.

    A routing layer is any `keras.layers.Layer` that maps `(batch, length, dim)` to the
    same shape and whose `call` takes `padding_mask`, `(batch, length)` or `None`.

    Args:
        name: string. The name by which `routing=` will find it.

    Returns:
        A decorator for a function of `RoutingOptions` that returns a new layer.

    Raises:
        ValueError: the name is taken.

    Example:
    ```python
    @keras_bigs.layers.register_routing("mean")
    def mean_routing(options):
        return MeanRouting(dtype=options.dtype, name="routing")

    backbone = keras_bigs.models.BiGSBackbone(..., routing="mean")
    ```
    """

    def register(factory):
        if name in _FACTORIES:
            raise ValueError(f"A routing named {name!r} is registered already.")
        _FACTORIES[name] = factory
        return factory

    return register


def routing_names():
    """The registered names, sorted."""
    return sorted(_FACTORIES)


def get_routing(routing, options):
    """A new routing layer.

    Args:
        routing: a registered name, or a layer to copy (its weights are not copied).
        options: `RoutingOptions`; a layer given as an instance has its own.

    Returns:
        A `keras.layers.Layer` that shares nothing with others.

    Raises:
        ValueError: an unknown name, or something that is no routing layer.
    """
    if isinstance(routing, keras.layers.Layer):
        if "padding_mask" not in inspect.signature(routing.call).parameters:
            raise ValueError(
                "A routing layer's `call` must take `padding_mask` (it may be `None`). "
                f"Received: routing={routing}"
            )
        return type(routing).from_config(routing.get_config())
    if routing not in _FACTORIES:
        raise ValueError(
            f"Unknown `routing={routing!r}`. Choose one of {routing_names()}, register "
            "your own with `keras_bigs.layers.register_routing`, or pass a layer."
        )
    return _FACTORIES[routing](options)


@register_routing("ssm")
def _ssm(options):
    return BiSSM(
        state_dim=options.state_dim,
        combine="sequential" if options.block == "stack" else "multiply",
        activation=options.activation,
        method=options.method,
        kernel_initializer=options.kernel_initializer,
        bias_initializer=options.bias_initializer,
        dtype=options.dtype,
        name="routing",
    )


@register_routing("attention")
def _attention(options):
    return SelfAttention(
        dropout=options.dropout,
        kernel_initializer=options.kernel_initializer,
        bias_initializer=options.bias_initializer,
        dtype=options.dtype,
        name="routing",
    )


@register_routing("sliding_window")
def _sliding_window(options):
    return SlidingWindowAttention(
        dropout=options.dropout,
        kernel_initializer=options.kernel_initializer,
        bias_initializer=options.bias_initializer,
        dtype=options.dtype,
        name="routing",
    )


@register_routing("fourier")
def _fourier(options):
    return FourierMixing(dtype=options.dtype, name="routing")


@register_routing("convolution")
def _convolution(options):
    return Convolution(
        kernel_initializer=options.kernel_initializer,
        bias_initializer=options.bias_initializer,
        dtype=options.dtype,
        name="routing",
    )


@register_routing("lstm")
def _lstm(options):
    return BiLSTM(
        kernel_initializer=options.kernel_initializer,
        dtype=options.dtype,
        name="routing",
    )
