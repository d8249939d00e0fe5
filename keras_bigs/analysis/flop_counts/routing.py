"""Floating point operations of each routing layer, term by term."""

import math
from typing import NamedTuple

import keras

from keras_bigs.compat.platform import platform
from keras_bigs.compat.scan import can_scan_unknown_length
from keras_bigs.layers import BiLSTM
from keras_bigs.layers import BiSSM
from keras_bigs.layers import FourierMixing
from keras_bigs.layers import GatedConvolution
from keras_bigs.layers import SelfAttention
from keras_bigs.layers import SlidingWindowAttention
from keras_bigs.ssm import auto_method
from keras_bigs.ssm import chunked
from keras_bigs.ssm import states
from keras_bigs.ssm.kernel import TAP_BLOCK
from keras_bigs.ssm.kernel import round_up


class FlopTerm(NamedTuple):
    """The operations of one kind in one layer, for one sequence.

    Attributes:
        name: `"routing dense"`, projections of tokens; `"mixing"`, what lets positions
            see each other; `"gates"`, products of one activation with another; or
            `"kernel"`, the taps of SSMs, which a whole batch shares.
        forward: number. Of a forward pass; a multiply-add is two.
        passes: int. How many times as much a training step takes: 3 for a product, of
            which the backward pass has two, one for either factor; 2 for a transform
            without weights.
    """

    name: str
    forward: float
    passes: int = 3


def routing_flop_terms(layer, length, dim):
    """What a routing layer computes for one sequence.

    Products and the sums that they go into count, as do Fourier transforms. Biases,
    norms, activation functions, softmax and masks do not: they are tens of operations a
    token and channel, where a dense layer has two a token, channel and unit.

    Args:
        layer: a routing layer of this library, built or not; or one that has a method
            `flop_terms(length, dim)`, which is asked.
        length: int. Tokens.
        dim: int. Channels.

    Returns:
        A list of `FlopTerm`.

    Raises:
        ValueError: a layer of another class, without that method.

    Example:
    ```python
    layer = keras_bigs.layers.SelfAttention()
    keras_bigs.analysis.routing_flop_terms(layer, length=128, dim=192)
    ```
    """
    if hasattr(layer, "flop_terms"):
        return layer.flop_terms(length, dim)
    for cls, terms in _TERMS.items():
        if isinstance(layer, cls):
            return terms(layer, length, dim)
    raise ValueError(
        f"The operations of {type(layer).__name__} are not known. Give the class a "
        "method `flop_terms(length, dim)` that returns a list of "
        f"`keras_bigs.analysis.FlopTerm`. Received: layer={layer!r}"
    )


def _dense(length, weights):
    return FlopTerm("routing dense", 2 * length * weights)


def _bi_ssm(layer, length, dim):
    """Two directions; `4 dim^2` weights around them."""
    method = layer.method
    if method == "auto":
        channels = dim // layer.num_kernels
        method = auto_method(length, channels, platform(), can_scan_unknown_length())
    taps, mixing = _CONVOLUTIONS[method](length, dim, layer.state_dim)
    # Taps by a product of `(taps / 32, 2N)` and `(2N, 32)`.
    states = 2 * layer.state_dim
    kernel = 2 * states * round_up(taps, TAP_BLOCK) * layer.num_kernels
    terms = [_dense(length, 4 * dim**2), FlopTerm("kernel", 2 * kernel)]
    terms += [term._replace(forward=2 * term.forward) for term in mixing]
    if layer.combine == "multiply":
        terms.append(FlopTerm("gates", length * dim))
    return terms


def _toeplitz(length, dim, state_dim):
    """A product with an `L x L` matrix, half of which are zeros."""
    return length, [FlopTerm("mixing", 2 * length**2 * dim)]


def _fft(length, dim, state_dim):
    """Transforms of inputs, taps and product, for every channel; complex products."""
    size = 2 * round_up(length, 64)
    products = 6 * (size // 2 + 1) * dim
    return length, [
        FlopTerm("mixing", 3 * real_fft_flops(size) * dim, passes=2),
        FlopTerm("mixing", products),
    ]


def _chunked(length, dim, state_dim):
    """Products inside chunks, into states, between these and out of them; and a sum."""
    chunk = chunked.chunk_length(length)
    padded = round_up(length, chunk)
    products = 2 * padded * dim * (chunk + 2 * 2 * state_dim)
    # From chunk to chunk: a triangular matrix of complex numbers a group of chunks,
    # and but for the last level a row of it for what leaves the group.
    num_chunks = padded // chunk
    group, num_levels = states.groups_of(num_chunks)
    for level in range(num_levels):
        num_chunks = round_up(num_chunks, group)
        rows = group + (level < num_levels - 1)
        products += 8 * num_chunks * rows * state_dim * dim
        num_chunks //= group
    return chunk, [FlopTerm("mixing", products + padded * dim)]


def _recurrent(length, dim, state_dim):
    """`A x + B u`, 10 a state; `Re(C x)`, 4 a state; and `D u`."""
    return 0, [FlopTerm("mixing", length * dim * (14 * state_dim + 2))]


_CONVOLUTIONS = {
    "toeplitz": _toeplitz,
    "fft": _fft,
    "chunked": _chunked,
    "recurrent": _recurrent,
}
"""Of one direction: the number of taps that are computed, and terms."""


def real_fft_flops(size):
    """Operations of a Fourier transform of `size` real numbers, or back to them.

    `2.5 size log2(size)`: half of what the Cooley-Tukey algorithm takes for complex
    numbers, the usual estimate of benchmarks of transforms.
    """
    return 2.5 * size * math.log2(size)


def _self_attention(layer, length, dim):
    """Scores, and the weighted mean of values."""
    mixing = FlopTerm("mixing", 4 * length**2 * dim)
    return [_dense(length, 4 * dim**2), mixing]


def _sliding_window(layer, length, dim):
    """The same with three blocks of `window` tokens and global ones; and of those."""
    tokens = layer.num_global_tokens
    padded = round_up(length, layer.window)
    seen = padded * (3 * layer.window + tokens) + min(tokens, length) * length
    return [_dense(length, 4 * dim**2), FlopTerm("mixing", 4 * seen * dim)]


def _fourier(layer, length, dim):
    """A complex transform over length and channels."""
    size = length * dim
    return [FlopTerm("mixing", 2 * real_fft_flops(size), passes=2)]


def _convolution(layer, length, dim):
    """A gated linear unit, a depthwise convolution, a projection."""
    return [
        _dense(length, 3 * dim**2),
        FlopTerm("mixing", 2 * length * layer.kernel_size * dim),
        FlopTerm("gates", length * dim),
    ]


def _bi_lstm(layer, length, dim):
    """Two LSTMs of `dim / 2` units: inputs, recurrence, and four operations a unit."""
    return [
        _dense(length, 4 * dim**2),
        FlopTerm("mixing", 2 * length * 2 * dim**2),
        FlopTerm("gates", 4 * length * dim),
    ]


_TERMS: dict[type[keras.layers.Layer], object] = {
    BiSSM: _bi_ssm,
    SelfAttention: _self_attention,
    SlidingWindowAttention: _sliding_window,
    FourierMixing: _fourier,
    GatedConvolution: _convolution,
    BiLSTM: _bi_lstm,
}
