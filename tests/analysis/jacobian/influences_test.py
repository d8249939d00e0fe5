"""Influence is that of float64 differences, of hand-worked cases and the formula."""

import keras
import numpy as np
import pytest
from keras_hub.models import BertBackbone

from keras_bigs import analysis
from keras_bigs import models
from keras_bigs.errors import ConfigError
from keras_bigs.errors import DataError
from keras_bigs.layers import BiSSM
from tests.backend import fast_on_torch
from tests.backend import relative_error
from tests.backend import to_numpy
from tests.ssm import oracle

DIM, LENGTH = 4, 5


def build(block="gated", routing=None, num_layers=1, **kwargs):
    return models.BiGSBackbone(
        vocabulary_size=20,
        num_layers=num_layers,
        hidden_dim=DIM,
        intermediate_dim=6,
        block=block,
        routing=routing or BiSSM(state_dim=6, min_step=0.1),
        **kwargs,
    )


def text(length=LENGTH, padding=0):
    ids = np.arange(3, 3 + length + padding)[None]
    mask = np.array([[1] * length + [0] * padding])
    return {"token_ids": ids, "segment_ids": np.zeros_like(ids), "padding_mask": mask}


def embeddings(backbone, inputs):
    """What enters the first block, by hand: `(length, dim)` float64."""
    ids = inputs["token_ids"][0]
    tokens, positions, segments = (
        to_numpy(layer.weights[0]).astype("float64")
        for layer in (
            backbone.token_embedding,
            backbone.position_embedding,
            backbone.segment_embedding,
        )
    )
    norm = backbone.embeddings_layer_norm
    return layer_norm(norm, tokens[ids] + positions[: len(ids)] + segments[0])


def layer_norm(layer, x):
    gamma, beta = (to_numpy(weight) for weight in layer.weights)
    x = x - x.mean(-1, keepdims=True)
    return x / np.sqrt(np.square(x).mean(-1, keepdims=True) + 1e-12) * gamma + beta


def gelu(x):
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


def gelu_slope(x):
    h = 1e-5
    return (gelu(x + h) - gelu(x - h)) / (2 * h)


def dense(layer, x):
    kernel, bias = (to_numpy(weight).astype("float64") for weight in layer.weights)
    return x @ kernel + bias


class GatedBlock:
    """The gated block of the paper's section 4 in float64, on a layer's weights."""

    def __init__(self, block):
        self.block, self.routing = block, block.routing

    def ssm(self, layer, x, reverse):
        parameters = [to_numpy(p) for p in layer.ssm_parameters]
        return oracle.convolve(x[None], parameters, reverse=reverse)[0]

    def parts(self, x):
        h = layer_norm(self.block.layer_norm, x)
        forward = gelu(dense(self.routing.forward_dense, h))
        forward = self.ssm(self.routing.forward_ssm, forward, False)
        backward = gelu(dense(self.routing.backward_dense, h))
        backward = self.ssm(self.routing.backward_ssm, backward, True)
        p = dense(self.routing.forward_output_dense, forward)
        q = dense(self.routing.backward_output_dense, backward)
        v = gelu(dense(self.block.value_dense, h))
        return h, p, q, v

    def added(self, x):
        _, p, q, v = self.parts(x)
        return dense(
            self.block.output_dense, gelu(dense(self.block.gate_dense, p * q)) * v
        )

    def __call__(self, x):
        return x + self.added(x)


def differences(function, x, step=1e-5):
    """The Jacobian by central differences: `(length, dim, length, dim)`."""
    jacobian = np.zeros((*x.shape, *x.shape))
    for place in np.ndindex(x.shape):
        move = np.zeros_like(x)
        move[place] = step
        slope = (function(x + move) - function(x - move)) / (2 * step)
        jacobian[(..., *place)] = slope
    return jacobian


def norms(jacobian):
    return np.sqrt(np.square(jacobian).sum((1, 3)))


def test_differences_of_bigs():
    """Of each block and of both together."""
    backbone = build(num_layers=2)
    first, second = map(GatedBlock, backbone.blocks)
    x = embeddings(backbone, text())
    expected = norms(differences(lambda x: second(first(x)), x))
    assert relative_error(analysis.influence(backbone, text()), expected) < 5e-6
    expected = np.stack(
        [norms(differences(first.added, x)), norms(differences(second.added, first(x)))]
    )
    layers = analysis.influence(backbone, text(), "all")
    for actual, norm in zip(layers, expected, strict=True):
        assert relative_error(actual, norm) < 5e-6


