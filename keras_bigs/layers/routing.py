"""The registry of routing layers: which there are, and how a name becomes one."""

import dataclasses
from typing import Any

import keras

from keras_bigs.layers.activations import gelu_tanh
from keras_bigs.layers.bi_lstm import BiLSTM
from keras_bigs.layers.bi_ssm import BiSSM
from keras_bigs.layers.fourier_mixing import FourierMixing
from keras_bigs.layers.gated_convolution import GatedConvolution
from keras_bigs.layers.self_attention import SelfAttention
from keras_bigs.layers.sliding_window_attention import SlidingWindowAttention


@dataclasses.dataclass(frozen=True)
class RoutingOptions:
    """What a backbone or block tells a routing layer that it asks for by name.

    Attributes:
        block: `"gated"` or `"stack"`, the block that the layer goes into.
        state_dim: int. The state size of SSMs.
        method: the algorithm of SSMs, see `keras_bigs.ssm.convolve`.
        max_length: int or `None`. The longest sequence that will come.
        dropout: float. The dropout rate.
        activation: the activation function of the block.
        kernel_initializer: initializer of dense kernels.
        bias_initializer: initializer of dense biases.
        dtype: dtype policy of the layer.
    """

    block: str = "gated"
    state_dim: int = 64
    method: str = "auto"
    max_length: int | None = None
    dropout: float = 0.0
    activation: Any = gelu_tanh
    kernel_initializer: Any = "glorot_uniform"
    bias_initializer: Any = "zeros"
    dtype: Any = None


ROUTINGS = {
    "ssm": BiSSM,
    "attention": SelfAttention,
    "sliding_window": SlidingWindowAttention,
    "fourier": FourierMixing,
    "convolution": GatedConvolution,
    "lstm": BiLSTM,
}
"""Routing layers by name; `register_routing` adds to them."""


def register_routing(name):
    """Registers a routing layer, for use by name in blocks and backbones.

    It is a class with a class method `from_options`, as `RoutingLayer` has it, or a
    function that returns a new layer; either takes `RoutingOptions`. The layer maps
    `(batch, length, dim)` to the same shape, and its `call` takes `padding_mask`,
    `(batch, length)` or `None`. Defining it anew (running a notebook's cell again)
    replaces it.

    Args:
        name: string. The name by which `routing=` will find it.

    Returns:
        A decorator for the class or function.

    Raises:
        ValueError: the name is that of another routing, or a class that has no
            `from_options`.

    Example:
    ```python
    @keras_bigs.layers.register_routing("previous")
    class Previous(keras_bigs.layers.RoutingLayer):
        def route(self, x, padding_mask):
            return keras.ops.pad(x[:, :-1], [[0, 0], [1, 0], [0, 0]])

    block = keras_bigs.layers.GatedBiGSBlock(intermediate_dim=96, routing="previous")
    ```
    """

    def register(routing):
        if isinstance(routing, type) and not hasattr(routing, "from_options"):
            raise ValueError(
                f"{routing.__name__} has no `from_options`. Derive it from "
                "`keras_bigs.layers.RoutingLayer`, or register a function of "
                "`RoutingOptions` that returns it."
            )
        taken = ROUTINGS.get(name, routing)
        if _definition(taken) != _definition(routing):
            raise ValueError(
                f"A routing named {name!r} is registered already: "
                f"{'.'.join(_definition(taken))}. Choose another name."
            )
        ROUTINGS[name] = routing
        return routing

    return register


def _definition(routing):
    """Where a class or function is defined, the same when it is defined anew."""
    name = getattr(routing, "__qualname__", repr(routing))
    return getattr(routing, "__module__", ""), name


def routing_names():
    """The registered names, sorted."""
    return sorted(ROUTINGS)


def get_routing(routing, options, copy=0):
    """A new routing layer.

    Args:
        routing: a registered name, or a layer to copy (its weights are not copied).
        options: `RoutingOptions`. A copied layer takes its dtype from them and, if it
            has one, `max_length`; its other arguments are its own.
        copy: int. Which copy of a layer this is. Its seed, if it has one, is that of
            the layer and so much more.

    Returns:
        A `keras.layers.Layer` that shares nothing with others.

    Raises:
        ValueError: an unknown name.
    """
    if isinstance(routing, keras.layers.Layer):
        config = routing.get_config()
        for name in {"dtype", "max_length"} & config.keys():
            config[name] = getattr(options, name)
        if config.get("seed") is not None:
            config["seed"] += copy
        return type(routing).from_config(config)
    if routing not in ROUTINGS:
        raise ValueError(
            f"Unknown `routing={routing!r}`. Choose one of {routing_names()}, register "
            "your own with `keras_bigs.layers.register_routing`, or pass a layer."
        )
    routing = ROUTINGS[routing]
    return getattr(routing, "from_options", routing)(options)
