"""Convolutional routing: a gated depthwise convolution of a few tokens' width."""

import keras

from keras_bigs.compat.torch_layers import Dense
from keras_bigs.layers.initializers import sublayer_arguments
from keras_bigs.layers.padding import zero_padding
from keras_bigs.layers.routing_layer import RoutingLayer


@keras.saving.register_keras_serializable("keras_bigs")
# Its former name, in models saved under it.
@keras.saving.register_keras_serializable("keras_bigs", "Convolution")
class GatedConvolution(RoutingLayer):
    """Gated linear unit, depthwise convolution, projection.

    The convolutional block that Tay et al. (2021) pretrained in attention's place,
    after Wu et al. (2019): `output = W_o DepthwiseConv(GLU(W_i X))`, about `3 dim^2`
    weights. It sees `kernel_size // 2` tokens to either side. What enters the
    convolution is zero at padding.

    Args:
        kernel_size: int. The width in tokens; odd, so that it is centred.
        **kwargs: those of `RoutingLayer`.

    Call arguments, result and errors are those of `RoutingLayer`.

    Raises:
        ValueError: a `kernel_size` that is not odd and positive.

    Example:
    ```python
    layer = keras_bigs.layers.GatedConvolution(kernel_size=7)
    y = layer(np.random.uniform(size=(2, 100, 32)))
    ```
    """

    def __init__(self, kernel_size=7, **kwargs):
        super().__init__(**kwargs)
        if kernel_size < 1 or kernel_size % 2 == 0:
            raise ValueError(
                "`kernel_size` must be an odd number of tokens. "
                f"Received: kernel_size={kernel_size}"
            )
        self.kernel_size = kernel_size

    def build(self, input_shape):
        super().build(input_shape)
        dim = input_shape[-1]
        self.input_dense = Dense(
            2 * dim, name="input_dense", **sublayer_arguments(self)
        )
        self.depthwise_conv = keras.layers.DepthwiseConv1D(
            self.kernel_size,
            padding="same",
            # (batch, length, dim) here, whatever images use.
            data_format="channels_last",
            dtype=self.dtype_policy,
            name="depthwise_conv",
        )
        self.output_dense = Dense(dim, name="output_dense", **sublayer_arguments(self))
        for layer in (self.input_dense, self.depthwise_conv, self.output_dense):
            layer.build(input_shape)

    def route(self, x, padding_mask):
        x = keras.activations.glu(self.input_dense(x))
        return self.output_dense(self.depthwise_conv(zero_padding(x, padding_mask)))

    def get_config(self):
        return {**super().get_config(), "kernel_size": self.kernel_size}
