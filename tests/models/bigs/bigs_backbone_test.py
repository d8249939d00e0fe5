"""The backbone: keras-hub's harness, padding, sizes, scaling, errors."""

import os
import subprocess
import sys
from unittest import mock

import keras
import numpy as np
import pytest
from absl.testing import parameterized
from keras import ops

from keras_bigs import layers
from keras_bigs import models
from keras_bigs.models.bigs.bigs_backbone import bigs_kernel_initializer
from keras_bigs.ssm import chunked
from tests.backend import differentiate
from tests.conformance import TestCase
from tests.weights import randomize

ROUTINGS = ["ssm", "attention", "sliding_window", "fourier", "convolution", "lstm"]
PAIRS = [(f"{b}_{r}", b, r) for b in ("gated", "stack") for r in ROUTINGS]
# Every routing and both blocks; more pairs would show nothing new.
HARNESS = [pair for pair in PAIRS if pair[1] == "gated" or pair[2] == "attention"]


def small(**kwargs):
    """A backbone of toy size."""
    defaults = {
        "vocabulary_size": 20,
        "num_layers": 2,
        "hidden_dim": 8,
        "intermediate_dim": 24,
        "state_dim": 4,
        "max_sequence_length": 16,
    }
    return models.BiGSBackbone(**{**defaults, **kwargs})


