"""
Title: Inside BiGS
Author: the authors of keras_bigs
Date created: 2026/11/29
Last modified: 2026/11/29
Description: A state space model from its definition in 25 lines to a language encoder.
Accelerator: None
"""

"""
## What this guide shows

An encoder has to do two things: work on each word, and carry information between words.
The second is what attention does in BERT. BiGS does it with *state space models*
(SSMs), and this guide takes one apart: the definition, the convolution that it amounts
to, what a trained model has made of it, the gates around it, the four architectures of
the paper, and finally a routing layer of your own in their place.

You need NumPy and patience for one complex exponential.
"""

import os

os.environ.setdefault("KERAS_BACKEND", "jax")

import keras
import matplotlib.pyplot as plt
import numpy as np
from keras import ops

import keras_bigs

keras.utils.set_random_seed(0)

"""
## A state space model

Think of a bank of `N` resonators that listen to a signal. Each has a state, a complex
number. At every step the state turns by an angle, shrinks a little, and takes in some
of the input; the output is a weighted sum of all states. Some forget within a word,
some ring for hundreds. In the paper's symbols (section 3.1), with one input number
`u_k` a step:

    x_k = A_bar x_(k-1) + B_bar u_k        the states, N complex numbers
    y_k = Re(C x_k) + D u_k                the output

`A_bar` and `B_bar` come from a continuous system `x' = A x + u` that is looked at every
`dt` seconds: `A_bar = exp(dt A)` and `B_bar = (exp(dt A) - 1) / A`. What is learnt is
`A` (how fast each state turns and fades), `C` (how it is weighted), `D` (how much of
the input goes straight through), and the step `dt`.

In NumPy that is all of it:
"""


def state_space_model(u, A, C, D, dt):
    A_bar = np.exp(dt * A)
    B_bar = (A_bar - 1) / A
    x = np.zeros(len(A), complex)
    y = []
    for u_k in u:
        x = A_bar * x + B_bar * u_k
        y.append(np.real(np.sum(C * x)) + D * u_k)
    return np.array(y)


"""
## It is a convolution

Feed in a single 1 and then silence. What comes out is the model's *kernel*, and because
the model is linear, its output for any input is the sum of such responses, each begun
at its own word: a convolution. Written out, tap `l` of the kernel is

    K_l = Re sum_n C_n B_bar_n A_bar_n^l        (and D more at l = 0)

where a *tap* is one number of the kernel: what an input adds to the output `l` words
later. A loop over words is slow on any chip, but a convolution with a known kernel is a
matrix product. That is what BiGS trains with; for long texts in chunks, with the states
carried from one chunk to the next, so that the cost stays in proportion to the length.
"""


def kernel(A, C, D, dt, length):
    A_bar = np.exp(dt * A)
    B_bar = (A_bar - 1) / A
    taps = np.real((C * B_bar) @ A_bar[:, None] ** np.arange(length))
    taps[0] += D
    return taps


# The start of training: A so that the states keep a memory of all that came before
# (HiPPO-LegS, Gu et al. 2020), the rest at random, with steps from 0.01 to 1.
N, length = 64, 60
start = keras_bigs.ssm.initial_parameters(N, 1, "legs", 0.01, 1.0, seed=3)
A = start.A_re[0] + 1j * start.A_im[0]
C = start.C[0, :, 0] + 1j * start.C[0, :, 1]
D, dt = start.D[0], np.exp(start.log_step[0])

u = np.random.default_rng(0).normal(size=length)
by_steps = state_space_model(u, A, C, D, dt)
by_convolution = np.convolve(u, kernel(A, C, D, dt, length))[:length]
print("largest difference:", np.abs(by_steps - by_convolution).max())

"""
The library computes the same map in four ways (`method="recurrent"`, `"toeplitz"`,
`"fft"`, `"chunked"`), which agree to rounding; `"auto"` takes the fastest for the
length and the device.
"""

for method in ("recurrent", "toeplitz", "fft", "chunked"):
    y = keras_bigs.ssm.convolve(
        ops.convert_to_tensor(u[None, :, None], "float32"), start, method=method
    )
    y = ops.convert_to_numpy(y)[0, :, 0]
    print(f"{method:10}", np.abs(y - by_steps).max())

