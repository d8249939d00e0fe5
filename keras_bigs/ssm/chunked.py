"""The convolution in chunks: Toeplitz inside, states in between. Linear in length.

Inside a chunk of `C` tokens the convolution is a `C x C` Toeplitz product. A chunk's
tokens reach later chunks only through the `N` states at its end,

    s_t = A_bar^C s_{t-1} + sum_j A_bar^(C-1-j) B_bar u_{t,j},
    y_{t,i} = (T u_t)_i + Re(C A_bar^(i+1) s_{t-1}),

so inflow and outflow are matrix products, as is the recurrence over chunks (`states`).
With `B_bar` on the way in, states are no larger than the SSM's own, and stay within
16 bits.
Cost: `O(C + N)` a token and channel, memory linear in length.
"""

from typing import Any
from typing import NamedTuple

from keras import ops

from keras_bigs.compat.einsum import einsum
from keras_bigs.compat.platform import platform
from keras_bigs.ssm import states
from keras_bigs.ssm.kernel import indices
from keras_bigs.ssm.kernel import kernel
from keras_bigs.ssm.kernel import mix_positions
from keras_bigs.ssm.kernel import multiply
from keras_bigs.ssm.kernel import pad_length
from keras_bigs.ssm.kernel import powers
from keras_bigs.ssm.kernel import round_up
from keras_bigs.ssm.kernel import toeplitz_matrix

# Tokens a chunk, long enough to keep matrix units busy, by where the program runs; from
# the tables in `benchmarks/README.md`. Where the length is unknown until it runs
# (TensorFlow graphs), short texts should not be padded that far.
CHUNK = {"cpu": 256, "any": 256, "accelerator": 512}
CHUNK_OF_UNKNOWN_LENGTH = 64


class Chunks(NamedTuple):
    """The matrices of chunks of `C` tokens; `p` is the real or the imaginary part.

    Attributes:
        inside: `(K, C, C)`, the Toeplitz matrix of the causal convolution.
        inflow: `(K, N, 2, C)`: at `[..., p, j]`, what has become of an input after `j`
            steps in the state.
        outflow: `(K, N, 2, C)`: at `[..., p, i]`, what a state adds to the output
            `i + 1` steps on.
        transition: from chunk to chunk, see `states.prepare`.
    """

    inside: Any
    inflow: Any
    outflow: Any
    transition: Any


def chunk_length(length):
    """Tokens a chunk, for sequences of a length that may be unknown."""
    if not isinstance(length, int):
        return CHUNK_OF_UNKNOWN_LENGTH
    return min(CHUNK[platform()], length)


def prepare(ssm, length):
    """`Chunks` for a sequence, whose length need not be a multiple of theirs."""
    chunk = chunk_length(length)
    real, imaginary = powers(ssm, indices(chunk + 1))
    before, after = (
        (real[..., :-1], imaginary[..., :-1]),
        (real[..., 1:], imaginary[..., 1:]),
    )
    inflow = multiply((ssm.B_re, ssm.B_im), before)
    out_re, out_im = multiply((ssm.C_re, ssm.C_im), after)
    return Chunks(
        inside=toeplitz_matrix(kernel(ssm, chunk)),
        inflow=ops.stack(inflow, axis=2),
        outflow=ops.stack([out_re, -out_im], axis=2),
        transition=states.prepare(ssm, chunk, round_up(length, chunk) // chunk),
    )


def apply(u, chunks, reverse=False):
    """Convolves chunk by chunk. Between chunks states are float32 for 16-bit inputs.

    Args:
        u: `(batch, length, dim)`.
        chunks: what `prepare` returns.
        reverse: bool. Whether the convolution is anti-causal: the same with the order
            of chunks, and of positions inside a chunk, turned round.

    Returns:
        `(batch, length, dim)` in the dtype of `u`.
    """
    inside, inflow, outflow, transition = chunks
    batch, length, dim = ops.shape(u)[0], ops.shape(u)[1], u.shape[-1]
    chunk = inside.shape[-1]
    padded = round_up(length, chunk)
    u = ops.reshape(pad_length(u, padded), (batch, padded // chunk, chunk, dim))
    y = mix_positions(inside, u, transpose=reverse)
    if reverse:
        outflow = ops.flip(outflow, axis=-1)
    else:
        inflow = ops.flip(inflow, axis=-1)
    leaving = ops.cast(_states_of_chunks(inflow, u), inflow.dtype)
    entering = states.entering(leaving, transition, reverse)
    y = y + _outputs_of_states(outflow, ops.cast(entering, u.dtype))
    return ops.reshape(y, (batch, padded, dim))[:, :length]


def _states_of_chunks(inflow, u):
    """Of `(batch, chunks, C, dim)`: `(K, N, 2, chunks, batch, dim / K)`, as `u`."""
    num_kernels, state_dim, _, chunk = inflow.shape
    batch, num_chunks, _, dim = ops.shape(u)
    inflow = ops.cast(ops.reshape(inflow, (num_kernels, 2 * state_dim, chunk)), u.dtype)
    if num_kernels == 1:
        leaving = einsum("nc,btcd->ntbd", inflow[0], u)
    else:
        u = ops.reshape(u, (batch, num_chunks, chunk, num_kernels, dim // num_kernels))
        leaving = einsum("knc,btckd->kntbd", inflow, u)
    shape = (num_kernels, state_dim, 2, num_chunks, batch, dim // num_kernels)
    return ops.reshape(leaving, shape)


def _outputs_of_states(outflow, entering):
    """Of `(K, N, 2, chunks, batch, dim / K)`: `(batch, chunks, C, dim)`."""
    num_kernels, state_dim, _, chunk = outflow.shape
    num_chunks, batch, channels = ops.shape(entering)[3:]
    outflow = ops.cast(
        ops.reshape(outflow, (num_kernels, 2 * state_dim, chunk)), entering.dtype
    )
    shape = (num_kernels, 2 * state_dim, num_chunks, batch, channels)
    entering = ops.reshape(entering, shape)
    if num_kernels == 1:
        return einsum("nc,ntbd->btcd", outflow[0], entering[0])
    y = einsum("knc,kntbd->btckd", outflow, entering)
    return ops.reshape(y, (batch, num_chunks, chunk, num_kernels * channels))
