"""The kernels by which SSMs route: taps and time constants (paper, section 7.1).

A layer of BiGS routes by `2 L` numbers that no input changes: the taps of a forward
kernel, which weigh what is `l` tokens back, and of a backward kernel, which weigh what
is `l` tokens ahead. Arrays of taps here are

    (layers, 2, length)             forward and backward, tap `l` last; or
    (layers, 2, kernels, length)    where a routing has several kernels a direction.
"""

import keras
import numpy as np

from keras_bigs import ssm
from keras_bigs.analysis.encoders import blocks_of
from keras_bigs.analysis.encoders import encoder_of
from keras_bigs.errors import ConfigError
from keras_bigs.layers import BiSSM

DIRECTIONS = ("forward", "backward")


def routing_kernels(model, length):
    """The taps of all layers.

    Args:
        model: `BiGSBackbone` with SSM routing in either block, a task with one, or the
            name of a preset.
        length: int. The number of taps, in tokens. There is no maximum: an SSM's kernel
            goes on beyond the `max_sequence_length` of the encoder.

    Returns:
        `(layers, 2, length)`, or `(layers, 2, kernels, length)` for routing of several
        kernels a direction; float32 (float64 under that policy). `[:, 0]` is forward
        and looks back, `[:, 1]` backward and looks ahead. Tap 0 includes the skip
        weight `D`.

    Raises:
        ConfigError: the routing of a layer has no kernel, such as attention; or
            `length` is below 1.

    Example:
    ```python
    taps = keras_bigs.analysis.routing_kernels("bigs_mini_en_uncased", 128)
    previous = taps[0, 0, 1]  # the first layer's weight of the word before
    ```
    """
    if length < 1:
        raise ConfigError(f"`length` must be at least 1. Received: length={length}")
    return _per_ssm(model, lambda layer: layer.kernel(length))


def time_constants(model):
    """In how many tokens each state forgets.

    The part of a tap that state `n` adds shrinks as `exp(-l / tau_n)` with the distance
    `l`, where `tau_n = -1 / log |A_bar_n|`, which is `1 / (dt |Re A_n|)` under
    zero-order hold (paper, section 3.1). It is exact but says nothing of a state's
    weight: states may be slow and hardly used. `mass_radius` says what the sum of them
    reaches.

    Args:
        model: as for `routing_kernels`.

    Returns:
        `(layers, 2, states)`, or `(layers, 2, kernels, states)`, in tokens; float32
        (float64 under that policy).

    Raises:
        ConfigError: the routing of a layer has no kernel.

    Example:
    ```python
    tau = keras_bigs.analysis.time_constants("bigs_mini_en_uncased")
    slowest = tau.max(-1)  # (layers, 2)
    ```
    """

    def tau(layer):
        discrete = ssm.discretize(layer.ssm_parameters, layer.discretization)
        return -1 / discrete.log_A_re

    return _per_ssm(model, tau)


def tap_matrix(taps):
    """How strongly each position can see each other, by the kernels alone.

    At output `i` and input `j` it has `|K_f[i - j]|` where `j` is before `i`,
    `|K_b[j - i]|` where it is after, and their sum at `i = j`. It is the part of
    `influence` that does not depend on the text; see there.

    Args:
        taps: `(layers, 2, [kernels,] length)`.

    Returns:
        `(layers, [kernels,] length, length)` float64: outputs, then inputs.

    Example:
    ```python
    taps = keras_bigs.analysis.routing_kernels("bigs_mini_en_uncased", 16)
    matrix = keras_bigs.analysis.tap_matrix(taps)  # (12, 16, 16)
    ```
    """
    mass = np.abs(np.asarray(taps, "float64"))
    places = np.arange(mass.shape[-1])
    back = places[:, None] - places
    forward, backward = mass[:, 0][..., abs(back)], mass[:, 1][..., abs(back)]
    return np.where(back >= 0, forward, 0) + np.where(back <= 0, backward, 0)


def has_kernels(encoder):
    """Whether every layer of an encoder, as `encoder_of` returns it, routes by SSMs."""
    return all(isinstance(_routing(block), BiSSM) for block in blocks_of(encoder))


def _routing(block):
    # A layer of keras-hub's BERT is its own.
    return getattr(block, "routing", block)


def _per_ssm(model, function):
    """`function` of every `S4DKernel`, as an array of layers and directions."""
    values = []
    for i, block in enumerate(blocks_of(encoder_of(model))):
        routing = _routing(block)
        if not isinstance(routing, BiSSM):
            raise ConfigError(
                f"Layer {i} has no kernel: its routing is {type(routing).__name__}. "
                'Give a model with `routing="ssm"`.'
            )
        both = (routing.forward_ssm, routing.backward_ssm)
        values.append([keras.ops.convert_to_numpy(function(one)) for one in both])
    values = np.array(values)
    # Nearly every routing has one kernel a direction, and then no axis of them.
    return values[:, :, 0] if values.shape[2] == 1 else values
