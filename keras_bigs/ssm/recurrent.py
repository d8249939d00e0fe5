"""The recurrence itself: one step a token. Slow, and the definition."""

from keras import ops

from keras_bigs.ssm.kernel import per_channel
from keras_bigs.ssm.kernel import powers
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
    a_re, a_im = (x[..., 0] for x in powers(ssm, ops.array([1])))
    a_re, a_im, c_re, c_im = (
        per_channel(x, dim) for x in (a_re, a_im, ssm.c_re, ssm.c_im)
    )
    D = per_channel(ops.expand_dims(ssm.D, -1), dim)[0]
    u = ops.moveaxis(ops.cast(u, a_re.dtype), 1, 0)

    def step(state, u_k):
        x_re, x_im, _ = state
        x_re, x_im = (
            a_re * x_re - a_im * x_im + ops.expand_dims(u_k, 1),
            a_re * x_im + a_im * x_re,
        )
        y = ops.sum(c_re * x_re - c_im * x_im, axis=1) + D * u_k
        return x_re, x_im, y

    zeros = ops.zeros((batch, a_re.shape[0], dim), a_re.dtype)
    start = (zeros, zeros, ops.zeros((batch, dim), a_re.dtype))
    _, _, y = scan(step, start, u, reverse)
    return ops.cast(ops.moveaxis(y, 0, 1), dtype)
