"""The S4D convolution as a Keras layer."""

import keras
import numpy as np
from keras import ops

from keras_bigs import ssm
from keras_bigs.layers.convolutions import Convolutions
from keras_bigs.layers.padding import resolve_mask
from keras_bigs.layers.padding import zero_padding


@keras.saving.register_keras_serializable("keras_bigs")
class S4DKernel(keras.layers.Layer):
    """A long convolution whose kernel is a diagonal state space model (S4D).

    Every channel of a `(batch, length, dim)` input is convolved along the length
    with the kernel `k_l = Re sum_n C_n B_n exp(l dt A_n)` of an SSM of `N` states
    (paper, section 3.1), plus the skip term `D u`. `num_kernels` decides how many
    SSMs there are: one shared by all channels as in BiGS (paper, section 4), one a
    group of channels, or one a channel as in S4. There is no maximum length.

    The SSM's parameters, taps and states are float32 whatever the dtype policy (float64
    under a float64 policy): 4,096 powers of a rounded number are not a kernel.

    Args:
        state_dim: int. The state size `N`.
        num_kernels: int. The number of SSMs; must divide `dim`.
        reverse: bool. `False` convolves causally, `True` anti-causally.
        discretization: `"zoh"` or `"bilinear"`.
        state_matrix: `"legs"`, `"lin"` or `"inv"`: the initial `A`
            (see `keras_bigs.ssm.initial_parameters`).
        min_step: float. Smallest initial step size, in tokens.
        max_step: float. Largest initial step size, in tokens.
        method: the algorithm, see `keras_bigs.ssm.convolve`.
        seed: int or `None`. Seed of the initial parameters.
        max_length: int or `None`. The longest sequence that will come, see
            `keras_bigs.ssm.convolve`.
        **kwargs: `name`, `dtype`, `trainable` of `keras.layers.Layer`.

    Call arguments:
        inputs: `(batch, length, dim)`.
        padding_mask: optional `(batch, length)`, true at real tokens. Inputs at
            padding count as zero. Defaults to the Keras mask of `inputs`, if any.

    Returns:
        `(batch, length, dim)` in the layer's compute dtype.

    Raises:
        ValueError: an unknown name, a bad size or step range, inputs that are not
            `(batch, length, dim)`, a `padding_mask` of another shape, or a
            `num_kernels` that does not divide `dim`.

    Example:
    ```python
    layer = keras_bigs.layers.S4DKernel(state_dim=64)
    y = layer(np.random.uniform(size=(2, 1000, 32)))
    taps = layer.kernel(1000)  # (1, 1000)
    ```
    """

    def __init__(
        self,
        state_dim=64,
        num_kernels=1,
        reverse=False,
        discretization="zoh",
        state_matrix="legs",
        min_step=0.01,
        max_step=1.0,
        method="auto",
        seed=None,
        max_length=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        ssm.check_initial(state_dim, num_kernels, state_matrix, min_step, max_step)
        ssm.check_method(method)
        ssm.check_discretization(discretization)
        self.state_dim = state_dim
        self.num_kernels = num_kernels
        self.reverse = reverse
        self.discretization = discretization
        self.state_matrix = state_matrix
        self.min_step = min_step
        self.max_step = max_step
        self.method = method
        self.seed = seed
        self.max_length = max_length
        self._convolutions = Convolutions()
        self.supports_masking = True

    def build(self, input_shape):
        if len(input_shape) != 3:
            raise ValueError(
                f"`{self.name}` runs along axis 1 of `(batch, length, dim)`. Reshape "
                f"the input to that. Received: input_shape={input_shape}"
            )
        if input_shape[-1] is None:
            raise ValueError(
                "The last dimension of the input must be known. Received: "
                f"input_shape={input_shape}"
            )
        if input_shape[-1] % self.num_kernels:
            raise ValueError(
                "`num_kernels` must divide the last dimension of the input. "
                f"Received: num_kernels={self.num_kernels}, input_shape={input_shape}"
            )
        # From NumPy's global state, which `keras.utils.set_random_seed` sets.
        seed = np.random.randint(2**31) if self.seed is None else self.seed
        initial = ssm.initial_parameters(
            self.state_dim,
            self.num_kernels,
            self.state_matrix,
            self.min_step,
            self.max_step,
            seed,
        )
        dtype = "float64" if self.variable_dtype == "float64" else "float32"
        self._ssm_weights = ssm.SSMParameters(
            *(
                self.add_weight(
                    name=name,
                    shape=value.shape,
                    dtype=dtype,
                    initializer=lambda shape, dtype, value=value: ops.convert_to_tensor(
                        value, dtype
                    ),
                    autocast=False,
                )
                for name, value in initial._asdict().items()
            )
        )

    @property
    def ssm_parameters(self):
        """The weights as `SSMParameters` of tensors, float32 at least."""
        return ssm.SSMParameters(*(ops.convert_to_tensor(w) for w in self._ssm_weights))

    def call(self, inputs, padding_mask=None, mask=None):
        # Keras casts floating-point inputs only.
        inputs = ops.cast(inputs, self.compute_dtype)
        inputs = zero_padding(inputs, resolve_mask(padding_mask, mask, inputs))
        (convolve,) = self._convolutions(
            [self.ssm_parameters],
            inputs,
            discretization=self.discretization,
            method=self.method,
            max_length=self.max_length,
        )
        return convolve(inputs, reverse=self.reverse)

    def kernel(self, length):
        """The taps of the built layer.

        Args:
            length: int. How many.

        Returns:
            `(num_kernels, length)`, float32 (float64 under a float64 policy); tap `l`
            weighs the input `l` tokens back (ahead, for `reverse=True`), and tap 0
            includes `D`.

        Raises:
            ValueError: the layer is not built.
        """
        if not self.built:
            raise ValueError(
                f"`{self.name}` has no kernel before it is built: call it on an input, "
                "or `build((None, None, dim))`."
            )
        return ssm.kernel(
            ssm.discretize(self.ssm_parameters, self.discretization), length
        )

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        config = super().get_config()
        config.update(
            {
                "state_dim": self.state_dim,
                "num_kernels": self.num_kernels,
                "reverse": self.reverse,
                "discretization": self.discretization,
                "state_matrix": self.state_matrix,
                "min_step": self.min_step,
                "max_step": self.max_step,
                "method": self.method,
                "seed": self.seed,
                "max_length": self.max_length,
            }
        )
        return config
