"""What sublayers take over from the layer that they are part of."""

import keras


def sublayer_arguments(layer):
    """Initializers and dtype for a dense sublayer.

    Args:
        layer: a layer with `kernel_initializer` and `bias_initializer`.

    Returns:
        dict of `kernel_initializer`, `bias_initializer` and `dtype`. The initializers
        are copies; without a seed, each draws one of its own. (One with a seed gives
        the same numbers to all sublayers of a shape, as in Keras' own layers.)
    """
    return {
        "kernel_initializer": _clone(layer.kernel_initializer),
        "bias_initializer": _clone(layer.bias_initializer),
        "dtype": layer.dtype_policy,
    }


def _clone(initializer):
    # A plain function of shape and dtype has no seed.
    if isinstance(initializer, keras.initializers.Initializer):
        return initializer.clone()
    return initializer
