"""The activation of the paper's blocks."""

import keras

from keras_bigs.compat import gelu
from keras_bigs.compat.torch_linear import FUSED


@keras.saving.register_keras_serializable("keras_bigs")
def gelu_tanh(x):
    """GELU by the tanh approximation (Hendrycks and Gimpel 2016).

    The activation that the published BiGS weights were trained with, and BERT's.
    `keras.activations.gelu` is the exact one.

    Args:
        x: floating-point tensor.

    Returns:
        A tensor of the shape and dtype of `x`.

    Example:
    ```python
    y = keras_bigs.layers.gelu_tanh(np.linspace(-3, 3, 7))
    ```
    """
    return gelu.gelu_tanh(x)


FUSED[gelu_tanh] = ("gelu", "tanh")
