"""Bidirectional state space routing: the heart of BiGS."""

import keras

from keras_bigs.compat.torch_layers import Dense
from keras_bigs.layers.activations import gelu_tanh
from keras_bigs.layers.convolutions import Convolutions
from keras_bigs.layers.initializers import sublayer_arguments
from keras_bigs.layers.padding import zero_padding
from keras_bigs.layers.routing_layer import RoutingLayer
from keras_bigs.layers.s4d_kernel import S4DKernel

COMBINATIONS = ("multiply", "sequential")


@keras.saving.register_keras_serializable("keras_bigs")
class BiSSM(RoutingLayer):
    """Routes a sequence through a forward and a backward SSM (paper, section 4).

    With `combine="multiply"`, the routing of BiGS:

        F = gelu(W_f X),                  B = gelu(W_b X)
        U_1 = W_u1 SSM_forward(F),        U_2 = W_u2 SSM_backward(B)
        output = U_1 * U_2

    The paper writes the backward half with `Flip`. Position-wise maps commute with it,
    so it amounts to an anti-causal convolution and nothing is ever flipped.

    With `combine="sequential"`, the routing of the paper's STACK/SSM, the backward SSM
    reads what the forward SSM wrote:

        Y = W_u1 SSM_forward(gelu(W_f X))
        output = W_u2 SSM_backward(gelu(W_b Y))

    Either has `4 dim^2` weights, as many as self-attention, plus two SSMs' few.

    Args:
        state_dim: int. The state size `N` of either SSM.
        num_kernels: int. SSMs a direction: 1 is BiGS; must divide `dim`.
        combine: `"multiply"` or `"sequential"`.
        activation: activation of `W_f` and `W_b`. Defaults to tanh-approximated GELU.
        discretization: `"zoh"` or `"bilinear"`.
        state_matrix: `"legs"`, `"lin"` or `"inv"`.
        min_step: float. Smallest initial step size, in tokens.
        max_step: float. Largest initial step size, in tokens.
        method: the algorithm, see `keras_bigs.ssm.convolve`.
        seed: int or `None`. Seed of the SSMs' initial parameters, which differ between
            the directions. (The dense layers' is that of their initializers.)
        max_length: int or `None`. The longest sequence that will come, see
            `keras_bigs.ssm.convolve`. A backbone gives its own.
        **kwargs: those of `RoutingLayer`.

    Call arguments, result and errors are those of `RoutingLayer`. The signal that
    enters the SSMs is zero at padding, so outputs at real tokens do not depend on it.

    Raises:
        ValueError: an unknown `combine`, or an argument that `S4DKernel` refuses.

    Example:
    ```python
    layer = keras_bigs.layers.BiSSM(state_dim=64)
    y = layer(np.random.uniform(size=(2, 100, 32)))
    ```
    """

    def __init__(
        self,
        state_dim=64,
        num_kernels=1,
        combine="multiply",
        activation=gelu_tanh,
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
        if combine not in COMBINATIONS:
            raise ValueError(
                f"Unknown `combine={combine!r}`. Choose one of {COMBINATIONS}."
            )
        self.state_dim = state_dim
        self.num_kernels = num_kernels
        self.combine = combine
        self.activation = keras.activations.get(activation)
        self.discretization = discretization
        self.state_matrix = state_matrix
        self.min_step = min_step
        self.max_step = max_step
        self.method = method
        self.seed = seed
        self.max_length = max_length
        self._convolutions = Convolutions()
        self.forward_ssm = self._ssm(reverse=False, name="forward_ssm")
        self.backward_ssm = self._ssm(reverse=True, name="backward_ssm")

    @classmethod
    def from_options(cls, options):
        return super().from_options(
            options,
            state_dim=options.state_dim,
            combine="sequential" if options.block == "stack" else "multiply",
            activation=options.activation,
            method=options.method,
            max_length=options.max_length,
        )

    def _ssm(self, reverse, name):
        return S4DKernel(
            state_dim=self.state_dim,
            num_kernels=self.num_kernels,
            reverse=reverse,
            discretization=self.discretization,
            state_matrix=self.state_matrix,
            min_step=self.min_step,
            max_step=self.max_step,
            method=self.method,
            # No two directions of any two seeds share a stream.
            seed=None if self.seed is None else 2 * self.seed + reverse,
            max_length=self.max_length,
            dtype=self.dtype_policy,
            name=name,
        )

    def _dense(self, dim, activation, name):
        return Dense(dim, activation=activation, name=name, **sublayer_arguments(self))

    def build(self, input_shape):
        super().build(input_shape)
        dim = input_shape[-1]
        self.forward_dense = self._dense(dim, self.activation, "forward_dense")
        self.backward_dense = self._dense(dim, self.activation, "backward_dense")
        self.forward_output_dense = self._dense(dim, None, "forward_output_dense")
        self.backward_output_dense = self._dense(dim, None, "backward_output_dense")
        for layer in (
            self.forward_dense,
            self.forward_ssm,
            self.forward_output_dense,
            self.backward_dense,
            self.backward_ssm,
            self.backward_output_dense,
        ):
            layer.build(input_shape)

    def route(self, x, padding_mask):
        # The kernels of both directions are computed in one go.
        convolve_forward, convolve_backward = self._convolutions(
            [self.forward_ssm.ssm_parameters, self.backward_ssm.ssm_parameters],
            x,
            discretization=self.discretization,
            method=self.method,
            max_length=self.max_length,
        )
        forward = zero_padding(self.forward_dense(x), padding_mask)
        forward = self.forward_output_dense(convolve_forward(forward))
        if self.combine == "sequential":
            x = forward
        backward = zero_padding(self.backward_dense(x), padding_mask)
        backward = convolve_backward(backward, reverse=True)
        backward = self.backward_output_dense(backward)
        return backward if self.combine == "sequential" else forward * backward

    def get_config(self):
        return {
            **super().get_config(),
            "state_dim": self.state_dim,
            "num_kernels": self.num_kernels,
            "combine": self.combine,
            "activation": keras.activations.serialize(self.activation),
            "discretization": self.discretization,
            "state_matrix": self.state_matrix,
            "min_step": self.min_step,
            "max_step": self.max_step,
            "method": self.method,
            "seed": self.seed,
            "max_length": self.max_length,
        }
