"""Routing layers and blocks: keras-hub's harness, padding, equivalences, errors."""

import re

import keras
import numpy as np
import pytest
from absl.testing import parameterized
from keras import ops

from keras_bigs import layers
from keras_bigs.layers.self_attention import resolve_num_heads
from tests.conformance import TestCase
from tests.weights import randomize

# Layer, arguments and the number of weights it makes at 8 channels.
LAYERS = [
    ("s4d_kernel", layers.S4DKernel, {"state_dim": 4, "num_kernels": 2}, 5),
    ("bi_ssm", layers.BiSSM, {"state_dim": 4}, 18),
    ("sequential", layers.BiSSM, {"state_dim": 4, "combine": "sequential"}, 18),
    ("attention", layers.SelfAttention, {"num_heads": 2}, 8),
    (
        "window",
        layers.SlidingWindowAttention,
        {"window": 2, "num_global_tokens": 1, "num_heads": 2},
        8,
    ),
    ("fourier", layers.FourierMixing, {}, 0),
    ("convolution", layers.GatedConvolution, {"kernel_size": 3}, 6),
    ("lstm", layers.BiLSTM, {}, 6),
    (
        "gated",
        layers.GatedBiGSBlock,
        {"intermediate_dim": 24, "routing": "ssm", "dropout": 0.1},
        26,
    ),
    (
        "stack",
        layers.StackBlock,
        {"intermediate_dim": 32, "routing": "attention", "dropout": 0.1},
        16,
    ),
]
# Everything but Fourier promises that padding changes nothing.
INVARIANT = [case for case in LAYERS if case[0] != "fourier"]


def padded(x, extra, where):
    """`x` with `extra` rows of rubbish after or before it, and the padding mask."""
    rubbish = np.random.default_rng(1).normal(size=(len(x), extra, x.shape[-1]))
    mask = np.ones(x.shape[:2], "int32"), np.zeros((len(x), extra), "int32")
    parts = [x, 10 * rubbish.astype("float32")]
    if where == "before":
        parts, mask = parts[::-1], mask[::-1]
    return np.concatenate(parts, 1), np.concatenate(mask, 1)