def inputs(length=6, padding=0):
    """Two rows of tokens, the second two shorter, with further padding."""
    rng = np.random.default_rng(0)
    token_ids = rng.integers(5, 20, (2, length))
    segment_ids = (np.arange(length) > length // 2) + np.zeros((2, 1), int)
    padding_mask = np.ones((2, length), int)
    padding_mask[1, -2:] = 0
    batch = {
        "token_ids": token_ids * padding_mask,
        "segment_ids": segment_ids * padding_mask,
        "padding_mask": padding_mask,
    }
    return {
        k: np.pad(v, [(0, 0), (0, padding)]).astype("int32") for k, v in batch.items()
    }


class BiGSBackboneTest(TestCase):
    @parameterized.named_parameters(*HARNESS)
    def test_backbone_basics(self, block, routing):
        # The whole harness for BiGS and BERT.
        whole = (block, routing) in (("gated", "ssm"), ("stack", "attention"))
        self.run_backbone_test(
            cls=models.BiGSBackbone,
            init_kwargs={
                "vocabulary_size": 20,
                "num_layers": 2,
                "hidden_dim": 8,
                "intermediate_dim": 24,
                "state_dim": 4,
                "block": block,
                "routing": routing,
                "max_sequence_length": 16,
            },
            input_data=inputs(),
            expected_output_shape={
                "sequence_output": (2, 6, 8),
                "pooled_output": (2, 8),
            },
            run_mixed_precision_check=whole,
            run_quantization_check=whole,
            # Each length is compiled anew.
            variable_length_data=[inputs(length=3)],
        )

    @parameterized.named_parameters(*PAIRS)
    def test_padding_changes_nothing(self, block, routing):
        model = randomize(small(block=block, routing=routing))
        short, long = model(inputs()), model(inputs(padding=7))
        differences = [
            np.abs(ops.convert_to_numpy(a) - ops.convert_to_numpy(b)).max()
            for a, b in (
                (short["sequence_output"][0], long["sequence_output"][0, :6]),
                (short["sequence_output"][1, :4], long["sequence_output"][1, :4]),
                (short["pooled_output"], long["pooled_output"]),
            )
        ]
        if routing == "fourier":  # which cannot promise it, and says so
            self.assertGreater(max(differences), 1e-2)
        else:
            self.assertLess(max(differences), 2e-5)

    def test_original_padding_differs(self):
        """`mask_padding=False`: the backward SSM starts in the padding."""
        model = randomize(small(mask_padding=False))
        short, long = model(inputs()), model(inputs(padding=7))
        difference = short["sequence_output"][0] - long["sequence_output"][0, :6]
        self.assertGreater(np.abs(ops.convert_to_numpy(difference)).max(), 1e-3)

    @parameterized.named_parameters(*PAIRS)
    def test_every_weight_is_used(self, block, routing):
        """Every weight has a gradient."""
        model = randomize(small(block=block, routing=routing, num_layers=1))
        batch, state = inputs(), model.non_trainable_variables

        def outputs(*weights):
            y, _ = model.stateless_call(weights, [v.value for v in state], batch)
            return ops.concatenate([ops.reshape(v, (-1,)) for v in y.values()])

        weights = model.trainable_variables
        cotangent = np.random.default_rng(1).normal(size=2 * 6 * 8 + 2 * 8)
        _, gradients = differentiate(outputs)(
            cotangent.astype("float32"), *(w.value for w in weights)
        )
        for weight, gradient in zip(weights, gradients, strict=True):
            if not weight.path.endswith("key/bias"):  # softmax does not see it
                self.assertGreater(np.abs(gradient).max(), 1e-6, weight.path)

    def test_methods_agree(self):
        """In chunks of four tokens, of which the text has several."""
        model = randomize(small(method="recurrent"))
        weights, expected = model.get_weights(), model(inputs())["sequence_output"]
        with mock.patch.dict(chunked.CHUNK, {"cpu": 4, "accelerator": 4}):
            for method in ("toeplitz", "fft", "chunked", "auto"):
                model = small(method=method)
                model.set_weights(weights)
                actual = model(inputs())["sequence_output"]
                self.assertAllClose(actual, expected, atol=1e-5, rtol=1e-5)
        for routing in ("ssm", "attention"):
            with self.assertRaisesRegex(ValueError, "Unknown `method='magic'`"):
                small(routing=routing, method="magic")

    def test_a_seed_of_a_routing_layer_is_that_of_the_first_block(self):
        model = small(routing=layers.BiSSM(4, seed=1), num_layers=2)
        first, second = (b.routing.forward_ssm.ssm_parameters.C for b in model.blocks)
        alone = layers.BiSSM(4, seed=1)
        alone.build((None, None, 8))
        self.assertAllClose(first, alone.forward_ssm.ssm_parameters.C)
        self.assertNotAllClose(first, second)

    def test_lora_trains_something_in_every_pair(self):
        for _, block, routing in PAIRS:
            model = small(block=block, routing=routing, num_layers=1)
            model.enable_lora(2)
            names = {w.name for w in model.trainable_weights}
            self.assertContainsSubset({"lora_kernel_a", "lora_kernel_b"}, names)

    def test_int8(self):
        model = randomize(small())
        expected = model(inputs())["sequence_output"]
        model.quantize("int8")
        actual = model(inputs())["sequence_output"]
        scale = np.abs(ops.convert_to_numpy(expected)).max()
        error = np.abs(ops.convert_to_numpy(actual) - ops.convert_to_numpy(expected))
        self.assertLess(error.max(), 0.1 * scale)
        self.assertGreater(error.max(), 0)

    def test_rematerialisation_changes_no_number(self):
        """Outputs, gradients and dropout masks are those without it."""
        histories = []
        for rematerialize in (False, True):
            keras.utils.set_random_seed(1)
            backbone = small(num_layers=1, dropout=0.3, rematerialize=rematerialize)
            randomize(backbone)
            model = models.BiGSTextClassifier(backbone, 2, compile=False)
            model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(True))
            keras.utils.set_random_seed(2)
            history = model.fit(inputs(), np.array([0, 1]), epochs=3, verbose=0)
            histories.append(history.history["loss"])
        self.assertAllClose(histories[0], histories[1], atol=1e-5, rtol=1e-5)

    def test_routing_layer_of_ones_own(self):
        """An instance is copied for each block and comes back from the config."""
        model = small(routing=layers.SlidingWindowAttention(window=2, num_heads=2))
        self.assertIsNot(model.blocks[0].routing, model.blocks[1].routing)
        self.assertEqual(model.blocks[1].routing.window, 2)
        self.run_serialization_test(model)
        half = models.BiGSBackbone.from_config(
            {**model.get_config(), "dtype": "bfloat16"}
        )
        self.assertEqual({w.dtype for w in half.weights}, {"bfloat16"})
        copy = models.BiGSBackbone.from_config(model.get_config())
        copy.set_weights(model.get_weights())
        self.assertAllClose(
            copy(inputs())["pooled_output"], model(inputs())["pooled_output"]
        )

    def test_a_built_routing_layer_stays_its_owners(self):
        """It is a pattern: its weights are neither the backbone's nor touched."""
        routing = layers.BiSSM(state_dim=4)
        unbuilt = small(routing=layers.BiSSM(state_dim=4))
        routing.build((None, None, 8))
        model = small(routing=routing)
        self.assertEqual(model.count_params(), unbuilt.count_params())
        self.assertEqual(len(model.weights), len(unbuilt.weights))
        model.enable_lora(2)
        self.assertTrue(all(v.trainable for v in routing.variables))
        self.assertIs(routing.forward_dense.lora_enabled, False)
        self.run_serialization_test(small(routing=routing))

    def test_what_depends_on_padding(self):
        class Reversed(layers.RoutingLayer):
            depends_on_padding = True

            def route(self, x, padding_mask):
                return ops.flip(x, axis=1)

        self.assertFalse(small().depends_on_padding)
        for options in (
            {"routing": Reversed()},
            {"routing": "fourier"},
            {"pool_padding": True},
            {"mask_padding": False},
        ):
            self.assertTrue(small(**options).depends_on_padding, options)

    def test_dropout_of_embeddings_alone(self):
        """As in the original: two passes in training differ by the embeddings'."""
        model = small(dropout=0.0, embedding_dropout=0.5)
        self.assertEqual(model.embeddings_dropout.rate, 0.5)
        for block in model.blocks:
            self.assertEqual(block.residual_dropout.rate, 0.0)
        first, second = (model(inputs(), training=True) for _ in range(2))
        self.assertNotAllClose(first["sequence_output"], second["sequence_output"])
        config = model.get_config()
        del config["embedding_dropout"]  # as in models saved before it was one
        old = models.BiGSBackbone.from_config({**config, "dropout": 0.2})
        self.assertEqual(old.embeddings_dropout.rate, 0.2)
        self.assertEqual(old.blocks[1].residual_dropout.rate, 0.2)

    def test_final_layer_norm(self):
        """Each last hidden state has its mean taken off and is divided by its
        deviation; everything before is as without."""
        plain = randomize(small())
        model = small(final_layer_norm=True)
        norm = model.final_layer_norm
        own = {id(weight) for weight in norm.weights}
        others = [weight for weight in model.weights if id(weight) not in own]
        for weight, value in zip(others, plain.get_weights(), strict=True):
            weight.assign(value)
        x = ops.convert_to_numpy(plain(inputs())["sequence_output"])
        expected = x - x.mean(axis=-1, keepdims=True)
        expected /= x.std(axis=-1, keepdims=True)
        outputs = model(inputs())
        self.assertAllClose(outputs["sequence_output"], expected, atol=1e-5)
        pooled = model.pooling(
            ops.convert_to_tensor(expected), padding_mask=inputs()["padding_mask"]
        )
        self.assertAllClose(
            outputs["pooled_output"], model.pooled_dense(pooled), atol=1e-5
        )
        self.assertIsNone(plain.final_layer_norm)
        config = plain.get_config()
        del config["final_layer_norm"]  # as in models saved before it was one
        self.assertIsNone(models.BiGSBackbone.from_config(config).final_layer_norm)
        self.run_serialization_test(model)

    def test_saved_model(self):
        model = randomize(small())
        path = os.path.join(self.get_temp_dir(), "model.keras")
        model.save(path)
        copy = keras.saving.load_model(path)
        self.assertIsInstance(copy, models.BiGSBackbone)
        self.assertAllClose(
            copy(inputs())["sequence_output"], model(inputs())["sequence_output"]
        )


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"block": "moebius"}, "Unknown `block='moebius'`"),
        ({"routing": "psychic"}, "Unknown `routing='psychic'`"),
        ({"method": "magic"}, "Unknown `method='magic'`"),
        ({"intermediate_dim": 4}, "`intermediate_dim` must not be below `hidden_dim`"),
        ({"num_layers": 0}, "`num_layers` must be at least 1"),
        ({"state_dim": 0}, "`state_dim` must be at least 1"),
    ],
)
def test_errors_name_the_argument(kwargs, message):
    with pytest.raises(ValueError, match=message):
        small(**kwargs)


