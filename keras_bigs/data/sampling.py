"""A random part of a data set."""

from collections.abc import Sequence

import numpy as np

from keras_bigs.errors import ConfigError


def draw(examples: Sequence, number: int | None, seed: int = 0) -> list:
    """So many of the examples, in their order; the same ones for the same seed.

    Args:
        examples: any sequence.
        number: int. How many; `None` for all.
        seed: int.

    Raises:
        ConfigError: there are not as many, or `number` is below 1.
    """
    if number is None:
        return list(examples)
    if not 1 <= number <= len(examples):
        raise ConfigError(
            f"Cannot draw {number} of {len(examples)} examples. Give a number from 1 "
            f"to {len(examples)}, or leave it out for all."
        )
    rng = np.random.default_rng(seed)
    kept = np.sort(rng.choice(len(examples), number, replace=False))
    return [examples[i] for i in kept]