class RoutingTest(TestCase):
    def setUp(self):
        super().setUp()
        self.x = np.random.default_rng(0).normal(size=(2, 6, 8)).astype("float32")

    @parameterized.named_parameters(*LAYERS)
    def test_layer_basics(self, cls, kwargs, num_weights):
        self.run_layer_test(
            cls=cls,
            init_kwargs=kwargs,
            input_data=ops.convert_to_tensor(self.x),
            expected_output_shape=self.x.shape,
            expected_num_trainable_weights=num_weights,
            # Generators of dropout: Keras' LSTM has one in any case.
            expected_num_non_trainable_variables={
                layers.BiLSTM: 2,
                layers.GatedBiGSBlock: 1,
                layers.StackBlock: 2,
            }.get(cls, 0),
        )

    @parameterized.named_parameters(*LAYERS)
    def test_any_length(self, cls, kwargs, _):
        layer = cls(**kwargs)
        for length in (1, 300):
            x = np.random.default_rng(0).normal(size=(1, length, 8)).astype("float32")
            y = ops.convert_to_numpy(layer(x))
            self.assertEqual(y.shape, x.shape)
            self.assertTrue(np.isfinite(y).all())

    @parameterized.named_parameters(*LAYERS)
    def test_integers_are_cast(self, cls, kwargs, _):
        """Keras does not cast them."""
        x = np.random.default_rng(0).integers(-5, 5, self.x.shape)
        layer = cls(**kwargs)
        expected = layer(x.astype("float32"))
        randomize(layer)
        expected, actual = layer(x.astype("float32")), layer(x)
        self.assertEqual(keras.backend.standardize_dtype(actual.dtype), "float32")
        self.assertAllEqual(actual, expected)

    @parameterized.named_parameters(*LAYERS)
    def test_the_shape_of_a_mask_is_checked(self, cls, kwargs, _):
        layer = cls(**kwargs)
        for shape in ((2, 1), (2, 5), (2, 6, 1), (1, 6)):
            with self.assertRaisesRegex(ValueError, "`padding_mask` must have the"):
                layer(self.x, padding_mask=np.ones(shape, "int32"))

    @parameterized.named_parameters(*LAYERS[1:])  # routing layers and blocks
    def test_rank_is_checked(self, cls, kwargs, _):
        for shape in ((5, 8), (2, 3, 5, 8)):
            with self.assertRaisesRegex(ValueError, f"{shape[0]}, {shape[1]}"):
                cls(**kwargs).build(shape)
        layer = cls(**kwargs)
        layer.build((None, None, 8))
        with self.assertRaisesRegex(ValueError, "2, 3, 5, 8"):
            layer(np.zeros((2, 3, 5, 8), "float32"))

    @parameterized.named_parameters(*INVARIANT)
    def test_padding_changes_nothing(self, cls, kwargs, _):
        layer = cls(**kwargs)
        layer(self.x)
        randomize(layer)
        expected = layer(self.x)
        cases = [("after", slice(0, 6)), ("before", slice(5, None))]
        if kwargs.get("num_global_tokens"):  # the first tokens, padding or not
            cases.pop()
        for where, real in cases:
            x, mask = padded(self.x, 5, where)
            actual = ops.convert_to_numpy(layer(x, padding_mask=mask))[:, real]
            self.assertAllClose(actual, expected, atol=2e-5, rtol=2e-5)

    @parameterized.named_parameters(*INVARIANT)
    def test_keras_mask_is_the_padding_mask(self, cls, kwargs, _):
        """A mask attached to the input does what `padding_mask` does, and passes on."""
        layer = cls(**kwargs)
        layer(self.x)
        randomize(layer)
        x, mask = padded(self.x, 5, "after")
        expected = layer(x, padding_mask=mask)
        x[:, 6:] = 0
        masked = keras.layers.Masking()(x)
        actual = layer(masked)
        self.assertAllClose(
            ops.convert_to_numpy(actual)[:, :6],
            ops.convert_to_numpy(expected)[:, :6],
            atol=1e-5,
            rtol=1e-5,
        )
        self.assertAllEqual(ops.cast(actual._keras_mask, "int32"), mask)

    @parameterized.named_parameters(*INVARIANT)
    def test_an_explicit_mask_wins(self, cls, kwargs, _):
        layer = cls(**kwargs)
        layer(self.x)
        randomize(layer)
        x, _ = padded(self.x, 5, "after")
        x[:, 6:] = 0
        everything = np.ones(x.shape[:2], "int32")
        expected = layer(x, padding_mask=everything)
        actual = layer(keras.layers.Masking()(x), padding_mask=everything)
        self.assertAllClose(actual, expected, atol=1e-5, rtol=1e-5)

    @parameterized.named_parameters(
        ("gated", layers.GatedBiGSBlock), ("stack", layers.StackBlock)
    )
    def test_blocks_may_ignore_masks(self, cls):
        for routing in ("ssm", "attention"):
            block = cls(16, routing=routing, mask_padding=False)
            block(self.x)
            randomize(block)
            x, _ = padded(self.x, 5, "after")
            x[:, 6:] = 0
            actual = block(keras.layers.Masking()(x))
            self.assertAllClose(actual, block(x), atol=1e-5, rtol=1e-5)

    def test_initializers_may_be_functions(self):
        def ones(shape, dtype=None):
            return ops.ones(shape, dtype)

        for cls, kwargs in (
            (layers.BiSSM, {"state_dim": 4}),
            (layers.SlidingWindowAttention, {"window": 4}),
            (layers.GatedConvolution, {}),
            (layers.GatedBiGSBlock, {"intermediate_dim": 8}),
        ):
            layer = cls(**kwargs, kernel_initializer=ones)
            layer(self.x)

    def test_blocks_hand_initializers_to_their_routing(self):
        for routing in layers.routing_names():
            block = layers.StackBlock(
                8,
                routing=routing,
                kernel_initializer="zeros",
                bias_initializer=keras.initializers.Constant(0.25),
            )
            block(self.x)
            for weight in block.routing.weights:
                # All but the convolution's own taps, one row of them a channel.
                if weight.name == "kernel" and weight.shape[-1] != 1:
                    self.assertAllEqual(weight, np.zeros(weight.shape))
                if weight.name == "bias" and routing in ("ssm", "attention"):
                    self.assertAllEqual(weight, np.full(weight.shape, 0.25))

    @parameterized.named_parameters(*LAYERS)
    def test_dtype_policies(self, cls, kwargs, _):
        dtypes = ["float32", "bfloat16", "mixed_bfloat16"]
        if keras.backend.backend() != "jax":  # which has float64 only if switched on
            dtypes.append("float64")
        for dtype in dtypes:
            layer = cls(**kwargs, dtype=dtype)
            y = layer(self.x)
            self.assertDTypeEqual(y, keras.DTypePolicy(dtype).compute_dtype)
            for sublayer in layer._flatten_layers():
                if isinstance(sublayer, layers.S4DKernel):
                    expected = "float64" if dtype == "float64" else "float32"
                    self.assertDTypeEqual(sublayer.kernel(9), expected)

    def test_window_is_attention_under_a_band(self):
        """Against `keras.layers.MultiHeadAttention` with the band as its mask."""
        x = np.random.default_rng(2).normal(size=(2, 37, 8)).astype("float32")
        mask = np.ones((2, 37), "int32")
        mask[1, 30:] = 0
        for window, num_global in ((1, 0), (4, 0), (5, 3), (50, 2)):
            layer = layers.SlidingWindowAttention(window, num_global, num_heads=2)
            full = keras.layers.MultiHeadAttention(2, 4)
            layer(x), full(x, x)
            randomize(layer)
            for weight in layer.weights:
                if weight.name in ("kernel", "bias"):
                    name = weight.path.split("/")[-2:]
                    (twin,) = [
                        v for v in full.weights if v.path.split("/")[-2:] == name
                    ]
                    twin.assign(weight)
            i, j = np.mgrid[:37, :37]
            band = (abs(i - j) <= window) | (i < num_global) | (j < num_global)
            expected = full(x, x, attention_mask=band[None] & (mask[:, None] > 0))
            actual = layer(x, padding_mask=mask)
            self.assertAllClose(actual[0], expected[0], atol=1e-5, rtol=1e-5)
            self.assertAllClose(actual[1, :30], expected[1, :30], atol=1e-5, rtol=1e-5)

    def test_stack_with_attention_is_a_transformer_layer(self):
        """Against keras-hub's `TransformerEncoder`, the layer of its BERT."""
        import keras_hub

        block = layers.StackBlock(32, routing=layers.SelfAttention(2))
        twin = keras_hub.layers.TransformerEncoder(
            32, 2, activation=layers.gelu_tanh, layer_norm_epsilon=1e-12
        )
        mask = np.array([[1] * 6, [1] * 4 + [0] * 2])
        block(self.x), twin(self.x)
        randomize(block)
        pairs = {
            "query": "query",
            "key": "key",
            "value": "value",
            "attention_output": "attention_output",
            "routing_layer_norm": "self_attention_layer_norm",
            "intermediate_dense": "feedforward_intermediate_dense",
            "output_dense": "feedforward_output_dense",
            "output_layer_norm": "feedforward_layer_norm",
        }
        twins = {tuple(v.path.split("/")[-2:]): v for v in twin.trainable_weights}
        for weight in block.trainable_weights:
            layer, name = weight.path.split("/")[-2:]
            twins[pairs[layer], name].assign(weight)
        self.assertAllClose(
            block(self.x, padding_mask=mask),
            twin(self.x, padding_mask=mask),
            atol=1e-5,
            rtol=1e-5,
        )

    def test_gated_block_by_hand(self):
        """The equations of the paper's section 4 in float64, its Flips in place."""
        block = layers.GatedBiGSBlock(24, routing=layers.BiSSM(4))
        block(self.x)
        randomize(block)
        w = {"/".join(v.path.split("/")[-2:]): np.array(v) for v in block.weights}
        ssm = block.routing

        def gelu(x):
            return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))

        def dense(x, name):
            return x @ w[f"{name}/kernel"].astype("float64") + w[f"{name}/bias"]

        def conv(x, layer):
            taps = ops.convert_to_numpy(layer.kernel(6))[0].astype("float64")
            return np.stack(
                [sum(taps[m] * x[:, i - m] for m in range(i + 1)) for i in range(6)], 1
            )

        x = self.x.astype("float64")
        h = (x - x.mean(-1, keepdims=True)) / x.std(-1, keepdims=True)
        h = h * w["layer_norm/gamma"] + w["layer_norm/beta"]
        v = gelu(dense(h, "value_dense"))
        f = gelu(dense(h, "forward_dense"))
        b = gelu(dense(h[:, ::-1], "backward_dense"))
        u1 = dense(conv(f, ssm.forward_ssm), "forward_output_dense")
        u2 = dense(conv(b, ssm.backward_ssm), "backward_output_dense")
        u = gelu(dense(u1 * u2[:, ::-1], "gate_dense"))
        expected = x + dense(u * v, "output_dense")
        self.assertAllClose(block(self.x), expected, atol=2e-5, rtol=2e-5)

    def test_sequential_reads_what_forward_wrote(self):
        layer = layers.BiSSM(4, combine="sequential")
        layer(self.x)
        forward = layer.forward_output_dense(
            layer.forward_ssm(layer.forward_dense(self.x))
        )
        backward = layer.backward_ssm(layer.backward_dense(forward))
        self.assertAllClose(layer(self.x), layer.backward_output_dense(backward))

    def test_fourier_is_fft2(self):
        expected = np.fft.fft2(self.x).real
        self.assertAllClose(
            layers.FourierMixing()(self.x), expected, atol=1e-4, rtol=1e-4
        )

    def test_mean_pooling(self):
        mask = np.array([[1, 1, 0, 0, 1, 0], [0] * 6])
        pooled = layers.MeanPooling()(self.x, padding_mask=mask)
        self.assertAllClose(pooled[0], self.x[0, [0, 1, 4]].mean(0))
        self.assertAllClose(pooled[1], np.zeros(8))
        self.assertAllClose(layers.MeanPooling()(self.x), self.x.mean(1))

    def test_long_kernels_of_an_s4d_layer(self):
        """`kernel` gives the response to an impulse, forwards and backwards."""
        for reverse in (False, True):
            layer = layers.S4DKernel(8, num_kernels=2, reverse=reverse)
            impulse = np.zeros((1, 50, 2), "float32")
            impulse[0, -1 if reverse else 0] = 1
            response = ops.convert_to_numpy(layer(impulse))[0].T
            response = response[:, ::-1] if reverse else response
            self.assertAllClose(response, layer.kernel(50), atol=1e-6, rtol=1e-5)


