"""Powers of the transition, kernel taps and the matrices built from them."""

from keras import ops

from keras_bigs.compat.full_precision import full_precision
from keras_bigs.ssm.phase import multiply_turns

# Taps are computed in blocks of this many: `a^(32 i + j) = a^(32 i) a^j`.
TAP_BLOCK = 32


def round_up(length, multiple):
    """The least multiple of `multiple` that is not below `length`."""
    return (length + multiple - 1) // multiple * multiple


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
    """`a^l` for every mode.

    Args:
        ssm: `DiscreteSSM` of `K` kernels and state size `N`.
        exponents: `(L,)` integers, the non-negative exponents `l`.

    Returns:
        `(real, imaginary)`, each `(K, N, L)`.
    """
    log_a_re, coarse, fine = (
        ops.expand_dims(x, -1) for x in (ssm.log_a_re, ssm.coarse_turns, ssm.fine_turns)
    )
    angle = multiply_turns(coarse, fine, exponents)
    magnitude = ops.exp(log_a_re * ops.cast(exponents, log_a_re.dtype))
    return magnitude * ops.cos(angle), magnitude * ops.sin(angle)


def weigh(ssm, real, imaginary):
    """`c a^l` for every mode: what a state contributes to the output `l` steps on.

    Args:
        ssm: `DiscreteSSM` of `K` kernels and state size `N`.
        real: `(K, N, L)`, real part of `a^l`.
        imaginary: `(K, N, L)`, imaginary part of `a^l`.

    Returns:
        `(real, imaginary)`, each `(K, N, L)`.
    """
    c_re, c_im = ops.expand_dims(ssm.c_re, -1), ops.expand_dims(ssm.c_im, -1)
    return c_re * real - c_im * imaginary, c_re * imaginary + c_im * real


def kernel(ssm, length):
    """The kernel taps `k_l = Re sum_n c_n a_n^l`, with `D` added to tap 0.

    This is the paper's `K_bar = (C B, C A B, ..., C A^(L-1) B)` (section 3.1), so
    that the SSM is the causal convolution of its input with these taps. With
    `l = 32 i + j`, `Re(c a^(32 i) a^j)` is a product of an `(L/32, 2N)` and a
    `(2N, 32)` real matrix: `(L/32 + 32) N` exponentials instead of `L N`, and memory
    that does not grow with `L N`.

    Args:
        ssm: `DiscreteSSM` of `K` kernels.
        length: int (or scalar tensor). The number of taps `L`.

    Returns:
        `(K, L)`, in the dtype of `ssm`.
    """
    num_kernels = ssm.log_a_re.shape[0]
    blocks = round_up(length, TAP_BLOCK) // TAP_BLOCK
    if not isinstance(length, int):
        # A spare one: `torch.export` takes a dimension that may be 1 for a constant.
        blocks = blocks + 1
    starts = TAP_BLOCK * ops.arange(blocks, dtype="int32")
    outer_re, outer_im = weigh(ssm, *powers(ssm, starts))
    inner_re, inner_im = powers(ssm, ops.arange(TAP_BLOCK))
    outer = ops.concatenate([outer_re, -outer_im], axis=1)
    inner = ops.concatenate([inner_re, inner_im], axis=1)
    with full_precision():
        taps = ops.einsum("kni,knj->kij", outer, inner)
    taps = ops.reshape(taps, (num_kernels, -1))
    taps = ops.concatenate(
        [taps[:, :1] + ops.expand_dims(ssm.D, -1), taps[:, 1:]], axis=1
    )
    return taps[:, :length]


def toeplitz_matrix(taps, reverse=False):
    """The matrix of a convolution: `T[l, m] = k[l - m]` for `l >= m`, else 0.

    The taps are laid out by reshaping, never by indices: rows of a periodic sequence
    of period `2L`, cut at `2L - 1`, shift by one from row to row. The gradient is
    then a sum over diagonals instead of a scatter of `L^2` numbers.

    Args:
        taps: `(K, L)`.
        reverse: bool. Whether to return the anti-causal matrix, the transpose.

    Returns:
        `(K, L, L)`.
    """
    num_kernels, length = taps.shape[0], ops.shape(taps)[1]
    # Row 0 must read k[0], k[-1], k[-2], ..., which are zeros but for the first;
    # row 1 starts one earlier in the period: k[1], k[0], zeros.
    # (Laid out piece by piece: LiteRT has no `roll`.)
    zeros = ops.zeros_like(taps)
    if reverse:
        period = ops.concatenate([taps, zeros], axis=1)
    else:
        later = ops.flip(taps[:, 1:], axis=1)
        period = ops.concatenate([taps[:, :1], zeros, later], axis=1)
    rows = ops.broadcast_to(
        ops.expand_dims(period, 1), (num_kernels, length, 2 * length)
    )
    # The last `length` numbers are cut off as a row, since a product such as
    # `length * (2 * length - 1)` is too much for Keras' symbolic lengths on JAX.
    rows = ops.reshape(rows, (num_kernels, 2 * length, length))[:, :-1]
    rows = ops.reshape(rows, (num_kernels, length, 2 * length - 1))
    return rows[:, :, :length]


def mix_positions(matrix, x):
    """Applies one matrix a kernel along the length axis of grouped channels.

    Args:
        matrix: `(K, M, L)`.
        x: `(..., L, dim)`, where channels `k * dim/K` to `(k+1) * dim/K - 1` belong to
            kernel `k`.

    Returns:
        `(..., M, dim)` in the dtype of `x`.
    """
    # Contractions without broadcasting: the gradient of a broadcast product is a
    # `(batch, M, L)` stack of matrices and its sum, which is slow, and wrong under
    # TensorFlow 2.21's XLA on CPUs (its fusion of the two).
    matrix = ops.cast(matrix, x.dtype)
    num_kernels, rows, columns = ops.shape(matrix)
    lead, dim = ops.shape(x)[:-2], x.shape[-1]
    if num_kernels == 1:
        flat = ops.reshape(x, (-1, columns, dim))
        mixed = ops.einsum("ml,bld->bmd", matrix[0], flat)
    else:
        flat = ops.reshape(x, (-1, columns, num_kernels, dim // num_kernels))
        mixed = ops.einsum("kml,blkg->bmkg", matrix, flat)
    return ops.reshape(mixed, (*lead, rows, dim))


def per_channel(x, dim):
    """Lays `(K, N)` out as `(N, dim)`, or `(N, 1)` for one shared kernel."""
    x = ops.transpose(x)
    num_kernels = x.shape[1]
    return x if num_kernels == 1 else ops.repeat(x, dim // num_kernels, axis=1)
