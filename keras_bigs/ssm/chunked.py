"""The convolution in chunks: Toeplitz inside, states in between. Linear in length.

Inside a chunk of `C` tokens the convolution is a `C x C` Toeplitz product. A chunk's
tokens reach later chunks only through the `N` states at its end,

    s_t = A_bar^C s_{t-1} + sum_j A_bar^(C-1-j) u_{t,j},
    y_{t,i} = (T u_t)_i + Re(c A_bar^(i+1) s_{t-1}),        c = C B_bar,

so both the inflow and the outflow are matrix products and only `length / C` steps are
sequential. Cost: `O(C + N)` a token and channel, memory linear in length.
"""

from typing import Any
from typing import NamedTuple

from keras import ops

from keras_bigs.compat.scan import scan
from keras_bigs.ssm.kernel import indices
from keras_bigs.ssm.kernel import kernel
from keras_bigs.ssm.kernel import mix_positions
from keras_bigs.ssm.kernel import pad_length
from keras_bigs.ssm.kernel import per_channel
from keras_bigs.ssm.kernel import powers
from keras_bigs.ssm.kernel import round_up
from keras_bigs.ssm.kernel import toeplitz_matrix
from keras_bigs.ssm.kernel import weigh

# Long enough to keep matrix units busy. Where the length is unknown until the program
# runs (TensorFlow graphs), short texts should not be padded that far.
CHUNK = 256
CHUNK_OF_UNKNOWN_LENGTH = 64


class Chunks(NamedTuple):
    """The matrices of chunks of `C` tokens, real parts of states above imaginary ones.

    Attributes:
        inside: `(K, C, C)`, the Toeplitz matrix of the causal convolution.
        inflow: `(K, 2N, C)`: at `j`, what has become of an input after `j` steps.
        outflow: `(K, 2N, C)`: at `i`, what a state adds to the output `i + 1` steps on.
        step_re: `(K, N)`, real part of the transition over a chunk.
        step_im: `(K, N)`, imaginary part of the transition over a chunk.
    """

    inside: Any
    inflow: Any
    outflow: Any
    step_re: Any
    step_im: Any


def prepare(ssm, length):
    """`Chunks` for a sequence, whose length need not be a multiple of theirs."""
    chunk = min(CHUNK, length) if isinstance(length, int) else CHUNK_OF_UNKNOWN_LENGTH
    real, imaginary = powers(ssm, indices(chunk + 1))
    out_re, out_im = weigh(ssm, real[..., 1:], imaginary[..., 1:])
    return Chunks(
        inside=toeplitz_matrix(kernel(ssm, chunk)),
        inflow=ops.concatenate([real, imaginary], axis=1)[..., :chunk],
        outflow=ops.concatenate([out_re, -out_im], axis=1),
        step_re=real[..., chunk],
        step_im=imaginary[..., chunk],
    )


def apply(u, chunks, reverse=False):
    """Convolves chunk by chunk. States are carried in float32 for 16-bit inputs.

    Args:
        u: `(batch, length, dim)`.
        chunks: what `prepare` returns.
        reverse: bool. Whether the convolution is anti-causal: the same with the order
            of chunks, and of positions inside a chunk, turned round.

    Returns:
        `(batch, length, dim)` in the dtype of `u`.
    """
    inside, inflow, outflow, step_re, step_im = chunks
    batch, length, dim = ops.shape(u)[0], ops.shape(u)[1], u.shape[-1]
    chunk = inside.shape[-1]
    padded = round_up(length, chunk)
    u = ops.reshape(pad_length(u, padded), (batch, padded // chunk, chunk, dim))
    y = mix_positions(inside, u, transpose=reverse)
    if reverse:
        outflow = ops.flip(outflow, axis=-1)
    else:
        inflow = ops.flip(inflow, axis=-1)
    states = ops.cast(mix_positions(inflow, u), step_re.dtype)
    step_re, step_im = per_channel(step_re, dim), per_channel(step_im, dim)
    states = carry_states(states, step_re, step_im, reverse)
    y = y + mix_positions(outflow, ops.cast(states, u.dtype), transpose=True)
    return ops.reshape(y, (batch, padded, dim))[:, :length]


def carry_states(inflow, A_re, A_im, reverse):
    """The state that enters each chunk: `s_{t-1}` of `s_t = A s_{t-1} + inflow_t`.

    Args:
        inflow: `(batch, chunks, 2N, dim)`, real parts above imaginary parts.
        A_re: `(N, dim)` or `(N, 1)`, real part of the transition over a chunk.
        A_im: the imaginary part.
        reverse: bool. Whether states flow from the last chunk to the first.

    Returns:
        `(batch, chunks, 2N, dim)`.
    """
    state_dim = A_re.shape[0]
    steps = ops.moveaxis(inflow, 1, 0)

    def step(state, inflow_t):
        re, im = state[:, :state_dim], state[:, state_dim:]
        moved = ops.concatenate([A_re * re - A_im * im, A_re * im + A_im * re], axis=1)
        return moved + inflow_t

    start = ops.zeros_like(steps[0])
    states = scan(step, start, steps, reverse)
    # A chunk is entered by the state that the one before it leaves.
    if reverse:
        states = ops.concatenate([states[1:], start[None]], axis=0)
    else:
        states = ops.concatenate([start[None], states[:-1]], axis=0)
    return ops.moveaxis(states, 0, 1)
