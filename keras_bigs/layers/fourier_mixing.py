"""FNet's routing: a Fourier transform without parameters."""

import keras
from keras import ops

from keras_bigs.layers.padding import resolve_mask
from keras_bigs.layers.padding import zero_padding


@keras.saving.register_keras_serializable("keras_bigs")
class FourierMixing(keras.layers.Layer):
    """Real part of the two-dimensional Fourier transform (Lee-Thorp et al. 2021).

    The transform runs over length and channels. It has no weights, and it is the one
    routing here that **cannot promise invariance to padding**: the frequencies it
    mixes are those of the padded length, so a sentence's output depends on how far it
    was padded. Padding itself is zeroed.

    Args:
        **kwargs: `name`, `dtype` of `keras.layers.Layer`.

    Call arguments:
        inputs: `(batch, length, dim)`.
        padding_mask: optional `(batch, length)`, true at real tokens; inputs at padding
            count as zero. Defaults to the Keras mask of `inputs`, if any.

    Returns:
        `(batch, length, dim)` in the layer's compute dtype; the transform itself is
        computed in float32.
    """

    def call(self, inputs, padding_mask=None, mask=None):
        x = zero_padding(inputs, resolve_mask(padding_mask, mask))
        x = ops.cast(x, "float32")
        real, _ = ops.fft2((x, ops.zeros_like(x)))
        return ops.cast(real, inputs.dtype)

    def compute_mask(self, inputs, previous_mask):
        return previous_mask

    def compute_output_shape(self, input_shape):
        return input_shape

    # Keras writes a config by itself only while `dtype` is given as a string.
    def get_config(self):
        return super().get_config()
