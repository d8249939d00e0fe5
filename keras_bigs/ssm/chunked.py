"""The convolution in chunks: Toeplitz inside, states in between. Linear in length."""

from keras import ops

from keras_bigs.compat.scan import scan
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


def chunked(u, ssm, reverse=False, chunk=None):
    """Cuts the sequence into chunks of `C` tokens and carries `N` states across.

    Inside a chunk the convolution is a `C x C` Toeplitz product. A chunk's tokens
    reach later chunks only through the state at its end,

        s_t = a^C s_{t-1} + sum_j a^(C-1-j) u_{t,j},
        y_{t,i} = (T u_t)_i + Re(c a^(i+1) s_{t-1}),

    so both the inflow and the outflow are matrix products and only `length / C` steps
    are sequential. Cost: `O(C + N)` a token and channel, memory linear in length.
    States are carried in float32 for 16-bit inputs.

    Args:
        u: `(batch, length, dim)`.
        ssm: `DiscreteSSM`.
        reverse: bool. Whether the convolution is anti-causal: the same with the order
            of chunks, and of positions inside a chunk, turned round.
        chunk: int or `None`. The chunk length `C`; it need not divide the length.
            `None` takes 256 tokens, or 64 if the length is not known.

    Returns:
        `(batch, length, dim)` in the dtype of `u`.
    """
    dtype = u.dtype
    batch, length, dim = ops.shape(u)[0], ops.shape(u)[1], u.shape[-1]
    if isinstance(length, int):
        chunk = min(chunk or CHUNK, length)
    chunk = chunk or CHUNK_OF_UNKNOWN_LENGTH
    padded = round_up(length, chunk)
    u = ops.reshape(pad_length(u, padded), (batch, padded // chunk, chunk, dim))
    y = mix_positions(toeplitz_matrix(kernel(ssm, chunk), reverse), u)

    # `a^0` to `a^C` are all that is needed: those that a token's contribution has
    # gathered at the end of its chunk, that a state has gathered at a token of the
    # next one, and over a whole chunk.
    real, imaginary = powers(ssm, ops.arange(chunk + 1))
    inflow = ops.concatenate([real, imaginary], axis=1)[..., :chunk]
    out_re, out_im = weigh(ssm, real[..., 1:], imaginary[..., 1:])
    outflow = ops.concatenate([out_re, -out_im], axis=1)
    if reverse:
        outflow = ops.flip(outflow, axis=-1)
    else:
        inflow = ops.flip(inflow, axis=-1)
    outflow = ops.swapaxes(outflow, 1, 2)
    step_re, step_im = (per_channel(x[..., chunk], dim) for x in (real, imaginary))

    states = ops.cast(mix_positions(inflow, u), step_re.dtype)
    states = carry_states(states, step_re, step_im, reverse)
    y = y + mix_positions(outflow, ops.cast(states, dtype))
    return ops.reshape(y, (batch, padded, dim))[:, :length]


def carry_states(inflow, a_re, a_im, reverse):
    """The state that enters each chunk: `s_{t-1}` of `s_t = a s_{t-1} + inflow_t`.

    Args:
        inflow: `(batch, chunks, 2N, dim)`, real parts above imaginary parts.
        a_re: `(N, dim)` or `(N, 1)`, real part of the transition over a chunk.
        a_im: the imaginary part.
        reverse: bool. Whether states flow from the last chunk to the first.

    Returns:
        `(batch, chunks, 2N, dim)`.
    """
    state_dim = a_re.shape[0]
    steps = ops.moveaxis(inflow, 1, 0)

    def step(state, inflow_t):
        re, im = state[:, :state_dim], state[:, state_dim:]
        moved = ops.concatenate([a_re * re - a_im * im, a_re * im + a_im * re], axis=1)
        return moved + inflow_t

    start = ops.zeros_like(steps[0])
    states = scan(step, start, steps, reverse)
    # A chunk is entered by the state that the one before it leaves.
    if reverse:
        states = ops.concatenate([states[1:], start[None]], axis=0)
    else:
        states = ops.concatenate([start[None], states[:-1]], axis=0)
    return ops.moveaxis(states, 0, 1)
