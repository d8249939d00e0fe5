"""Operations against hand counts, the paper's table, and the compiler's."""

import contextlib
import math

import keras
import numpy as np
import pytest

from keras_bigs import analysis
from keras_bigs import layers
from keras_bigs import models
from keras_bigs.analysis.flop_counts import architectures as architecture_flops
from keras_bigs.compat.platform import platform
from keras_bigs.compat.scan import without_loops
from keras_bigs.errors import ConfigError
from keras_bigs.ssm import chunked
from keras_bigs.training import figure
from tests.backend import fast_on_torch

BERT = {**models.CONFIGS["large_stack"], "routing": "attention"}
ON_JAX = pytest.mark.skipif(
    keras.backend.backend() != "jax", reason="asks JAX's compiler"
)
DIM = 128


@pytest.mark.parametrize("length", [128, 512, 1024, 4096])
def test_the_papers_table(length):
    """To all the digits that it prints."""
    bigs = analysis.flops(models.CONFIGS["large"], length, "fft").total
    bert = analysis.flops(BERT, length).total
    paper = analysis.PAPER_FLOPS
    assert (float(f"{bigs:.1e}"), float(f"{bert:.1e}")) == (
        paper["BiGS"][length],
        paper["BERT"][length],
    )


def test_terms_by_hand():
    """One layer of 2 channels, 3 tokens, gates of width 5, one state."""
    sizes = {"num_layers": 1, "hidden_dim": 2, "intermediate_dim": 5, "state_dim": 1}
    count = analysis.flops(sizes, 3, "toeplitz")
    assert count.terms == {
        # Three dense layers of 2 x 5 weights, for each of 3 tokens.
        "block dense": 2 * 3 * 3 * 10,
        # Four of 2 x 2.
        "routing dense": 2 * 3 * 4 * 4,
        # Two blocks of 32 taps by the two real parts of a state.
        "kernel": 2 * (2 * 32 * 2),
        # Two products of 3 x 3 with 3 x 2.
        "mixing": 2 * (2 * 3 * 3 * 2),
        # U V and U_1 U_2.
        "gates": 3 * 5 + 3 * 2,
    }
    assert count.total == 180 + 96 + 256 + 72 + 21
    assert count.per_token == count.total / 3
    # A step of one state: 6 for a complex product, 2 to multiply the input, 2 to add
    # it, 3 for the real part of a product and 1 to add it; 2 for D u.
    recurrent = analysis.flops(sizes, 3, "recurrent").terms
    assert recurrent["mixing"] == 2 * 3 * 2 * (14 + 2)


def test_layers_and_head():
    sizes = {"hidden_dim": 8, "intermediate_dim": 24, "vocabulary_size": 50}
    one = analysis.flops({**sizes, "num_layers": 1}, 16, "toeplitz").total
    three = analysis.flops(
        {**sizes, "num_layers": 3}, 16, "toeplitz", True, predictions=4
    )
    head = 4 * 2 * (8 * 8 + 8 * 50)
    assert three.terms["masked LM head"] == 3 * head
    assert three.total == 3 * (3 * one + head)


def test_a_transform_without_weights_has_one_transform_backward():
    sizes = {"num_layers": 1, "hidden_dim": 8, "intermediate_dim": 24}
    sizes["routing"] = "fourier"
    forward = analysis.flops(sizes, 16).terms["mixing"]
    # 5 n log2 n with n = 128.
    assert forward == 5 * 128 * 7
    assert analysis.flops(sizes, 16, training=True).terms["mixing"] == 2 * forward


@fast_on_torch
def test_a_backbone_is_its_arguments():
    routing = layers.SlidingWindowAttention(window=4, num_global_tokens=1)
    sizes = models.architecture_sizes("stack", 8, num_layers=2)
    backbone = models.BiGSBackbone(50, **sizes, routing=routing)
    count = analysis.flops(backbone, 10)
    assert count == analysis.flops({**sizes, "routing": routing}, 10)
    # 12 padded queries see 3 blocks of 4 keys and the global one; that sees all 10.
    assert count.terms["mixing"] == 2 * 4 * 8 * (12 * 13 + 10)
    # Its own algorithm.
    sizes = models.architecture_sizes("gated", 8, num_layers=1)
    backbone = models.BiGSBackbone(50, **sizes, method="recurrent")
    assert analysis.flops(backbone, 9) == analysis.flops(sizes, 9, "recurrent")
    assert analysis.flops(sizes, 9) == analysis.flops(sizes, 9, "toeplitz")


