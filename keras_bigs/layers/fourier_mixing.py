"""FNet's routing: a Fourier transform without parameters."""

import keras
from keras import ops

from keras_bigs.layers.padding import zero_padding
from keras_bigs.layers.routing_layer import RoutingLayer


@keras.saving.register_keras_serializable("keras_bigs")
class FourierMixing(RoutingLayer):
    """Real part of the two-dimensional Fourier transform (Lee-Thorp et al. 2021).

    The transform runs over length and channels, in float32 at least. It has no weights,
    and it is the one routing here that **cannot promise invariance to padding**: the
    frequencies it mixes are those of the padded length, so a sentence's output depends
    on how far it was padded. Inputs at padding count as zero.

    Args:
        **kwargs: those of `RoutingLayer`; initializers have nothing to initialize.

    Call arguments, result and errors are those of `RoutingLayer`.

    Example:
    ```python
    layer = keras_bigs.layers.FourierMixing()
    y = layer(np.random.uniform(size=(2, 100, 32)))
    ```
    """

    depends_on_padding = True

    def route(self, x, padding_mask):
        dtype = x.dtype
        wide = keras.backend.result_type(dtype, "float32")
        x = ops.cast(zero_padding(x, padding_mask), wide)
        real, _ = ops.fft2((x, ops.zeros_like(x)))
        return ops.cast(real, dtype)
