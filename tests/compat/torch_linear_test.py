"""Dense products by oneDNN: those of PyTorch, and their gradients."""

import keras
import numpy as np
import pytest

if keras.backend.backend() != "torch":
    pytest.skip("of PyTorch", allow_module_level=True)

import torch

from keras_bigs import layers
from keras_bigs.compat import torch_linear
from keras_bigs.compat.torch_linear import linear

# On processors where it is not the faster one too, if PyTorch has it.
needs_onednn = pytest.mark.skipif(
    not hasattr(torch.ops.mkldnn, "_linear_pointwise"), reason="PyTorch lacks oneDNN"
)
pytestmark = needs_onednn


@pytest.fixture(autouse=True, params=[True, False], ids=["onednn", "mkl"])
def library(request, monkeypatch):
    monkeypatch.setattr(torch_linear, "is_faster_by_onednn", lambda: request.param)


def draw(*shape):
    generator = torch.Generator().manual_seed(sum(shape))
    return torch.randn(*shape, generator=generator)


def layouts(x):
    """Equal tensors, laid out in rows, in columns, and within larger ones."""
    wide = torch.zeros(*x.shape[:-1], x.shape[-1] + 3)
    wide[..., : x.shape[-1]] = x
    columns = x.transpose(-1, -2).contiguous().transpose(-1, -2)
    return [x, columns, wide[..., : x.shape[-1]], x[:1].expand_as(x)]


@pytest.mark.parametrize("lead", [(5,), (2, 3), (2, 3, 4), (1,), (0,)])
@pytest.mark.parametrize("has_bias", [True, False])
def test_products(lead, has_bias):
    kernel, bias = draw(8, 6), draw(6) if has_bias else None
    for x in layouts(draw(*lead, 8)) if lead != (0,) else [draw(0, 8)]:
        for laid_out in layouts(kernel)[:3]:
            with torch.no_grad():
                y = linear(x, laid_out, bias)
            expected = x.double() @ kernel.double()
            expected = expected if bias is None else expected + bias.double()
            assert y.shape == (*lead, 6)
            torch.testing.assert_close(y.double(), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "activation",
    [
        layers.gelu_tanh,
        keras.activations.gelu,
        keras.activations.relu,
        torch.tanh,
        None,
    ],
)
def test_activations(activation):
    x, kernel, bias = 3 * draw(7, 8), draw(8, 6), draw(6)
    with torch.no_grad():
        y = linear(x, kernel, bias, activation)
        exact = x.double() @ kernel.double() + bias.double()
        expected = exact if activation is None else activation(exact)
    torch.testing.assert_close(y.double(), expected, rtol=1e-6, atol=1e-5)


@pytest.mark.parametrize("lead", [(5,), (2, 3)])
def test_gradients(lead):
    """Of any layout, also where the gradient is a number for all; and theirs."""
    parts = [draw(*lead, 8), draw(8, 6), draw(6)]
    results = []
    for function in (linear, lambda x, kernel, bias: x @ kernel + bias):
        x, kernel, bias = (part.clone().requires_grad_() for part in parts)
        y = function(x, kernel, bias)
        first = torch.autograd.grad(y.sum(), (x, kernel, bias), retain_graph=True)
        loss = y.pow(2).sum()
        second = torch.autograd.grad(loss, (x, kernel, bias), create_graph=True)
        # A penalty on a gradient.
        third = torch.autograd.grad(second[0].pow(2).sum(), (x, kernel))
        results.append((*first, *second, *third))
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)
    # What is not trained has none.
    x, kernel, bias = (part.clone() for part in parts)
    linear(x, kernel.requires_grad_(), bias).sum().backward()
    assert x.grad is None and bias.grad is None and kernel.grad is not None


def test_many_gradients_at_once():
    """As of a Jacobian."""
    x, kernel, bias = draw(2, 3, 8).requires_grad_(), draw(8, 6), draw(6)
    cotangents = draw(5, 2, 3, 6)
    y = linear(x, kernel, bias)
    (actual,) = torch.autograd.grad(y, x, cotangents, is_grads_batched=True)
    torch.testing.assert_close(actual, cotangents @ kernel.t(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_other_dtypes_are_left_to_pytorch(dtype, monkeypatch):
    monkeypatch.setattr(torch_linear, "_onednn", None)
    x, kernel, bias = (part.to(dtype) for part in (draw(5, 8), draw(8, 6), draw(6)))
    assert linear(x, kernel, bias).dtype == dtype


def test_layouts_that_onednn_adds_up_number_by_number():
    """They took a minute where they should take a millisecond."""
    x, kernel = draw(2, 64, 96).transpose(1, 2), draw(64, 127)[:, :64]
    for part in (x, kernel):
        part = torch_linear._laid_out(part)
        assert part.is_contiguous() or part.t().is_contiguous()


def test_the_reverse_of_an_embedding():
    embedding = keras.layers.ReversibleEmbedding(20, 8)
    ours = layers_of_embedding(embedding)
    x = draw(2, 3, 8)
    for part in (x, x[:, :1]):
        y = ours(part, reverse=True)
        expected = part @ embedding.embeddings.value.t()
        torch.testing.assert_close(y, expected, rtol=1e-5, atol=1e-5)
    assert tuple(ours(np.array([[1, 2]])).shape) == (1, 2, 8)


def layers_of_embedding(embedding):
    """Ours, with the weights of Keras'."""
    from keras_bigs.compat.torch_layers import ReversibleEmbedding

    embedding.build()
    ours = ReversibleEmbedding(20, 8)
    ours.build()
    ours.set_weights(embedding.get_weights())
    return ours