def test_routing_layers_of_ones_own():
    class Previous(layers.RoutingLayer):
        pass

    class Counted(layers.RoutingLayer):
        def flop_terms(self, length, dim):
            return [analysis.FlopTerm("mixing", length * dim)]

    sizes = models.architecture_sizes("stack", 8, num_layers=2)
    with pytest.raises(ValueError, match="Previous are not known. Give .*flop_terms"):
        analysis.flops({**sizes, "routing": Previous()}, 10)
    count = analysis.flops({**sizes, "routing": Counted()}, 10)
    assert count.terms["mixing"] == 2 * 10 * 8


def test_arguments():
    sizes = models.CONFIGS["tiny"]
    with pytest.raises(ValueError, match="`length` must be at least 1"):
        analysis.flops(sizes, 0)
    with pytest.raises(ValueError, match="predictions=9"):
        analysis.flops(sizes, 8, predictions=9)
    with pytest.raises(ValueError, match="a dict of its arguments.*encoder='tiny'"):
        analysis.flops("tiny", 8)
    with pytest.raises(ValueError, match="Unknown `method='fast'`"):
        analysis.flops(sizes, 8, "fast")
    with pytest.raises(ValueError, match="for SSMs, and the encoder has SelfAttention"):
        analysis.flops(BERT, 8, "fft")


# What is left out, a token and channel: norms, GELU, biases, softmax, and what takes
# complex numbers apart. A dense layer has `2 DIM = 256`, or three times as many in
# training.
FORWARD, TRAINING = (60, 105), (160, 330)
PAIRS = [
    ("ssm", "toeplitz"),
    ("ssm", "fft"),
    ("ssm", "chunked"),
    ("ssm", "recurrent"),
    ("attention", None),
    ("sliding_window", None),
    ("fourier", None),
    ("convolution", None),
    ("lstm", None),
]


def block_and_sizes(block, routing, algorithm):
    """A block, and arguments of an encoder that has one of it."""
    sizes = models.architecture_sizes(block, DIM, num_layers=1) | {"state_dim": 8}
    if routing == "sliding_window":
        routing = layers.SlidingWindowAttention(window=16, num_global_tokens=2)
    else:
        options = layers.RoutingOptions(
            block=block, state_dim=8, method=algorithm or "auto"
        )
        routing = layers.get_routing(routing, options)
    sizes["routing"] = routing
    return layers.BLOCKS[block](sizes["intermediate_dim"], routing=routing), sizes


def programs(block, length):
    """JAX's programs of a forward pass and of a training step of one sequence."""
    import jax

    block.build((None, length, DIM))
    if isinstance(block.routing, layers.BiLSTM):
        # The compiler counts the body of a loop once.
        for lstm in (
            block.routing.lstm.forward_layer,
            block.routing.lstm.backward_layer,
        ):
            lstm.unroll = True
    fixed = [v.value for v in block.non_trainable_variables]
    weights = [v.value for v in block.trainable_variables]
    x = np.ones((1, length, DIM), "float32")

    def forward(weights, x):
        return block.stateless_call(weights, fixed, x)[0]

    def loss(weights, x):
        return (forward(weights, x) * x).sum()

    with without_loops():
        for function in (forward, jax.value_and_grad(loss, argnums=(0, 1))):
            yield jax.jit(function).trace(weights, x)


def transforms(jaxpr):
    """What the compiler counts of Fourier transforms, and what we do.

    It takes 8 operations a number that enters, and the whole part of the logarithm; of
    two dimensions the product of both, where the sum would do.
    """
    theirs = ours = 0
    for equation in jaxpr.eqns:
        for value in equation.params.values():
            if hasattr(value, "eqns") or hasattr(value, "jaxpr"):
                inside = transforms(getattr(value, "jaxpr", value))
                theirs, ours = theirs + inside[0], ours + inside[1]
        if equation.primitive.name == "fft":
            lengths = np.array(equation.params["fft_lengths"])
            shape = equation.invars[0].aval.shape
            theirs += 8 * math.prod(shape) * np.floor(np.log2(lengths)).prod()
            is_complex = equation.params["fft_type"].name == "FFT"
            rows = math.prod(shape[: -len(lengths)])
            size = lengths.prod()
            ours += rows * (5 if is_complex else 2.5) * size * np.log2(size)
    return theirs, ours


