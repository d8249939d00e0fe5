"""The recurrence itself: one step a token. Slow, and the definition."""

from keras import ops

from keras_bigs.compat.scan import scan
from keras_bigs.ssm.kernel import per_channel
from keras_bigs.ssm.phase import split_cos_sin


def recurrent(u, ssm, reverse=False):
    """Runs `x_k = a x_{k-1} + u_k`, `y_k = Re(c x_k) + D u_k` over the sequence.

    Cost: `O(N)` a token and channel, one step after the other. The state is kept in
    float32 for 16-bit inputs, and `a` as the sum of two numbers: thousands of steps
    would repeat its rounding error.

    Args:
        u: `(batch, length, dim)`.
        ssm: `DiscreteSSM`.
        reverse: bool. Whether to run from the last token to the first.

    Returns:
        `(batch, length, dim)` in the dtype of `u`.
    """
    dtype = u.dtype
    batch, dim = ops.shape(u)[0], u.shape[-1]
    # With `b = exp(i arg a)` and `loss = |a| - 1`, `a = b + loss b`. A mode that
    # forgets within a few steps repeats nothing, and would cancel in that sum.
    is_slow = ssm.log_a_re > -1
    loss, magnitude = ops.expm1(ssm.log_a_re), ops.exp(ssm.log_a_re)

    def shrink(high, low):
        slow, fast = low + loss * (high + low), magnitude * (high + low)
        return ops.where(is_slow, high, 0.0), ops.where(is_slow, slow, fast)

    cos, sin = split_cos_sin(ssm.coarse_turns, ssm.fine_turns)
    (re_high, re_low), (im_high, im_low) = shrink(*cos), shrink(*sin)
    re_high, im_high, re_low, im_low, c_re, c_im = (
        per_channel(x, dim)
        for x in (re_high, im_high, re_low, im_low, ssm.c_re, ssm.c_im)
    )
    D = per_channel(ops.expand_dims(ssm.D, -1), dim)[0]
    u = ops.moveaxis(ops.cast(u, c_re.dtype), 1, 0)

    def step(state, u_k):
        x_re, x_im, _ = state
        x_re, x_im = (
            (re_high * x_re - im_high * x_im)
            + (re_low * x_re - im_low * x_im)
            + ops.expand_dims(u_k, 1),
            (re_high * x_im + im_high * x_re) + (re_low * x_im + im_low * x_re),
        )
        y = ops.sum(c_re * x_re - c_im * x_im, axis=1) + D * u_k
        return x_re, x_im, y

    zeros = ops.zeros((batch, c_re.shape[0], dim), c_re.dtype)
    start = (zeros, zeros, ops.zeros((batch, dim), c_re.dtype))
    _, _, y = scan(step, start, u, reverse)
    return ops.cast(ops.moveaxis(y, 0, 1), dtype)
