"""How many tokens texts have, and what a model's length leaves of them."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_bigs.errors import needs_extra

with needs_extra("training"):
    import tensorflow as tf


def token_counts(tokenizer: Any, texts: Sequence[str]) -> np.ndarray:
    """The number of tokens of each text, without special ones.

    Args:
        tokenizer: a tokenizer of keras-hub.
        texts: strings; those that come again are tokenized once.

    Returns:
        `(len(texts),)` ints.
    """
    unique, places = np.unique(np.array(texts, object), return_inverse=True)
    dataset = tf.data.Dataset.from_tensor_slices(unique).batch(256)
    counts = dataset.map(lambda batch: tokenizer(batch).row_lengths(), tf.data.AUTOTUNE)
    return np.concatenate(list(counts.as_numpy_iterator()))[places]


def cut_off(lengths: np.ndarray, sequence_length: int) -> dict[str, float]:
    """What is lost where inputs are cut to a model's length.

    Args:
        lengths: `(n,)` ints: tokens of each input, special ones included.
        sequence_length: int.

    Returns:
        dict of `examples`; `cut`, how many are longer; and `tokens_kept`, the share of
        all tokens.
    """
    lengths = np.asarray(lengths)
    return {
        "examples": len(lengths),
        "cut": int((lengths > sequence_length).sum()),
        "tokens_kept": float(
            np.minimum(lengths, sequence_length).sum() / lengths.sum()
        ),
    }
