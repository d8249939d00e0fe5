"""Rematerialisation of layers with dropout.

`keras.remat` (Keras 3.15) takes a function as one of inputs and outputs alone. On JAX
the states of random seeds that the function changes are then tracers that leak, and the
dropout drawn in the backward pass is another than in the forward pass. May go when
`keras.remat` takes in variables itself.
"""

import keras
from keras import ops


def rematerialize(layer, function, x):
    """`function(x)`, which the backward pass computes again instead of keeping it.

    The states of random seeds go in and come out by hand, so that dropout draws the
    same mask both times.

    Args:
        layer: the `keras.layers.Layer` whose seed generators `function` draws from.
        function: a function of one tensor.
        x: tensor.

    Returns:
        A tensor.
    """
    seeds = [
        v for v in layer.non_trainable_variables if v.name == "seed_generator_state"
    ]
    states = [ops.copy(seed) for seed in seeds]

    def pure(x):
        for seed, state in zip(seeds, states, strict=True):
            seed.assign(state)
        return function(x), [ops.copy(seed) for seed in seeds]

    outputs, states_after = keras.remat(pure)(x)
    for seed, state in zip(seeds, states_after, strict=True):
        seed.assign(state)
    return outputs
