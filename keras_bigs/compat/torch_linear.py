"""Products of dense layers on PyTorch's CPUs, by oneDNN where MKL is slow.

PyTorch 2.13 multiplies float32 matrices by Intel's MKL, which on AMD's processors does
half of what they can: for 2,048 positions and layers of 256 x 768, on two cores of an
AMD EPYC with AVX-512, 204 billion operations a second, where oneDNN, which PyTorch has
too and takes for bfloat16, does 470; and it computes the GELU of the result in passing.
On Intel's processors MKL stays: there it was not measured. May go when PyTorch chooses.
"""

import functools
import pathlib
import platform

import keras

from keras_bigs.compat.eager_torch import is_eager

if keras.backend.backend() == "torch":
    import torch

FUSED = {
    keras.activations.gelu: ("gelu", "none"),
    keras.activations.relu: ("relu", ""),
}
"""Activations that oneDNN computes with a product, and how it calls them."""


def linear(x, kernel, bias=None, activation=None):
    """`activation(x @ kernel + bias)`, of eager tensors of PyTorch.

    Args:
        x: `(..., dim)`.
        kernel: `(dim, units)` of the same dtype.
        bias: `(units,)` of the same dtype, or `None`.
        activation: a function, or `None`.

    Returns:
        `(..., units)` in that dtype.
    """
    parts = [part for part in (x, kernel, bias) if part is not None]
    if not (is_faster_by_onednn() and x.numel() and all(map(_is_plain, parts))):
        y = torch.nn.functional.linear(x, kernel.t(), bias)
    elif torch.is_grad_enabled() and any(part.requires_grad for part in parts):
        y = _Linear.apply(x, kernel, bias)
    elif activation in FUSED:
        return _onednn(x, kernel, bias, *FUSED[activation])
    else:
        y = _onednn(x, kernel, bias)
    return y if activation is None else activation(y)


@functools.cache
def is_faster_by_onednn():
    """Whether PyTorch has both libraries, and the processor is one of AMD's."""
    return (
        torch.backends.mkl.is_available()
        and torch.backends.mkldnn.is_available()
        and hasattr(torch.ops.mkldnn, "_linear_pointwise")
        and "AuthenticAMD" in _processor()
    )


def _processor():
    """What the system says of the processor."""
    try:
        return pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8")[:4096]
    except OSError:
        return platform.processor()


def _is_plain(x):
    return x.dtype == torch.float32 and x.device.type == "cpu" and not x.is_sparse


def _onednn(x, kernel, bias=None, activation="none", algorithm=""):
    return torch.ops.mkldnn._linear_pointwise(
        _laid_out(x), _laid_out(kernel).t(), bias, activation, [], algorithm
    )


def _laid_out(x):
    """`x` in rows or in columns: of others oneDNN adds up number by number."""
    is_matrix = x.ndim == 2
    if x.is_contiguous() or (is_matrix and x.t().is_contiguous()):
        return x
    return x.contiguous()


if keras.backend.backend() == "torch":

    class _Linear(torch.autograd.Function):
        """The product, and its gradient as products."""

        @staticmethod
        def forward(ctx, x, kernel, bias):
            ctx.save_for_backward(x, kernel)
            return _onednn(x, kernel, bias)

        @staticmethod
        def backward(ctx, gradient):
            x, kernel = ctx.saved_tensors
            of_x, of_kernel, of_bias = ctx.needs_input_grad
            rows = x.reshape(-1, x.shape[-1])
            gradients = gradient.reshape(-1, gradient.shape[-1])
            # PyTorch's own where there may be a gradient of the gradient, and for many
            # gradients at once (`is_grads_batched`).
            is_one = not torch._C._functorch.is_legacy_batchedtensor(gradient)
            is_last = is_one and is_eager(gradient) and not torch.is_grad_enabled()
            product = _onednn if is_last else torch.matmul
            return (
                product(gradient, kernel.t()) if of_x else None,
                product(rows.t(), gradients) if of_kernel else None,
                gradients.sum(0) if of_bias else None,
            )
