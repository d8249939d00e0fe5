"""Powers of the transition, kernel taps and the matrices built from them."""

import numpy as np
from keras import ops

from keras_bigs.compat.einsum import LEAD
from keras_bigs.compat.einsum import einsum
from keras_bigs.compat.einsum import mix
from keras_bigs.compat.full_precision import einsum_in_full_precision

# Taps are computed in blocks of this many: `A^(32 i + j) = A^(32 i) A^j`.
TAP_BLOCK = 32


def round_up(length, multiple):
    """The least multiple of `multiple` that is not below `length`."""
    return (length + multiple - 1) // multiple * multiple


def indices(length):
    """`0, 1, ..., length - 1`: constants where that is known, which compile to nothing.

    Args:
        length: int (or scalar tensor).

    Returns:
        `(length,)` int32, a NumPy array if `length` is an int.
    """
    arange = np.arange if isinstance(length, int) else ops.arange
    return arange(length, dtype="int32")


def pad_length(x, length):
    """Appends zeros to axis 1 of `x`, `(batch, L, dim)`, up to `length`."""
    batch, old_length = ops.shape(x)[:2]
    padding = length - old_length
    if isinstance(padding, int) and padding == 0:
        return x
    padded = ops.pad(x, [[0, 0], [0, padding], [0, 0]])
    # Where lengths are unknown, TensorFlow forgets all other dimensions as well.
    return ops.reshape(padded, (batch, length, x.shape[2]))


def powers(ssm, exponents):
    """`A_bar^l` for every mode.

    Args:
        ssm: `DiscreteSSM` of `K` kernels and state size `N`.
        exponents: `(L,)` integers, the non-negative exponents `l`.

    Returns:
        `(real, imaginary)`, each `(K, N, L)`.
    """
    log_re, log_im, sign = (ops.expand_dims(x, -1) for x in ssm[:3])
    power = ops.cast(exponents, log_re.dtype)
    magnitude = ops.exp(power * log_re) * ops.where(exponents % 2 == 0, 1.0, sign)
    return magnitude * ops.cos(power * log_im), magnitude * ops.sin(power * log_im)


def multiply(coefficients, power):
    """Complex products of one number a mode with powers of its transition.

    Args:
        coefficients: `(real, imaginary)`, each `(K, N)`.
        power: `(real, imaginary)`, each `(K, N, L)`, such as `powers` returns.

    Returns:
        `(real, imaginary)`, each `(K, N, L)`.
    """
    (c_re, c_im), (real, imaginary) = coefficients, power
    c_re, c_im = ops.expand_dims(c_re, -1), ops.expand_dims(c_im, -1)
    return c_re * real - c_im * imaginary, c_re * imaginary + c_im * real


def kernel(ssm, length):
    """The kernel taps `K_l = Re sum_n C_n B_n A_n^l`, with `D` added to tap 0.

    This is the paper's `K_bar = (C B, C A B, ..., C A^(L-1) B)` (section 3.1), so
    that the SSM is the causal convolution of its input with these taps. With
    `l = 32 i + j`, `Re(C B A^(32 i) A^j)` is a product of an `(L/32, 2N)` and a
    `(2N, 32)` real matrix: `(L/32 + 32) N` exponentials instead of `L N`, and memory
    that does not grow with `L N`.

    Args:
        ssm: `DiscreteSSM` of `K` kernels.
        length: int (or scalar tensor). The number of taps `L`.

    Returns:
        `(K, L)`, in the dtype of `ssm`.
    """
    blocks = round_up(length, TAP_BLOCK) // TAP_BLOCK
    if not isinstance(length, int):
        # A spare one: `torch.export` takes a dimension that may be 1 for a constant.
        blocks = blocks + 1
    starts = TAP_BLOCK * indices(blocks)
    # Both factors' powers at once: half as much to compile.
    concatenate = np.concatenate if isinstance(blocks, int) else ops.concatenate
    exponents = concatenate([indices(TAP_BLOCK), starts])
    real, imaginary = powers(ssm, exponents)
    inner = ops.concatenate([real, imaginary], axis=1)[..., :TAP_BLOCK]
    # What an input adds to a mode's output: `C B_bar A_bar^l`.
    c_re = ssm.C_re * ssm.B_re - ssm.C_im * ssm.B_im
    c_im = ssm.C_re * ssm.B_im + ssm.C_im * ssm.B_re
    starts = real[..., TAP_BLOCK:], imaginary[..., TAP_BLOCK:]
    outer_re, outer_im = multiply((c_re, c_im), starts)
    outer = ops.concatenate([outer_re, -outer_im], axis=1)
    taps = einsum_in_full_precision("kni,knj->kij", outer, inner)
    taps = ops.reshape(taps, (ssm.D.shape[0], -1))[:, :length]
    first = ops.cast(indices(length) == 0, taps.dtype)
    return taps + ops.expand_dims(ssm.D, -1) * first