def test_unknown_arguments_are_errors(tmp_path):
    """Also those of a preset, and of a backbone given to a task."""
    with pytest.raises(TypeError, match="BiGSBackbone has no argument `dropuot`.$"):
        small(dropuot=0.1)
    small().save_to_preset(str(tmp_path))
    load = models.BiGSTextClassifier.from_preset
    with pytest.raises(TypeError, match="no argument `activaton`.$"):
        load(str(tmp_path), num_classes=2, preprocessor=None, activaton="softmax")
    with pytest.raises(
        TypeError, match=r"`backbone=BiGSBackbone.from_preset\(..., mask_"
    ):
        load(str(tmp_path), num_classes=2, preprocessor=None, mask_padding=False)
    backbone = models.BiGSBackbone.from_preset(str(tmp_path), mask_padding=False)
    task = load(str(tmp_path), num_classes=2, preprocessor=None, backbone=backbone)
    assert not task.backbone.mask_padding


def test_kernel_initializer_has_the_deviation_it_names():
    """0.02 at the paper's width, and twice that at a quarter of it."""
    for initializer, expected in (
        (bigs_kernel_initializer(), 0.02),
        (bigs_kernel_initializer(256), 0.04),
    ):
        sample = ops.convert_to_numpy(initializer((400, 400)))
        # 160,000 draws: a standard error of a 1/566 of the deviation.
        assert abs(sample.std() / expected - 1) < 0.01
        assert np.abs(sample).max() > 3 * expected  # nothing is cut off at 2


