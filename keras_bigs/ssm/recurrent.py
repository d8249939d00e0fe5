"""The recurrence itself: one step a token. Slow, and the definition."""

from keras import ops

from keras_bigs.ssm.kernel import per_channel
from keras_bigs.ssm.scan import scan


def recurrent(u, ssm, reverse=False):
    """Runs `x_k = a x_{k-1} + u_k`, `y_k = Re(c x_k) + D u_k` over the sequence.

    Cost: `O(N)` a token and channel, one step after the other. The state is kept in
    float32 for 16-bit inputs.

    Args:
        u: `(batch, length, dim)`.
        ssm: `DiscreteSSM`.
        reverse: bool. Whether to run from the last token to the first.

    Returns:
        `(batch, length, dim)` in the dtype of `u`.
    """
    dtype = u.dtype
    batch, dim = ops.shape(u)[0], u.shape[-1]
    d_re, d_im, c_re, c_im = (
        per_channel(x, dim) for x in (*turn_minus_one(ssm), ssm.c_re, ssm.c_im)
    )
    sign = None if ssm.sign is None else per_channel(ssm.sign, dim)
    D = per_channel(ops.expand_dims(ssm.D, -1), dim)[0]
    u = ops.moveaxis(ops.cast(u, d_re.dtype), 1, 0)

    def step(state, u_k):
        x_re, x_im, _ = state
        x_re, x_im = (
            x_re + (d_re * x_re - d_im * x_im),
            x_im + (d_re * x_im + d_im * x_re),
        )
        if sign is not None:
            x_re, x_im = sign * x_re, sign * x_im
        x_re = x_re + ops.expand_dims(u_k, 1)
        y = ops.sum(c_re * x_re - c_im * x_im, axis=1) + D * u_k
        return x_re, x_im, y

    zeros = ops.zeros((batch, d_re.shape[0], dim), d_re.dtype)
    start = (zeros, zeros, ops.zeros((batch, dim), d_re.dtype))
    _, _, y = scan(step, start, u, reverse)
    return ops.cast(ops.moveaxis(y, 0, 1), dtype)


def turn_minus_one(ssm):
    """`sign a - 1` for every mode, `(real, imaginary)`, each `(K, N)`.

    Slow modes have `sign a` close to 1. Rounded, it no longer knows how fast they
    decay and turn, which shows after 4096 steps; its distance from 1 does.
    """
    # Near `a = 0` the derivative of `expm1`, computed as its value plus 1, is lost.
    growth = ops.where(
        ssm.log_a_re > -1, ops.expm1(ssm.log_a_re), ops.exp(ssm.log_a_re) - 1
    )
    real = growth * ops.cos(ssm.log_a_im) - 2 * ops.square(ops.sin(ssm.log_a_im / 2))
    return real, ops.exp(ssm.log_a_re) * ops.sin(ssm.log_a_im)
