"""Rematerialisation of layers that have state.

`keras.remat` (Keras 3.15) takes a function as one of inputs and outputs alone. On JAX
the variables that the function changes (seeds of dropout, statistics of batch
normalization) then hold tracers that leak; on the other backends the backward pass
changes them again, and dropout draws another mask than in the forward pass. May go when
`keras.remat` takes in variables itself.
"""

import keras
from keras import ops
from keras.src.backend.common.variables import AutocastScope


def rematerialize(layer, function, x):
    """`function(x)`, which the backward pass computes again instead of keeping it.

    The layer's variables go in and those that `function` changes come out, as do the
    losses that it adds, so that both passes start from the same state.

    Args:
        layer: the built `keras.layers.Layer` whose variables `function` uses.
        function: a function of one tensor.
        x: tensor.

    Returns:
        A tensor.
    """
    variables = layer.variables
    changed = []
    initial = {}  # What `changed` were when the forward pass read them.

    def pure(x):
        state = [
            (v, initial[id(v)] if id(v) in initial else _stored(v)) for v in variables
        ]
        scope = keras.StatelessScope(state, collect_losses=True)
        before = [scope.get_current_value(v) for v in variables]
        with scope:
            y = function(x)
        changed[:] = [
            v
            for v, value in zip(variables, before, strict=True)
            if scope.get_current_value(v) is not value
        ]
        return y, [scope.get_current_value(v) for v in changed], scope.losses

    y, values, losses = keras.remat(pure)(x)
    for variable, value in zip(changed, values, strict=True):
        initial[id(variable)] = _stored(variable)
        variable.assign(value)
    for loss in losses:
        layer.add_loss(loss)
    return y


def _stored(variable):
    # The value itself, not one cast to the compute dtype.
    with AutocastScope(None):
        value = variable.value
    # Of what may be assigned to, a copy: TensorFlow would read the variable later.
    return value if variable.trainable else ops.copy(value)