@ON_JAX
@pytest.mark.parametrize("block", layers.BLOCKS)
@pytest.mark.parametrize(("routing", "algorithm"), PAIRS)
def test_what_jax_counts(block, routing, algorithm, monkeypatch):
    """All that is left out here are elementwise operations."""
    monkeypatch.setitem(chunked.CHUNK, platform(), 16)
    length = 16 if routing == "lstm" or algorithm == "recurrent" else 64
    block, sizes = block_and_sizes(block, routing, algorithm)
    for program, training in zip(programs(block, length), (False, True), strict=True):
        counted = program.lower().cost_analysis()["flops"]
        theirs, ours = transforms(program.jaxpr.jaxpr)
        if routing == "fourier" or algorithm == "fft":
            assert theirs > 0
        expected = analysis.flops(sizes, length, algorithm, training).total
        rest = (counted - theirs + ours - expected) / (length * DIM)
        if training and routing == "lstm":
            # Unrolled, the gradients of 6 dim^2 weights are summed token by token.
            rest -= 6 * DIM * (length - 1) / length
        low, high = TRAINING if training else FORWARD
        assert low < rest < high


@ON_JAX
@pytest.mark.slow
@pytest.mark.parametrize("block", layers.BLOCKS)
@pytest.mark.parametrize(
    "pair", [("ssm", "toeplitz"), ("ssm", "chunked"), *PAIRS[4:6]], ids=str
)
def test_what_jax_compiles(block, pair, monkeypatch):
    """The same after the compiler's optimizations, where it keeps the products."""
    monkeypatch.setitem(chunked.CHUNK, platform(), 16)
    block, sizes = block_and_sizes(block, *pair)
    for program, training in zip(programs(block, 64), (False, True), strict=True):
        counted = program.lower().compile().cost_analysis()["flops"]
        expected = analysis.flops(sizes, 64, pair[1], training).total
        assert 1.01 < counted / expected < 1.035


@ON_JAX
def test_what_jax_counts_of_a_head():
    """By what two predictions more add."""
    import jax

    sizes = models.architecture_sizes("stack", DIM, num_layers=1)
    backbone = models.BiGSBackbone(500, **sizes, routing="fourier")
    masked_lm = models.BiGSMaskedLM(backbone)
    fixed = [v.value for v in masked_lm.non_trainable_variables]
    weights = [v.value for v in masked_lm.trainable_variables]

    def counted(predictions):
        x = {name: np.ones((1, 16), "int32") for name in backbone.input}
        x["mask_positions"] = np.ones((1, predictions), "int32")
        forward = jax.jit(lambda w, x: masked_lm.stateless_call(w, fixed, x)[0])
        return forward.lower(weights, x).cost_analysis()["flops"]

    two = analysis.flops(backbone, 16, predictions=2).total
    four = analysis.flops(backbone, 16, predictions=4).total
    rest = (counted(4) - counted(2) - (four - two)) / (2 * DIM)
    # GELU, by a polynomial for erf, and a norm; and a bias for each word piece.
    assert 10 < rest - 500 / DIM < 100


def test_sizes_by_length():
    rows = analysis.flops_by_length("tiny", [16, 32], masked=0.25)
    # Four algorithms of SSMs and five other routings, in either block.
    assert len(rows) == 2 * (4 + 5)
    assert {row.name for row in rows} >= {"BiGS", "BERT", "STACK/SSM", "GATED/ATT"}
    fft = next(row for row in rows if row.label == "ssm, fft" and row.name == "BiGS")
    assert fft.counts == [
        analysis.flops(models.CONFIGS["tiny"], n, "fft", predictions=n // 4)
        for n in (16, 32)
    ]
    with pytest.raises(ConfigError, match="--size tiny_stack is not one of .*'tiny'"):
        analysis.flops_by_length("tiny_stack", [16])
    with pytest.raises(ConfigError, match=r"--lengths .* Received: \[0\]"):
        analysis.flops_by_length("tiny", [0])
    with pytest.raises(ConfigError, match="--masked must be from 0 to 1"):
        analysis.flops_by_length("tiny", [16], masked=15)


def test_figure(tmp_path, monkeypatch):
    drawn = []

    @contextlib.contextmanager
    def keep(*paths, **kwargs):
        with figure(*paths, **kwargs) as panels:
            yield panels
            drawn.extend(panels[0])

    monkeypatch.setattr(architecture_flops, "figure", keep)
    rows = analysis.flops_by_length("large", [128, 512])
    path = tmp_path / "flops.png"
    analysis.plot_flops([path], rows, "title", with_paper=True)
    assert path.read_bytes().startswith(b"\x89PNG")
    gated, stack = drawn
    assert len(gated.lines) == len(stack.lines) == 4 + 5 + 1
    lines = {line.get_label(): line.get_ydata() for line in stack.lines}
    np.testing.assert_allclose(lines["attention"], [7.89e10 / 128, 3.35e11 / 512], 1e-3)
    np.testing.assert_allclose(
        lines["the paper's"],
        [7.9e10 / 128, 3.4e11 / 512, 7.2e11 / 1024, 4.1e12 / 4096],
    )
