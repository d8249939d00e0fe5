"""Taps on accelerators: there float32 products may be of numbers cut to 10 bits."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_bigs.compat import full_precision
from keras_bigs.compat.full_precision import einsum_in_full_precision
from keras_bigs.compat.platform import has_tf32
from keras_bigs.compat.platform import tracing_for
from tests.backend import to_numpy


@pytest.fixture
def dtypes(monkeypatch):
    """The dtypes in which products are taken."""
    seen = []
    einsum = ops.einsum

    def record(equation, *operands):
        seen.append({keras.backend.standardize_dtype(x.dtype) for x in operands})
        return einsum(equation, *operands)

    monkeypatch.setattr(ops, "einsum", record)
    return seen


@pytest.mark.skipif(keras.backend.backend() == "jax", reason="JAX has a precision")
@pytest.mark.parametrize("tf32", [True, False])
def test_products_that_no_tf32_can_take(tf32, dtypes, monkeypatch):
    monkeypatch.setattr(full_precision, "has_tf32", lambda: tf32)
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 3, 64, 5)).astype("float32")
    c = einsum_in_full_precision("kni,knj->kij", *map(ops.convert_to_tensor, (a, b)))
    exact = np.einsum("kni,knj->kij", a.astype("float64"), b.astype("float64"))
    np.testing.assert_allclose(to_numpy(c), exact, rtol=0, atol=5e-6)
    assert keras.backend.standardize_dtype(c.dtype) == "float32"
    assert dtypes == [{"float64" if tf32 else "float32"}]


@pytest.mark.parametrize("platform", ["cpu", "any", "accelerator"])
def test_there_is_no_tf32_without_a_gpu(platform, monkeypatch):
    """Apple's have no float64 to take instead, nor have files that run anywhere."""
    if keras.backend.backend() == "torch":
        import torch

        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind=None: [])
    with tracing_for(platform):
        assert not has_tf32()


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="JAX has a precision")
def test_jax_is_asked_for_the_highest_precision():
    import jax

    a = np.ones((1, 4, 2), "float32")
    program = jax.make_jaxpr(lambda x: einsum_in_full_precision("kni,knj->kij", x, x))(
        a
    )
    assert "HIGHEST" in str(program)
