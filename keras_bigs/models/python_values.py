"""Strings and ints as Python's own, whatever they come as."""

import numpy as np

from keras_bigs.compat.keras_hub_preprocessing import convert_to_numpy
from keras_bigs.compat.keras_hub_preprocessing import tf


def to_strings(x, name="x"):
    """Strings of any sort as Python strings, or nested lists of them.

    Args:
        x: a string or bytes; or a list, tuple, array or (ragged) tensor of such.
        name: what messages call `x`.

    Raises:
        ValueError: something that is no string.
    """
    if isinstance(x, bytes):
        return x.decode("utf-8")
    if isinstance(x, str):
        return str(x)
    if isinstance(x, (list, tuple)):
        return [to_strings(value, name) for value in x]
    if tf is not None and isinstance(x, tf.RaggedTensor):
        return to_strings(x.to_list(), name)
    if isinstance(x, np.ndarray) or (tf is not None and isinstance(x, tf.Tensor)):
        return to_strings(np.asarray(x).tolist(), name)
    raise ValueError(
        f"`{name}` must be a string or a list of strings. Received: {x!r} of type "
        f"{type(x).__name__}"
    )


def to_ints(x, name="y"):
    """Ints of any sort as Python ints, or nested lists of them; see `to_strings`."""
    if isinstance(x, (int, np.integer)):
        return int(x)
    if isinstance(x, (list, tuple)):
        return [to_ints(value, name) for value in x]
    if tf is not None and isinstance(x, tf.RaggedTensor):
        return to_ints(x.to_list(), name)
    if hasattr(x, "__array__"):
        return to_ints(convert_to_numpy(x).tolist(), name)
    raise ValueError(
        f"`{name}` must be an integer or a list of integers. Received: {x!r} of type "
        f"{type(x).__name__}"
    )
