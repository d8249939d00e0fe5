"""The base class of routing layers."""

import keras
from keras import ops

from keras_bigs.compat.direct_call import DirectCall
from keras_bigs.layers.padding import resolve_mask


class RoutingLayer(DirectCall):
    """A layer that lets the tokens of a sequence see each other.

    A subclass writes `route(x, padding_mask)`, which returns a tensor of the shape of
    `x`. One with weights of its own also writes `build(input_shape)`, beginning with
    `super().build(input_shape)`, and one with further arguments `get_config` and
    `from_options`. One whose output at real tokens depends on how far they are padded,
    whatever the mask, says so by `depends_on_padding = True`: texts are then padded
    alike in training and prediction.

    Args:
        kernel_initializer: initializer of the dense kernels.
        bias_initializer: initializer of the dense biases.
        **kwargs: `name`, `dtype`, `trainable` of `keras.layers.Layer`.

    Call arguments:
        inputs: `(batch, length, dim)`.
        padding_mask: optional `(batch, length)`, true at real tokens. Defaults to the
            Keras mask of `inputs`, if any.

    Returns:
        `(batch, length, dim)` in the layer's compute dtype.

    Raises:
        ValueError: inputs of another rank, or a `padding_mask` of another shape.

    Example:
    ```python
    class Previous(keras_bigs.layers.RoutingLayer):
        def route(self, x, padding_mask):
            return keras.ops.pad(x[:, :-1], [[0, 0], [1, 0], [0, 0]])

    block = keras_bigs.layers.GatedBiGSBlock(intermediate_dim=96, routing=Previous())
    y = block(np.random.uniform(size=(2, 100, 32)))
    ```
    """

    depends_on_padding = False

    def __init__(
        self, kernel_initializer="glorot_uniform", bias_initializer="zeros", **kwargs
    ):
        super().__init__(**kwargs)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.supports_masking = True

    @classmethod
    def from_options(cls, options, **kwargs):
        """The layer that a block or backbone asks for by name.

        Args:
            options: `RoutingOptions`.
            **kwargs: further arguments of the class.

        Returns:
            A new layer.
        """
        return cls(
            kernel_initializer=options.kernel_initializer,
            bias_initializer=options.bias_initializer,
            dtype=options.dtype,
            name="routing",
            **kwargs,
        )

    def build(self, input_shape):
        if len(input_shape) != 3:
            raise ValueError(
                f"{type(self).__name__} takes `(batch, length, dim)`. Give the input "
                "three axes, with `keras.ops.expand_dims` or `keras.ops.reshape`. "
                f"Received: input_shape={tuple(input_shape)}"
            )
        # What Keras checks at every later call.
        self.input_spec = keras.layers.InputSpec(ndim=3)

    def call(self, inputs, padding_mask=None, mask=None):
        # Keras casts floating-point inputs only.
        inputs = ops.cast(inputs, self.compute_dtype)
        return self.route(inputs, resolve_mask(padding_mask, mask, inputs))

    def route(self, x, padding_mask):
        """The routing itself.

        Args:
            x: `(batch, length, dim)` in the layer's compute dtype.
            padding_mask: `(batch, length)`, bool or number, true at real tokens; or
                `None`.

        Returns:
            `(batch, length, dim)`.
        """
        raise NotImplementedError

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {
            **super().get_config(),
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
        }
