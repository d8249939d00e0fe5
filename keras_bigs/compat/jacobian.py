"""Rows of a Jacobian, many at a time, on every backend.

Keras 3.15 has no function for gradients of anything but a training step's loss. May go
when it has one for the product of several vectors with a Jacobian.
"""

import keras
from keras import ops


def pull_back(function, x):
    """The transposed Jacobian of a function at a point, for many vectors at once.

    Args:
        function: maps `(batch, ...)` tensors to `(batch, ...)`, every row for itself
            (on TensorFlow the point is repeated as a batch: its vectorized gradients
            take 10 times as long).
        x: `(1, ...)` tensor, the point.

    Returns:
        A function of cotangents, an array `(rows, ...)` in the shape of rows of the
        function's value. It returns `(rows, ...)` in that of `x`: row `r` is the
        gradient of `<cotangents[r], function(x)>`. It is fastest for always as many
        rows, since JAX and TensorFlow compile it for each number.
    """
    return _BACKENDS[keras.backend.backend()](function, ops.convert_to_tensor(x))


def _on_jax(function, x):
    import jax

    _, pull = jax.vjp(function, x)

    # `pull` is an argument, or its weights would be constants of the program.
    @jax.jit
    def pull_rows(pull, cotangents):
        return jax.vmap(lambda row: pull(row[None])[0][0])(cotangents)

    return lambda cotangents: pull_rows(pull, ops.convert_to_tensor(cotangents))


def _on_tensorflow(function, x):
    import tensorflow as tf

    @tf.function
    def pull_rows(cotangents):
        rows = tf.repeat(x, cotangents.shape[0], axis=0)
        with tf.GradientTape() as tape:
            tape.watch(rows)
            y = function(rows)
        zero = tf.UnconnectedGradients.ZERO
        return tape.gradient(y, rows, cotangents, unconnected_gradients=zero)

    return lambda cotangents: pull_rows(ops.convert_to_tensor(cotangents))


def _on_torch(function, x):
    import torch

    x = x.detach().clone().requires_grad_()
    y = function(x)

    def pull_rows(cotangents):
        (rows,) = torch.autograd.grad(
            y,
            x,
            ops.convert_to_tensor(cotangents)[:, None],
            retain_graph=True,
            is_grads_batched=True,
            allow_unused=True,
            materialize_grads=True,
        )
        return rows[:, 0]

    return pull_rows


_BACKENDS = {"jax": _on_jax, "tensorflow": _on_tensorflow, "torch": _on_torch}
