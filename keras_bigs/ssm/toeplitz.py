"""The convolution as one product with a Toeplitz matrix."""

from keras import ops

from keras_bigs.ssm.kernel import kernel
from keras_bigs.ssm.kernel import mix_positions
from keras_bigs.ssm.kernel import toeplitz_matrix


def toeplitz(u, ssm, reverse=False):
    """Multiplies the sequence by the `L x L` matrix of the convolution.

    Cost: `O(L)` a token and channel, all of it matrix product; `K L^2` memory for the
    matrix. The fastest for short sequences everywhere.

    Args:
        u: `(batch, length, dim)`.
        ssm: `DiscreteSSM`.
        reverse: bool. Whether the convolution is anti-causal.

    Returns:
        `(batch, length, dim)` in the dtype of `u`.
    """
    return mix_positions(toeplitz_matrix(kernel(ssm, ops.shape(u)[1]), reverse), u)