def test_input_longer_than_the_positions():
    with pytest.raises(ValueError, match="length=17, max_sequence_length=16"):
        small()(inputs(length=17))


# Counted from the architecture by hand: see the docstring of `count`.
COUNTS = {
    "large": 346_674_780,
    "large_stack": 335_154_272,
    "base": 116_566_320,
    "base_stack": 116_576_820,
    "small": 57_134_640,
    "small_stack": 57_141_812,
    "mini": 11_783_280,
    "mini_stack": 11_786_292,
    "tiny": 6_571_440,
    "tiny_stack": 6_573_620,
}


def count(config):
    """Weights of a backbone, term by term (paper, section 4).

    Embeddings `(V + P + 2) d` and their norm `2d`; a pooler `d^2 + d`. Two SSMs a layer
    of `4N + 2` numbers. A gated layer: routing `4 d^2 + 4 d`, norm `2 d`, gates
    `2 (d w + w)`, output `w d + d`. A stacked one: routing, `d w + w + w d + d`, two
    norms `4 d`.
    """
    d, w = config["hidden_dim"], config["intermediate_dim"]
    embeddings = (config["vocabulary_size"] + 512 + 2) * d + 2 * d
    routing = 4 * d * d + 4 * d + 2 * (4 * 64 + 2)
    if config.get("block") == "stack":
        layer = routing + d * w + w + w * d + d + 4 * d
    else:
        layer = routing + 2 * d + 2 * (d * w + w) + w * d + d
    return embeddings + config["num_layers"] * layer + d * d + d


@pytest.mark.parametrize("name", COUNTS)
def test_parameter_counts(name):
    assert count(models.CONFIGS[name]) == COUNTS[name]


def test_stacked_encoders_match_gated_ones():
    """13 layers for 12: about as many weights, at any width."""
    for dim in (128, 768):
        gated, stack = (
            {"vocabulary_size": 9, **models.architecture_sizes(block, dim)}
            for block in ("gated", "stack")
        )
        assert (gated["num_layers"], stack["num_layers"]) == (12, 13)
        assert abs(count(stack) / count(gated) - 1) < 2e-3
    assert models.architecture_sizes("gated", 8, num_layers=3)["num_layers"] == 3
    with pytest.raises(ValueError, match="Received: 'moebius'"):
        models.architecture_sizes("moebius", 8)