"""
## Forward and backward

A sentence is to be read from both sides. BiGS has two SSMs a layer, one that looks back
and one that looks ahead, and *one kernel for all channels* of a direction. So the whole
exchange between words, in each layer, is two curves over the distance. Here they are in
a model trained on prose: to the left of 0 the weight of earlier words, to the right
that of later ones.
"""

backbone = keras_bigs.models.BiGSBackbone.from_preset("bigs_mini_en_uncased")
taps = keras_bigs.analysis.routing_kernels(backbone, 64)  # (layers, 2, 64)

figure, panels = plt.subplots(1, 3, figsize=(11, 2.6), layout="constrained")
distances = np.arange(25)
for panel, layer in zip(panels, (0, 5, 11), strict=True):
    panel.plot(-distances, taps[layer, 0, :25], color="#0072b2", label="back")
    panel.plot(distances, taps[layer, 1, :25], color="#d55e00", label="ahead")
    panel.set(title=f"layer {layer}", xlabel="relative position (tokens)")
panels[0].set_ylabel("tap")
panels[0].legend()
plt.show()

"""
How far does each see? The distance within which nine tenths of a kernel's absolute mass
lie says it in one number:
"""

reach = keras_bigs.analysis.mass_radius(taps, 0.9)
for layer, (back, ahead) in enumerate(reach):
    print(f"layer {layer:2}: {back:2.0f} tokens back, {ahead:2.0f} ahead")

"""
## Gates

Two fixed curves cannot do what attention does: attention looks at the words to decide
where to look. What lets BiGS keep up, by the paper, are multiplications. A layer is

    H  = LayerNorm(X)
    F  = gelu(W_f H)                    B  = gelu(W_b H)
    U1 = W_1 forward_ssm(F)             U2 = W_2 backward_ssm(B)
    U  = gelu(W_u (U1 * U2))            what the words around say
    V  = gelu(W_v H)                    what the word itself says
    output = X + W_o (U * V)

where `X` has `d` numbers a word, `F`, `B`, `U1` and `U2` as many, and `U` and `V` three
times as many. The product `U1 * U2` compares what came before with what comes after;
`U * V` lets the word decide what of that matters here. By the layers of this library:
"""


class GatedBlock(keras.layers.Layer):
    def __init__(self, dim):
        super().__init__()
        gelu = keras_bigs.layers.gelu_tanh
        self.norm = keras.layers.LayerNormalization()
        self.routing = keras_bigs.layers.BiSSM(state_dim=64)
        self.value = keras.layers.Dense(3 * dim, activation=gelu)
        self.gate = keras.layers.Dense(3 * dim, activation=gelu)
        self.output_dense = keras.layers.Dense(dim)

    def call(self, x):
        h = self.norm(x)
        return x + self.output_dense(self.gate(self.routing(h)) * self.value(h))


x = np.random.default_rng(1).normal(size=(2, 50, 32)).astype("float32")
print(GatedBlock(32)(x).shape)

"""
`keras_bigs.layers.GatedBiGSBlock` is this, with dropout and padding.

## Which word moved which

Because the routing is so simple, one can say exactly how much each word changes each
other: the size of the derivative of an output position by an input position, through
all layers. Rows are the positions that look, columns those that are looked at; the
scale is logarithmic.
"""

tokenizer = keras_bigs.models.load_tokenizer("bigs_mini_en_uncased")
tokens, inputs = keras_bigs.analysis.token_inputs(
    tokenizer, "the man who wrote the letters was very tired .", 128
)
influence = keras_bigs.analysis.influence(backbone, inputs)

figure, axes = plt.subplots(figsize=(5, 4.4), layout="constrained")
image = axes.imshow(influence, cmap="cividis", norm="log")
axes.set_xticks(range(len(tokens)), tokens, rotation=90)
axes.set_yticks(range(len(tokens)), tokens)
figure.colorbar(image, label="norm of the Jacobian")
plt.show()

