"""A random part of a data set."""

from collections.abc import Sequence

import numpy as np

from keras_bigs.errors import ConfigError


def draw(
    examples: Sequence, number: int | None, seed: int = 0, name: str = "number"
) -> list:
    """So many of the examples, in their order; the same ones for the same seed.

    Args:
        examples: any sequence.
        number: int. How many; `None` for all.
        seed: int.
        name: what messages call the number.

    Raises:
        ConfigError: there are not as many, or `number` is below 1.
    """
    if number is None:
        return list(examples)
    if not 1 <= number <= len(examples):
        raise ConfigError(
            f"`{name}` must be from 1 to {len(examples):,}, the number of examples, or "
            f"left out for all. Received: {number}"
        )
    rng = np.random.default_rng(seed)
    kept = np.sort(rng.choice(len(examples), number, replace=False))
    return [examples[i] for i in kept]