def test_seed_decides_the_initial_parameters():
    def parameters(seed):
        layer = layers.S4DKernel(4, seed=seed)
        layer.build((None, None, 2))
        return ops.convert_to_numpy(layer.ssm_parameters.C)

    assert (parameters(1) == parameters(1)).all()
    assert (parameters(1) != parameters(2)).any()
    keras.utils.set_random_seed(3)
    first = parameters(None), parameters(None)
    keras.utils.set_random_seed(3)
    assert (first[0] == parameters(None)).all()
    assert (first[1] != first[0]).any()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.StackBlock(8, routing="psychic"), "Unknown `routing='psychic'"),
        (
            lambda: layers.StackBlock(8, routing=keras.layers.Dense(8)),
            "must take `padding_mask`",
        ),
        (lambda: layers.SelfAttention().build((5, 8)), "takes `(batch, length, dim)`"),
        (lambda: layers.GatedBiGSBlock(0), "`intermediate_dim` must be at least 1"),
        (lambda: layers.BiSSM(combine="add"), "Unknown `combine='add'"),
        (lambda: layers.BiSSM(method="magic"), "Unknown `method='magic'"),
        (lambda: layers.S4DKernel(discretization="euler"), "Unknown `discretization"),
        (lambda: layers.S4DKernel(num_kernels=3).build((1, 2, 8)), "must divide"),
        (lambda: layers.S4DKernel(state_matrix="x").build((1, 2, 8)), "`state_matrix="),
        (lambda: layers.SelfAttention(3).build((1, 2, 8)), "`num_heads` must divide"),
        (lambda: layers.SlidingWindowAttention(0), "`window` must be at least 1"),
        (lambda: layers.GatedConvolution(4), "`kernel_size` must be an odd"),
        (lambda: layers.BiLSTM().build((1, 2, 7)), "must be even"),
    ],
)
def test_errors_name_the_argument(make, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        make()


@pytest.mark.without_backend
@pytest.mark.parametrize(
    ("dim", "heads"), [(8, 1), (64, 1), (96, 2), (128, 2), (160, 4), (1024, 16)]
)
def test_heads_have_at_most_64_channels(dim, heads):
    assert resolve_num_heads(None, dim) == heads
