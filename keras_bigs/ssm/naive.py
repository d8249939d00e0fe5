"""The definition of a state space model: one step a token (paper, section 3.1).

    x_k = A_bar x_{k-1} + B_bar u_k,        y_k = Re(C x_k) + D u_k,        x_0 = 0,

for every channel, where by zero-order hold `A_bar = exp(dt A)` and
`B_bar = (exp(dt A) - 1) / A`. Unrolled, `y` is the convolution of `u` with the kernel

    K_bar = Re (C B_bar, C A_bar B_bar, ..., C A_bar^(L-1) B_bar),

which is how the other algorithms compute the same map.
"""

from keras import ops

from keras_bigs.compat.scan import scan
from keras_bigs.ssm.kernel import per_channel
from keras_bigs.ssm.kernel import powers


def prepare(ssm, length):
    """The recurrence needs nothing but the `DiscreteSSM`."""
    return ssm


def apply(u, ssm, reverse=False):
    """Runs the recurrence over the sequence, from the last token if `reverse`.

    Cost: `O(N)` a token and channel, one step after the other. States are float32
    for 16-bit inputs.

    Args:
        u: `(batch, length, dim)`.
        ssm: `DiscreteSSM`.
        reverse: bool. Whether to run from the last token to the first.

    Returns:
        `(batch, length, dim)` in the dtype of `u`.
    """
    A_re, A_im = (x[..., 0] for x in powers(ssm, ops.ones(1, "int32")))
    weights = (A_re, A_im, ssm.B_re, ssm.B_im, ssm.C_re, ssm.C_im, ssm.D[:, None])
    A_re, A_im, B_re, B_im, C_re, C_im, D = (
        per_channel(x, u.shape[-1]) for x in weights
    )

    def step(state, u_k):
        x_re, x_im, _ = state
        x_re, x_im = (
            A_re * x_re - A_im * x_im + B_re * u_k,
            A_re * x_im + A_im * x_re + B_im * u_k,
        )
        y = ops.sum(C_re * x_re - C_im * x_im, axis=1, keepdims=True) + D * u_k
        return x_re, x_im, y

    # (length, batch, 1, dim): in step k, modes are the third axis.
    steps = ops.moveaxis(ops.cast(u, A_re.dtype), 1, 0)[:, :, None]
    y = ops.zeros_like(steps[0])
    x = ops.repeat(y, A_re.shape[0], axis=1)
    _, _, y = scan(step, (x, x, y), steps, reverse)
    return ops.cast(ops.moveaxis(y[:, :, 0], 0, 1), u.dtype)