def test_differences_with_a_final_layer_norm():
    """That is part of the encoder, and of no layer."""
    backbone = build(num_layers=2, final_layer_norm=True)
    first, second = map(GatedBlock, backbone.blocks)
    norm = backbone.final_layer_norm
    x = embeddings(backbone, text())
    expected = norms(differences(lambda x: layer_norm(norm, second(first(x))), x))
    assert relative_error(analysis.influence(backbone, text()), expected) < 5e-6
    expected = norms(differences(second.added, first(x)))
    assert relative_error(analysis.influence(backbone, text(), 1), expected) < 5e-6


@fast_on_torch
def test_one_layer_of_a_task():
    """The same as of the backbone, of all layers, and of other batches."""
    backbone = build(num_layers=2)
    layers = analysis.influence(backbone, text(), "all", batch_size=7)
    one = analysis.influence(models.BiGSTextEmbedder(backbone), text(), layer=1)
    np.testing.assert_allclose(one, layers[1], rtol=1e-5)


@fast_on_torch
def test_taps_times_gates():
    """Off the diagonal it is the tap, times the reader's gates and writer's slope."""
    backbone = build()
    (block,) = backbone.blocks
    by_hand = GatedBlock(block)
    x = embeddings(backbone, text())
    h, p, q, v = by_hand.parts(x)
    kernel = {
        layer.name: to_numpy(layer.weights[0]).astype("float64")
        for layer in (block.gate_dense, block.output_dense)
    }
    gate = gelu_slope(dense(block.gate_dense, p * q)) * v
    taps = analysis.tap_matrix(analysis.routing_kernels(backbone, LENGTH))[0]
    slopes = norms_of_layer_norm(block.layer_norm, x)
    routing = block.routing
    expected = np.zeros((LENGTH, LENGTH))
    for i in range(LENGTH):
        for j in range(LENGTH):
            if i == j:
                continue
            inner, outer, other = (
                (routing.forward_dense, routing.forward_output_dense, q[i])
                if j < i
                else (routing.backward_dense, routing.backward_output_dense, p[i])
            )
            reader = (to_numpy(outer.weights[0]) * other) @ kernel["gate_dense"]
            reader = (reader * gate[i]) @ kernel["output_dense"]
            slope = gelu_slope(dense(inner, h[j]))
            writer = slopes[j] @ to_numpy(inner.weights[0]) * slope
            expected[i, j] = taps[i, j] * np.linalg.norm(writer @ reader)
    actual = analysis.influence(backbone, text(), layer=0)
    np.fill_diagonal(actual, 0)
    assert relative_error(actual, expected) < 5e-6


def norms_of_layer_norm(layer, x):
    """`(length, dim, dim)`: how each input moves the normalized outputs."""
    return np.stack(
        [
            differences(lambda row: layer_norm(layer, row), row[None])[0, :, 0].T
            for row in x
        ]
    )


@fast_on_torch
@pytest.mark.parametrize(
    ("block", "routing"),
    [
        ("stack", "ssm"),
        ("stack", "attention"),
        ("gated", "attention"),
        ("stack", "sliding_window"),
        ("gated", "convolution"),
        ("stack", "lstm"),
        ("stack", "fourier"),
    ],
)
def test_differences_of_other_architectures(block, routing):
    """Of the model itself, in float32: over five points, for wide steps."""
    backbone = build(block, routing, num_layers=2)
    x = embeddings(backbone, text())
    step = 0.03
    moves = step * np.eye(x.size).reshape(-1, *x.shape)
    points = np.concatenate([x + k * moves for k in (-2, -1, 1, 2)])
    y = keras.ops.convert_to_tensor(points, "float32")
    for layer in backbone.blocks:
        y = layer(y)
    y = to_numpy(y).astype("float64").reshape(4, x.size, *x.shape)
    slopes = (y[0] - 8 * y[1] + 8 * y[2] - y[3]) / (12 * step)
    expected = norms(slopes.reshape(*x.shape, *x.shape).transpose(2, 3, 0, 1))
    assert relative_error(analysis.influence(backbone, text()), expected) < 1e-3


@pytest.mark.parametrize("batch_size", [1, 6, 64])
def test_linear_by_hand(batch_size):
    """`Y = T X W` has the blocks `T_ij W`, of norm `|T_ij| ||W||`."""
    mix = np.array([[2.0, 0.0, 0.0], [-1.0, 3.0, 0.0]], "float32")
    weights = np.array([[3.0, 0.0], [0.0, 4.0]], "float32")
    x = np.ones((1, 3, 2), "float32")

    def function(x):
        x = keras.ops.einsum("ij,bjd->bid", keras.ops.convert_to_tensor(mix), x)
        return x @ keras.ops.convert_to_tensor(weights)

    actual = analysis.jacobian_norms(function, x, batch_size)
    np.testing.assert_allclose(actual, [[10, 0, 0], [5, 15, 0]], rtol=1e-6)
    with pytest.raises(ConfigError, match="batch_size=0"):
        analysis.jacobian_norms(function, x, 0)


