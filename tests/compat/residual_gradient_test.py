"""The identity, with a gradient that is computed once."""

import re

import keras
import numpy as np
import pytest
from keras import ops

from keras_bigs.compat.residual_gradient import materialize_gradient
from keras_bigs.layers import GatedBiGSBlock
from tests.backend import differentiate

on_jax = pytest.mark.skipif(keras.backend.backend() != "jax", reason="JAX only")


def test_identity_and_gradient():
    x, g = np.random.default_rng(0).normal(size=(2, 2, 3, 4)).astype("float32")
    y, (gradient,) = differentiate(materialize_gradient)(g, x)
    np.testing.assert_array_equal(y, x)
    np.testing.assert_array_equal(gradient, g)


@on_jax
@pytest.mark.parametrize("first", [-1.0, 0.0, 1.0, np.inf, np.nan])
def test_no_value_changes_the_gradient(first):
    import jax

    x = np.full((2, 3), first, "float32")
    y, pull_back = jax.vjp(materialize_gradient, x)
    np.testing.assert_array_equal(pull_back(np.ones_like(x))[0], 1)
    empty = np.zeros((0, 3, 4), "float32")
    _, pull_back = jax.vjp(materialize_gradient, empty)
    assert pull_back(empty)[0].shape == empty.shape


@on_jax
def test_forward_mode_and_batching():
    import jax

    x, dx = np.random.default_rng(0).normal(size=(2, 5, 3, 4)).astype("float32")
    y, dy = jax.jvp(lambda x: materialize_gradient(x) ** 2, (x,), (dx,))
    np.testing.assert_allclose(dy, 2 * x * dx, rtol=1e-6)
    mapped = jax.vmap(jax.grad(lambda x: ops.sum(materialize_gradient(x) ** 3)))(x)
    np.testing.assert_allclose(mapped, 3 * x**2, rtol=1e-6)


@on_jax
def test_the_gradient_program_is_linear_in_the_number_of_blocks():
    import jax

    def instructions(num_blocks):
        blocks = [GatedBiGSBlock(8, routing="convolution") for _ in range(num_blocks)]
        x = np.ones((2, 6, 4), "float32")
        for block in blocks:
            block.build(x.shape)
        variables = [[v.value for v in b.trainable_variables] for b in blocks]

        def loss(variables, x):
            for block, weights in zip(blocks, variables, strict=True):
                others = block.non_trainable_variables
                x, _ = block.stateless_call(weights, others, x)
            return ops.sum(x**2)

        program = jax.jit(jax.grad(loss)).lower(variables, x).compile().as_text()
        return len(re.findall(r" = ", program))

    few, more, many = (instructions(n) for n in (4, 8, 12))
    assert many - more <= 1.2 * (more - few)
