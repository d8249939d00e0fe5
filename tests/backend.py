"""Values and gradients as NumPy arrays on whichever backend runs the tests, and what
that backend has time for."""

import keras
import numpy as np
import pytest
from keras import ops


def fast_on_torch(test):
    """Marks a test as slow where programs are compiled, if its subject is the same on
    every backend: files, preprocessing, the order of calls."""
    on_torch = keras.backend.backend() == "torch"
    return test if on_torch else pytest.mark.slow(test)


def to_numpy(x):
    """A NumPy array; 16-bit floats become float32, since NumPy lacks bfloat16."""
    x = ops.convert_to_tensor(x)
    if keras.backend.standardize_dtype(x.dtype) in ("bfloat16", "float16"):
        x = ops.cast(x, "float32")
    return ops.convert_to_numpy(x)


def compiled(fn, jit=None):
    """`fn` of tensors as `differentiate` compiles it."""
    backend = keras.backend.backend()
    jit = backend == "jax" if jit is None else jit
    if jit and backend == "jax":
        import jax

        return jax.jit(fn)
    if jit and backend == "tensorflow":
        import tensorflow as tf

        return tf.function(fn, jit_compile=True)
    return fn


def differentiate(fn, jit=None):
    """Makes a function that returns a value and gradients.

    Args:
        fn: maps floating-point tensors to one tensor.
        jit: bool. Whether to compile with XLA: `jax.jit`, or
            `tf.function(jit_compile=True)`; PyTorch has none. `None` compiles on JAX
            only, where that takes less time than the operations one by one do.

    Returns:
        A function of a cotangent and the arguments of `fn`, arrays or tensors. It
        returns the output of `fn` and the gradients of `<cotangent, output>` with
        respect to every argument: an array and a list of arrays, float32 for 16-bit
        floats. Keep it to compile once for several arguments of the same shapes.
    """
    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        def run(cotangent, *tensors):
            y, pull_back = jax.vjp(fn, *tensors)
            return y, pull_back(ops.cast(cotangent, y.dtype))

    elif backend == "tensorflow":
        import tensorflow as tf

        def run(cotangent, *tensors):
            with tf.GradientTape() as tape:
                tape.watch(tensors)
                y = fn(*tensors)
            zero = tf.UnconnectedGradients.ZERO
            weights = ops.cast(cotangent, y.dtype)
            return y, tape.gradient(y, tensors, weights, unconnected_gradients=zero)

    elif backend == "torch":
        import torch

        def run(cotangent, *tensors):
            tensors = [x.detach().clone().requires_grad_() for x in tensors]
            y = fn(*tensors)
            gradients = torch.autograd.grad(
                y,
                tensors,
                ops.cast(cotangent, y.dtype),
                allow_unused=True,
                materialize_grads=True,
            )
            return y.detach(), gradients
    else:
        raise NotImplementedError(f"Unknown backend {backend!r}")

    run = compiled(run, jit)

    def value_and_gradients(cotangent, *arguments):
        value, gradients = run(*map(ops.convert_to_tensor, (cotangent, *arguments)))
        return to_numpy(value), [to_numpy(x) for x in gradients]

    return value_and_gradients


def value_and_gradients(fn, *arguments, cotangent=None, jit=None):
    """The output of `fn(*arguments)` and the gradients of `<cotangent, output>`.

    As `differentiate`, for one call. The cotangent is ones by default.
    """
    if cotangent is None:
        tensors = map(ops.convert_to_tensor, arguments)
        cotangent = np.ones(ops.shape(fn(*tensors)), "float32")
    return differentiate(fn, jit)(cotangent, *arguments)


def relative_error(actual, expected, scale=None):
    """The largest error relative to `scale`, by default the largest magnitude."""
    actual, expected = np.asarray(actual, "float64"), np.asarray(expected, "float64")
    assert actual.shape == expected.shape, (actual.shape, expected.shape)
    error = np.max(np.abs(actual - expected))
    scale = np.max(np.abs(expected)) if scale is None else scale
    if error == 0:
        return 0.0
    return float(error / scale) if scale > 0 else float("inf")