def test_without_a_backward_kernel_nothing_comes_from_ahead():
    backbone = build()
    (block,) = backbone.blocks
    for weight in block.routing.backward_ssm.weights:
        if weight.name in ("C", "D"):
            weight.assign(np.zeros(weight.shape))
    # Or what is ahead would multiply by zero.
    block.routing.backward_output_dense.bias.assign(np.ones(DIM))
    matrix = analysis.influence(backbone, text())
    future = np.triu(np.ones((LENGTH, LENGTH), bool), 1)
    assert not matrix[future].any()
    assert matrix[~future].all()


@fast_on_torch
@pytest.mark.parametrize("routing", ["ssm", "attention"])
def test_padding_moves_nothing(routing):
    backbone = build("stack", routing, num_layers=2)
    padded = analysis.influence(backbone, text(padding=3))
    assert not padded[:LENGTH, LENGTH:].any()
    actual = padded[:LENGTH, :LENGTH]
    assert relative_error(actual, analysis.influence(backbone, text())) < 1e-5
    original = build("stack", routing, num_layers=2, mask_padding=False)
    assert analysis.influence(original, text(padding=3))[:LENGTH, LENGTH:].all()


def vocabulary():
    return ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "fox", "runs", "."]


@fast_on_torch
def test_texts():
    tokenizer = models.BiGSTokenizer(vocabulary(), special_tokens_in_strings=True)
    tokens, inputs = analysis.token_inputs(tokenizer, "The [MASK] runs.", 6)
    assert tokens == ["[CLS]", "the", "[MASK]", "runs", ".", "[SEP]"]
    np.testing.assert_array_equal(inputs["token_ids"], [[2, 5, 4, 7, 8, 3]])
    assert inputs["padding_mask"].all() and not inputs["segment_ids"].any()
    tokens, inputs = analysis.token_inputs(tokenizer, ("the fox", "runs"), 9)
    assert tokens == ["[CLS]", "the", "fox", "[SEP]", "runs", "[SEP]"]
    np.testing.assert_array_equal(inputs["segment_ids"], [[0, 0, 0, 0, 1, 1]])
    with pytest.raises(DataError, match="has 6 tokens.*takes 5"):
        analysis.token_inputs(tokenizer, "The [MASK] runs.", 5)
    with pytest.raises(DataError, match="one word or more"):
        analysis.token_inputs(tokenizer, ("The", " "), 5)

    preprocessor = models.BiGSTextClassifierPreprocessor(tokenizer, 8)
    task = models.BiGSTextClassifier(build(), 2, preprocessor)
    _, inputs = analysis.token_inputs(tokenizer, "the fox", 9)
    np.testing.assert_array_equal(
        analysis.influence(task, "the fox", 0), analysis.influence(task, inputs, 0)
    )


@fast_on_torch
def test_what_cannot_be_done():
    backbone = build(num_layers=2)
    for layer in (2, -1, "last"):
        with pytest.raises(ConfigError, match='None, "all" or from 0 to 1'):
            analysis.influence(backbone, text(), layer)
    with pytest.raises(ConfigError, match="task with a preprocessor"):
        analysis.influence(backbone, "the fox")
    two = {name: np.repeat(value, 2, 0) for name, value in text().items()}
    with pytest.raises(ConfigError, match=r"token_ids of shape \(2, 5\)"):
        analysis.influence(backbone, two)
    with pytest.raises(ConfigError, match="bfloat16 would be mostly rounding"):
        analysis.influence(build(dtype="mixed_bfloat16"), text())


@fast_on_torch
def test_bert_of_keras_hub():
    """The same encoder, built by either library, has the same influence."""
    ours = models.BiGSBackbone(20, 2, 8, 16, block="stack", routing="attention")
    bert = BertBackbone(20, 2, 1, 8, 16)
    layers = [
        ours.token_embedding,
        ours.position_embedding,
        ours.segment_embedding,
        ours.embeddings_layer_norm,
    ]
    for block in ours.blocks:
        layers += [block.routing, block.routing_layer_norm, block.output_layer_norm]
        layers += [block.intermediate_dense, block.output_dense]
    layers.append(ours.pooled_dense)
    bert.set_weights([to_numpy(w) for layer in layers for w in layer.weights])
    for layer in (None, 1):
        actual = analysis.influence(models.PooledEncoder(bert), text(), layer)
        expected = analysis.influence(ours, text(), layer)
        assert relative_error(actual, expected) < 1e-5
    np.testing.assert_allclose(
        analysis.attention_maps(bert, text()),
        analysis.attention_maps(ours, text()),
        atol=1e-6,
    )
