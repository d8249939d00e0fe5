"""Weights large enough that every path through a model matters."""

import numpy as np


def randomize(model, seed=0):
    """Sets kernels to standard deviation `1 / sqrt(inputs)`, biases to 0.5.

    As initialised, gates of a small model pass so little that a mistake in what they
    gate would be lost in rounding.

    Returns:
        `model`.
    """
    rng = np.random.default_rng(seed)
    for weight in model.trainable_weights:
        if weight.name in ("A_re", "A_im", "C", "D", "log_step"):
            continue
        if len(weight.shape) == 1:
            value = rng.normal(size=weight.shape) * 0.5 + (weight.name == "gamma")
        else:
            value = rng.normal(size=weight.shape) / np.sqrt(weight.shape[0])
        weight.assign(value)
    return model
