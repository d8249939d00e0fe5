"""The mask that Keras attaches to a tensor.

Keras 3.15 hands an attached mask to every layer that takes one, with no public way to
see it or leave it out. May go when there is one.
"""

from keras import ops
from keras.src.backend import get_keras_mask


def without_mask(x):
    """`x` without the Keras mask that a layer may have attached to it."""
    return x if get_keras_mask(x) is None else ops.copy(x)
