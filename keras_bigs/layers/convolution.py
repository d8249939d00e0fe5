"""Convolutional routing: a gated depthwise convolution of a few tokens' width."""

import keras

from keras_bigs.layers.initializers import clone_initializer
from keras_bigs.layers.padding import resolve_mask
from keras_bigs.layers.padding import zero_padding


@keras.saving.register_keras_serializable("keras_bigs")
class Convolution(keras.layers.Layer):
    """Gated linear unit, depthwise convolution, projection.

    The convolutional block that Tay et al. (2021) pretrained in attention's place,
    after Wu et al. (2019): `output = W_o DepthwiseConv(GLU(W_i X))`, about `3 dim^2`
    weights. It sees `kernel_size // 2` tokens to either side.

    Args:
        kernel_size: int. The width in tokens; odd, so that it is centred.
        kernel_initializer: initializer of the dense kernels.
        bias_initializer: initializer of the dense biases.
        **kwargs: `name`, `dtype`, `trainable` of `keras.layers.Layer`.

    Call arguments:
        inputs: `(batch, length, dim)`.
        padding_mask: optional `(batch, length)`, true at real tokens; what enters the
            convolution is zero at padding. Defaults to the Keras mask of `inputs`.

    Returns:
        `(batch, length, dim)` in the layer's compute dtype.

    Raises:
        ValueError: a `kernel_size` that is not odd and positive.
    """

    def __init__(
        self,
        kernel_size=7,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        **kwargs,
    ):
        super().__init__(**kwargs)
        if kernel_size < 1 or kernel_size % 2 == 0:
            raise ValueError(
                "`kernel_size` must be an odd number of tokens. "
                f"Received: kernel_size={kernel_size}"
            )
        self.kernel_size = kernel_size
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.supports_masking = True

    def _dense(self, units, name):
        return keras.layers.Dense(
            units,
            kernel_initializer=clone_initializer(self.kernel_initializer),
            bias_initializer=clone_initializer(self.bias_initializer),
            dtype=self.dtype_policy,
            name=name,
        )

    def build(self, input_shape):
        dim = input_shape[-1]
        self.input_dense = self._dense(2 * dim, "input_dense")
        self.depthwise_conv = keras.layers.DepthwiseConv1D(
            self.kernel_size,
            padding="same",
            # (batch, length, dim) here, whatever images use.
            data_format="channels_last",
            dtype=self.dtype_policy,
            name="depthwise_conv",
        )
        self.output_dense = self._dense(dim, "output_dense")
        for layer in (self.input_dense, self.depthwise_conv, self.output_dense):
            layer.build(input_shape)

    def call(self, inputs, padding_mask=None, mask=None):
        padding_mask = resolve_mask(padding_mask, mask)
        x = keras.activations.glu(self.input_dense(inputs))
        x = self.depthwise_conv(zero_padding(x, padding_mask))
        return self.output_dense(x)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        config = super().get_config()
        config.update(
            {
                "kernel_size": self.kernel_size,
                "kernel_initializer": keras.initializers.serialize(
                    self.kernel_initializer
                ),
                "bias_initializer": keras.initializers.serialize(self.bias_initializer),
            }
        )
        return config
