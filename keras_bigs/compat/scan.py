"""A scan over a sequence that compiles and differentiates on every backend.

May go when `keras.ops.scan` does (Keras 3.15 does not, see `scan`) and tf2onnx scans
backwards.
"""

import contextlib
import contextvars

import keras
from keras import ops

_loops = contextvars.ContextVar("loops", default=True)


@contextlib.contextmanager
def without_loops():
    """A scope in which programs are traced for a runtime that has no list of states.

    LiteRT 2.3 needs to know how large the states of a loop are, batch and all. Scans
    are unrolled here.
    """
    token = _loops.set(False)
    try:
        yield
    finally:
        _loops.reset(token)


def can_scan_unknown_length():
    """Whether `scan` can go over a sequence whose length is not known when traced.

    It cannot on PyTorch, where `ops.scan` (Keras 3.15) is unrolled.
    """
    return _loops.get() and keras.backend.backend() != "torch"


def scan(step, start, xs, reverse=False):
    """All states of the recurrence `s_k = step(s_{k-1}, x_k)`.

    On TensorFlow `ops.scan` is a loop without a bound, whose gradient XLA cannot
    compile (Keras 3.15); `tf.scan` gives the bound. With `reverse=True`, tf2onnx 1.17
    writes the outputs of `tf.scan` in the wrong order, so it scans forwards, over
    reversed inputs.

    Args:
        step: maps a state and an element of `xs` to the next state.
        start: the state before the first step, a tensor or a tuple of them.
        xs: `(length, ...)`.
        reverse: bool. Whether to run from the last element to the first.

    Returns:
        The structure of `start`, each `(length, ...)`: at `k` the state after `x_k`.
    """
    if not _loops.get():
        states = []
        for x in reversed(ops.unstack(xs)) if reverse else ops.unstack(xs):
            states.append(start := step(start, x))
        states = states[::-1] if reverse else states
        return keras.tree.map_structure(lambda *x: ops.stack(x), *states)

    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        if not reverse:
            return tf.scan(step, xs, initializer=start)
        states = tf.scan(step, tf.reverse(xs, [0]), initializer=start)
        return tf.nest.map_structure(lambda state: tf.reverse(state, [0]), states)

    def step_and_keep(state, x):
        state = step(state, x)
        return state, state

    return ops.scan(step_and_keep, start, xs, reverse=reverse)[1]