def toeplitz_matrix(taps):
    """The matrix of a causal convolution: `T[l, m] = k[l - m]` for `l >= m`, else 0.

    The taps are laid out by reshaping, never by indices: rows of a periodic sequence
    of period `2L`, cut at `2L - 1`, shift by one from row to row. The gradient is
    then a sum over diagonals instead of a scatter of `L^2` numbers.

    Args:
        taps: `(K, L)`.

    Returns:
        `(K, L, L)`.
    """
    num_kernels, length = taps.shape[0], ops.shape(taps)[1]
    # Row 0 reads k[0], k[-1], k[-2], ..., which are zeros but for the first; row 1
    # starts one earlier in the period: k[1], k[0], zeros. (Laid out piece by piece:
    # LiteRT has no `roll`.)
    period = [taps[:, :1], ops.zeros_like(taps), ops.flip(taps[:, 1:], axis=1)]
    rows = ops.broadcast_to(
        ops.expand_dims(ops.concatenate(period, axis=1), 1),
        (num_kernels, length, 2 * length),
    )
    # The last `length` numbers are cut off as a row, since a product such as
    # `length * (2 * length - 1)` is too much for Keras' symbolic lengths on JAX.
    rows = ops.reshape(rows, (num_kernels, 2 * length, length))[:, :-1]
    rows = ops.reshape(rows, (num_kernels, length, 2 * length - 1))
    return rows[:, :, :length]


def mix_positions(matrix, x, transpose=False):
    """Applies one matrix a kernel along the length axis of grouped channels.

    Args:
        matrix: `(K, M, L)`, or `(K, L, M)` if transposed.
        x: `(..., L, dim)`, where channels `k * dim/K` to `(k+1) * dim/K - 1` belong to
            kernel `k`.
        transpose: bool. Whether to apply the transpose of `matrix`.

    Returns:
        `(..., M, dim)` in the dtype of `x`.
    """
    # Contractions without broadcasting: the gradient of a broadcast product is a
    # `(batch, M, L)` stack of matrices and its sum, which is slow, and wrong under
    # TensorFlow 2.21's XLA on CPUs (its fusion of the two). And without one axis for
    # batch and chunks, which could not be divided between devices along both.
    matrix = ops.cast(matrix, x.dtype)
    num_kernels, *sides = ops.shape(matrix)
    if num_kernels == 1:
        return mix(matrix[0], x, transpose)
    *lead, length, dim = ops.shape(x)
    x = ops.reshape(x, (*lead, length, num_kernels, dim // num_kernels))
    axes = "klm" if transpose else "kml"
    batch = LEAD[: len(lead)]
    mixed = einsum(f"{axes},{batch}lkg->{batch}mkg", matrix, x)
    return ops.reshape(mixed, (*lead, sides[1 if transpose else 0], dim))


def per_channel(x, dim):
    """Lays `(K, N)` out as `(N, dim)`, or `(N, 1)` for one shared kernel."""
    x = ops.transpose(x)
    num_kernels = x.shape[1]
    return x if num_kernels == 1 else ops.repeat(x, dim // num_kernels, axis=1)
