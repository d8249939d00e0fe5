"""The convolution as one product with a Toeplitz matrix.

Cost: `O(L)` a token and channel, all of it matrix product; `K L^2` memory for the
matrix. The fastest for short sequences everywhere.
"""

from keras_bigs.ssm.kernel import kernel
from keras_bigs.ssm.kernel import mix_positions
from keras_bigs.ssm.kernel import toeplitz_matrix


def prepare(ssm, length):
    """The causal convolution of `length` tokens as a matrix, `(K, length, length)`."""
    return toeplitz_matrix(kernel(ssm, length))


def apply(u, matrix, reverse=False):
    """Multiplies the sequence by the matrix, or by its transpose if `reverse`.

    Args:
        u: `(batch, length, dim)`.
        matrix: what `prepare` returns.
        reverse: bool. Whether the convolution is anti-causal.

    Returns:
        `(batch, length, dim)` in the dtype of `u`.
    """
    return mix_positions(matrix, u, transpose=reverse)
