"""What there is to say of a matrix of influence in a few numbers."""

import numpy as np


def influence_shares(matrix):
    """Influence as shares of all that moves an output, as attention's rows are.

    Args:
        matrix: `(..., outputs, inputs)`, not negative.

    Returns:
        The same shape, float64, each row with sum 1 (0 where nothing moves it).

    Example:
    ```python
    keras_bigs.analysis.influence_shares([[3.0, 1.0], [0.0, 2.0]])
    # [[0.75, 0.25], [0, 1]]
    ```
    """
    matrix = np.asarray(matrix, "float64")
    total = matrix.sum(-1, keepdims=True)
    return np.divide(matrix, total, out=np.zeros_like(matrix), where=total != 0)


def influence_by_position(matrix):
    """Mean influence by relative position: the effective receptive field.

    After Luo et al. (2016), "Understanding the Effective Receptive Field in Deep
    Convolutional Neural Networks", here a mean over all pairs of a text.

    Args:
        matrix: `(length, length)`: outputs, then inputs.

    Returns:
        `(2 * length - 1,)` float64: at `p + length - 1` the mean over all pairs whose
        input is `p` tokens after the output (before it, for negative `p`).

    Example:
    ```python
    keras_bigs.analysis.influence_by_position([[4.0, 1.0], [3.0, 2.0]])  # [3, 3, 1]
    ```
    """
    matrix = np.asarray(matrix, "float64")
    positions = range(1 - len(matrix), len(matrix))
    return np.array([np.diagonal(matrix, p).mean() for p in positions])


def mean_influence_distance(matrix):
    """The mean distance, in tokens, from which an output is moved.

    Args:
        matrix: `(length, length)`: outputs, then inputs.

    Returns:
        float: the mean over outputs of `sum_j share_ij |i - j|`, with the shares of
        `influence_shares`.

    Example:
    ```python
    keras_bigs.analysis.mean_influence_distance([[1.0, 1.0], [1.0, 1.0]])  # 0.5
    ```
    """
    places = np.arange(len(matrix))
    distances = np.abs(places[:, None] - places)
    return float((influence_shares(matrix) * distances).sum(-1).mean())
