"""A scan over a sequence that compiles and differentiates on every backend."""

import keras
from keras import ops


def scan(step, start, xs, reverse=False):
    """All states of the recurrence `s_k = step(s_{k-1}, x_k)`.

    On TensorFlow `ops.scan` is a loop without a bound, whose gradient XLA cannot
    compile (Keras 3.15); `tf.scan` gives the bound.

    Args:
        step: maps a state and an element of `xs` to the next state.
        start: the state before the first step, a tensor or a tuple of them.
        xs: `(length, ...)`.
        reverse: bool. Whether to run from the last element to the first.

    Returns:
        The structure of `start`, each `(length, ...)`: at `k` the state after `x_k`.
    """
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.scan(step, xs, initializer=start, reverse=reverse)

    def step_and_keep(state, x):
        state = step(state, x)
        return state, state

    return ops.scan(step_and_keep, start, xs, reverse=reverse)[1]