SMALL = ("tiny", "tiny_stack")


@pytest.mark.parametrize("name", SMALL)
def test_parameter_counts_of_models(name):
    assert models.BiGSBackbone(**models.CONFIGS[name]).count_params() == COUNTS[name]


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(COUNTS) - {*SMALL}))
def test_parameter_counts_of_large_models(name):
    assert models.BiGSBackbone(**models.CONFIGS[name]).count_params() == COUNTS[name]


PREDICT = """
import sys
import numpy as np
from keras_bigs import models
path = sys.argv[1]
inputs = dict(np.load(path + "/inputs.npz"))
classifier = models.BiGSTextClassifier.from_preset(path, preprocessor=None)
np.save(sys.argv[2], classifier.predict(inputs, verbose=0))
"""


@pytest.mark.slow  # starts two more backends
@pytest.mark.skipif(keras.backend.backend() != "jax", reason="once, from JAX")
def test_weights_travel_between_backends(tmp_path):
    """Saved here, loaded on the other two: outputs agree to 1e-5."""
    backbone = randomize(small(num_layers=3))
    classifier = models.BiGSTextClassifier(backbone, 3)
    expected = classifier.predict(inputs(), verbose=0)
    preset = tmp_path / "preset"
    classifier.save_to_preset(str(preset))
    np.savez(preset / "inputs.npz", **inputs())
    for backend in ("tensorflow", "torch"):
        output = tmp_path / f"{backend}.npy"
        subprocess.run(
            [sys.executable, "-c", PREDICT, str(preset), str(output)],
            env={**os.environ, "KERAS_BACKEND": backend},
            check=True,
        )
        np.testing.assert_allclose(np.load(output), expected, rtol=1e-5, atol=1e-5)


LAYOUT = """
import os
import sys
os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=4"
import keras
import numpy as np
from keras_bigs import models
for block, routing in (pair.split("/") for pair in sys.argv[1:]):
    keras.distribution.set_distribution(None)
    kwargs = dict(vocabulary_size=32, num_layers=2, hidden_dim=128, block=block)
    kwargs.update(intermediate_dim=256, state_dim=4, routing=routing, dropout=0.0)
    keras.utils.set_random_seed(0)
    plain = models.BiGSBackbone(**kwargs)
    mesh = keras.distribution.DeviceMesh((2, 2), ("batch", "model"))
    layout = models.BiGSBackbone.get_layout_map(mesh)
    keras.distribution.set_distribution(
        keras.distribution.ModelParallel(layout_map=layout, batch_dim_name="batch")
    )
    model = models.BiGSBackbone(**kwargs)
    model.set_weights(plain.get_weights())
    # Everything large is split four ways; what is left whole is small.
    for weight in model.weights:
        if len(weight.shape) > 1 and weight.shape[0] * weight.shape[1] >= 128 * 128:
            shard = weight.value.addressable_shards[0].data
            assert shard.size == weight.value.size // 4, weight.path
    x = {k: np.ones((4, 16), "int32") for k in model.input}
    a, b = model(x)["sequence_output"], plain(x)["sequence_output"]
    np.testing.assert_allclose(np.array(a), np.array(b), rtol=1e-4, atol=1e-5)
"""


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="distribution is JAX's")
@pytest.mark.parametrize(
    "pairs",
    [
        ("gated/ssm", "stack/attention", "gated/convolution"),
        pytest.param(
            ("stack/ssm", "gated/attention", "stack/convolution"),
            marks=pytest.mark.slow,
        ),
    ],
)
def test_layout_map_on_four_devices(pairs):
    """Model parallelism splits every large weight and changes no output."""
    subprocess.run([sys.executable, "-c", LAYOUT, *pairs], check=True)


def test_layout_map_errors():
    with pytest.raises(ValueError, match="must be a `keras.distribution.DeviceMesh`"):
        models.BiGSBackbone.get_layout_map("mesh")
