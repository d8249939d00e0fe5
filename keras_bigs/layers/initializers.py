"""Copies of initializers: one seed must not serve several weights."""

import keras


def clone_initializer(initializer):
    """A copy with a seed of its own, or the same function, which has none.

    Args:
        initializer: `keras.initializers.Initializer`, or a function of shape and dtype.

    Returns:
        An initializer.
    """
    if isinstance(initializer, keras.initializers.Initializer):
        return initializer.clone()
    return initializer