"""
## Four architectures

Two arguments let you test whether the gates or the SSMs matter. `block` is what
surrounds the routing, `routing` is the only place where words meet; BERT is
`block="stack", routing="attention"`.
"""

print("architecture  block  routing    parameters")
for name, block, routing in (
    ("BiGS", "gated", "ssm"),
    ("STACK/SSM", "stack", "ssm"),
    ("GATED/ATT", "gated", "attention"),
    ("BERT", "stack", "attention"),
):
    sizes = keras_bigs.models.architecture_sizes(block, 128)
    encoder = keras_bigs.models.BiGSBackbone(
        vocabulary_size=1000, routing=routing, **sizes
    )
    print(f"{name:13} {block:6} {routing:10} {encoder.count_params():,}")

"""
## A routing layer of your own

A routing layer maps `(batch, length, dim)` to the same shape, and is told which
positions are padding. Register one by name and every encoder and task takes it.
Here is the simplest that looks both ways: the mean of the neighbours, weighted by a
learnt decay.
"""


@keras_bigs.layers.register_routing("decay")
class Decay(keras_bigs.layers.RoutingLayer):
    """`y_i = W sum_j decay^|i - j| x_j`, one learnt decay for all channels."""

    def build(self, input_shape):
        super().build(input_shape)
        self.logit = self.add_weight(name="logit", shape=(), initializer="zeros")
        self.dense = keras.layers.Dense(input_shape[-1], dtype=self.dtype_policy)
        self.dense.build(input_shape)

    def route(self, x, padding_mask):
        if padding_mask is not None:
            keep = ops.expand_dims(ops.cast(padding_mask, x.dtype), -1)
            x = x * keep
        positions = ops.arange(ops.shape(x)[1])
        distance = ops.abs(positions[:, None] - positions[None, :])
        log_decay = ops.log_sigmoid(ops.cast(self.logit, "float32"))
        weights = ops.exp(ops.cast(distance, "float32") * log_decay)
        return self.dense(ops.einsum("ij,bjd->bid", ops.cast(weights, x.dtype), x))


"""
Is it enough for grammar? In the sentences below a verb must agree with its subject, and
other nouns may stand in between. The verb is masked, and the model has to prefer the
right one of its two forms; guessing scores 50%. (Paper, section 7.3; `make quickstart`
does this at more length.)
"""

from keras_bigs.data import agreement

special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
tokenizer = keras_bigs.models.BiGSTokenizer(special + agreement.vocabulary())
sentences = agreement.agreement_sentences("train", 6000, max_attractors=1)
train, right, _ = agreement.masked_verbs(sentences, tokenizer, 24)
test_sentences = agreement.agreement_sentences("test", 1000, max_attractors=1)
test = agreement.masked_verbs(test_sentences, tokenizer, 24)
print(sentences[0].masked())


def accuracy_with(routing, epochs=16):
    keras.utils.set_random_seed(1)
    encoder = keras_bigs.models.BiGSBackbone(
        vocabulary_size=tokenizer.vocabulary_size(),
        num_layers=2,
        hidden_dim=64,
        intermediate_dim=192,
        max_sequence_length=24,
        dropout=0.0,
        routing=routing,
    )
    masked_lm = keras_bigs.models.BiGSMaskedLM(encoder)
    masked_lm.compile(
        optimizer=keras.optimizers.Adam(3e-3),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    masked_lm.fit(train, right[:, None], batch_size=64, epochs=epochs, verbose=0)
    correct = keras_bigs.analysis.forced_choice(masked_lm, *test)
    attractors = [sentence.num_attractors for sentence in test_sentences]
    return keras_bigs.analysis.agreement_accuracy(correct, attractors)


scores = accuracy_with("decay")
for attractors, (share, _) in scores.items():
    print(f"{attractors} attractors: {100 * share:.0f}% right")

"""
One learnt decay, the same to both sides, is enough for these sentences, with at most
one noun in between. With `accuracy_with("ssm")` it takes more epochs (here about
20), for there is more to learn: each of the two kernels of `BiSSM` is a sum of 64
oscillations. What that is needed for you find by changing one thing at a time: more
attractors (`max_attractors=4`), longer sentences, real text. That is what a routing
layer of your own is for.
"""
