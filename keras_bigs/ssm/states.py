"""States between chunks of a sequence: the sequential part of `chunked`, as products.

The state that enters chunk `t` is the sum of what earlier chunks have left behind,

    e_t = sum_{s < t} A^(t-1-s) x_s,        A = A_bar^C for chunks of C tokens,

for every mode a lower triangular Toeplitz matrix of powers of `A`. Chunks are taken in
groups of at most `GROUP`: inside a group, that matrix; between groups, the same again
one level up, with `A^GROUP`. So nothing waits for the chunk before it, and work is
linear in length. Where chunks are divided between devices in whole groups, as powers of
two of 64 and more are, only the states that leave a group travel. (On GPUs TensorFlow
takes these products in TF32, as those of activations.)
"""

from typing import Any
from typing import NamedTuple

from keras import ops

from keras_bigs.compat.full_precision import full_precision
from keras_bigs.compat.scan import scan
from keras_bigs.ssm.kernel import indices
from keras_bigs.ssm.kernel import powers
from keras_bigs.ssm.kernel import round_up
from keras_bigs.ssm.kernel import toeplitz_matrix

# A product inside a group costs 4 GROUP / C multiplications a token, channel and mode.
GROUP = 16


class Products(NamedTuple):
    """The matrices of a known number of chunks.

    Attributes:
        levels: a list of `(K, N, 2, G, 2, G)`, from chunks to groups of groups. At
            `[k, n, p, t, q, s]`: what part `q` (real, imaginary) of a state at `s` adds
            to part `p` at `t`.
    """

    levels: Any


class Steps(NamedTuple):
    """The transition over one chunk, for chunks whose number is not known when traced.

    Attributes:
        real: `(K, N)`.
        imaginary: `(K, N)`.
    """

    real: Any
    imaginary: Any


def prepare(ssm, chunk, num_chunks):
    """What `entering` needs for chunks of `chunk` tokens.

    Args:
        ssm: `DiscreteSSM` of `K` kernels and state size `N`.
        chunk: int. Tokens a chunk.
        num_chunks: int, or something else where it is not known when traced.

    Returns:
        `Products`, or `Steps` for an unknown number.
    """
    if not isinstance(num_chunks, int):
        real, imaginary = powers(ssm, chunk * indices(2)[1:])
        return Steps(real[..., 0], imaginary[..., 0])
    group, num_levels = groups_of(num_chunks)
    return Products(
        [_matrix(ssm, chunk * group**level, group) for level in range(num_levels)]
    )


def groups_of(num_chunks):
    """Chunks a group, and how many levels of groups there are.

    The fewest levels, and groups as small as these allow; but larger ones if they leave
    nothing over: 64 chunks are 8 groups of 8, and 32 are 4 of 8.

    Args:
        num_chunks: int.

    Returns:
        `(group, num_levels)`, the first to the power of the second at least
        `num_chunks`.
    """
    num_levels = 1
    while GROUP**num_levels < num_chunks:
        num_levels += 1
    sizes = [g for g in range(1, GROUP + 1) if g**num_levels >= num_chunks]
    group = next((g for g in sizes if num_chunks % g == 0), sizes[0])
    return group, num_levels


def _matrix(ssm, stride, size):
    """One level of `Products`: powers of `A_bar^stride` on and below the diagonal."""
    real, imaginary = powers(ssm, stride * indices(size))
    num_kernels, state_dim, _ = real.shape
    real, imaginary = (
        toeplitz_matrix(ops.reshape(x, (num_kernels * state_dim, size)))
        for x in (real, imaginary)
    )
    matrix = ops.stack(
        [ops.stack([real, -imaginary], axis=2), ops.stack([imaginary, real], axis=2)],
        axis=1,
    )
    return ops.reshape(matrix, (num_kernels, state_dim, 2, size, 2, size))


def entering(leaving, transition, reverse):
    """The state that enters each chunk, of what the chunks themselves leave behind.

    Args:
        leaving: `(K, N, 2, chunks, batch, dim)`, real and imaginary parts.
        transition: what `prepare` returns.
        reverse: bool. Whether states flow from the last chunk to the first.

    Returns:
        As `leaving`.
    """
    if isinstance(transition, Steps):
        return _by_steps(leaving, transition, reverse)
    num_kernels, state_dim = leaving.shape[:2]
    shape = ops.shape(leaving)
    # Modes of all kernels in one axis; exporters know tensors of six axes at most.
    modes = num_kernels * state_dim
    levels = [
        ops.reshape(matrix, (modes, *matrix.shape[2:])) for matrix in transition.levels
    ]
    leaving = ops.reshape(leaving, (modes, *shape[2:]))
    with full_precision():
        states = _by_products(leaving, levels, reverse)
    return ops.reshape(states, shape)


def _by_products(leaving, levels, reverse):
    """Of `(modes, 2, chunks, batch, dim)` and matrices `(modes, 2, G, 2, G)`."""
    matrix, *higher = levels
    modes, parts, num_chunks, batch, dim = ops.shape(leaving)
    group = matrix.shape[-1]
    padded = round_up(num_chunks, group)
    if padded > num_chunks:
        padding = [[0, 0], [0, 0], [0, padded - num_chunks], [0, 0], [0, 0]]
        leaving = ops.pad(leaving, padding)
    groups = (modes, parts, padded // group, group, batch, dim)
    states = ops.reshape(leaving, groups)

    if higher:
        # The row of the last chunk to be reached: what is left of each at its end.
        row = matrix[:, :, :, :, 0] if reverse else matrix[:, :, -1]
        parts_and_chunks = "nptq" if reverse else "npqt"
        left = ops.einsum(f"{parts_and_chunks},nqktbd->npkbd", row, states)
        start = ops.expand_dims(_by_products(left, higher, reverse), 3)
    else:
        start = ops.zeros_like(states[:, :, :, :1])
    # A chunk is entered by what the one before it leaves.
    if reverse:
        states = ops.concatenate([states[:, :, :, 1:], start], axis=3)
        states = ops.einsum("npsqt,nqksbd->npktbd", matrix, states)
    else:
        states = ops.concatenate([start, states[:, :, :, :-1]], axis=3)
        states = ops.einsum("nptqs,nqksbd->npktbd", matrix, states)
    states = ops.reshape(states, (modes, parts, padded, batch, dim))
    return states[:, :, :num_chunks]


def _by_steps(leaving, transition, reverse):
    """One chunk after the other."""
    A_re, A_im = (ops.reshape(x, (*x.shape, 1, 1)) for x in transition)
    steps = ops.moveaxis(leaving, 3, 0)

    def step(state, left):
        re, im = state[:, :, 0], state[:, :, 1]
        moved = ops.stack([A_re * re - A_im * im, A_re * im + A_im * re], axis=2)
        return moved + left

    start = ops.zeros_like(steps[0])
    states = scan(step, start, steps, reverse)
    if reverse:
        states = ops.concatenate([states[1:], start[None]], axis=0)
    else:
        states = ops.concatenate([start[None], states[:-1]], axis=0)
    return ops.moveaxis(states, 0, 3)
