"""
Title: BiSSM elsewhere
Author: the authors of keras_bigs
Date created: 2026/11/29
Last modified: 2026/11/29
Description: The layer in a plain Keras model, on a time series and on DNA.
Accelerator: None
"""

"""
## A layer for sequences

`BiSSM` maps `(batch, length, dim)` to the same shape and lets every position see all
others, at a cost that grows with the length. `S4DKernel` is its heart, a single long
convolution in one direction. Both are ordinary Keras layers: nothing here is about
language.

Two tasks, each against an LSTM and attention of about as many weights: to forecast a
signal, where the future must not be seen, and to find a pair of distant motifs in DNA,
where both sides count.
"""

import os

os.environ.setdefault("KERAS_BACKEND", "jax")

import time

import keras
import matplotlib.pyplot as plt
import numpy as np

import keras_bigs

"""
## Forecasting: causal

A sum of three oscillations, of about 10, 27 and 71 steps, with noise. At each step the
model predicts the next value from all before.
"""


def signals(number, length, seed):
    generator = np.random.default_rng(seed)
    t = np.arange(length + 1)
    x = 0.1 * generator.normal(size=(number, length + 1))
    for period in (10, 27, 71):
        phase = generator.uniform(0, 2 * np.pi, size=(number, 1))
        stretch = generator.uniform(0.9, 1.1, size=(number, 1))
        x += np.sin(2 * np.pi * t / (period * stretch) + phase)
    x = x.astype("float32")[..., None]
    return x[:, :-1], x[:, 1:]


train, test = signals(256, 192, seed=0), signals(64, 192, seed=1)

"""
`S4DKernel(reverse=False)` looks back only. By default all channels share one kernel, as
in BiGS; `num_kernels=dim` gives each its own, which suits signals of many frequencies.
The three models differ in one line.
"""

DIM = 32


def causal_attention(x):
    return keras.layers.MultiHeadAttention(2, DIM)(x, x, use_causal_mask=True)


LAYERS = {
    "S4D": lambda x: keras.layers.Dense(DIM)(
        keras_bigs.layers.S4DKernel(num_kernels=DIM)(x)
    ),
    "LSTM": lambda x: keras.layers.LSTM(DIM, return_sequences=True)(x),
    "attention": causal_attention,
}


def forecaster(mix):
    inputs = keras.Input((None, 1))
    x = keras.layers.Dense(DIM)(inputs)
    x = x + mix(keras.layers.LayerNormalization()(x))
    h = keras.layers.Dense(2 * DIM, activation="gelu")(
        keras.layers.LayerNormalization()(x)
    )
    return keras.Model(inputs, keras.layers.Dense(1)(x + keras.layers.Dense(DIM)(h)))


def train_and_time(model, train, test, epochs, **compile_options):
    model.compile(optimizer=keras.optimizers.Adam(3e-3), **compile_options)
    model.fit(*train, batch_size=32, epochs=1, verbose=0)  # compiles
    start = time.perf_counter()
    model.fit(*train, batch_size=32, epochs=epochs - 1, verbose=0)
    seconds = (time.perf_counter() - start) / (epochs - 1)
    return model.evaluate(*test, verbose=0, return_dict=True), seconds


models = {}
if keras.config.backend() == "torch":
    del LAYERS["LSTM"]  # Keras runs it step by step in Python: ten seconds an epoch
print("             weights   error   seconds an epoch")
for name, mix in LAYERS.items():
    keras.utils.set_random_seed(0)
    models[name] = forecaster(mix)
    scores, each = train_and_time(models[name], train, test, epochs=8, loss="mse")
    weights = models[name].count_params()
    print(f"{name:12} {weights:7,}   {scores['loss']:.3f}   {each:.1f}")

"""
The noise, of deviation 0.1, cannot be forecast: no error can be below 0.01, and
predicting the mean gives 1.5. One signal of the test set, and what was forecast one
step ahead:
"""

figure, axes = plt.subplots(figsize=(9, 2.8), layout="constrained")
axes.plot(test[1][0, :150, 0], color="black", linewidth=2, label="signal")
colors = {"S4D": "#0072b2", "LSTM": "#d55e00", "attention": "#009e73"}
for name, model in models.items():
    forecast = model.predict(test[0][:1], verbose=0)[0, :150, 0]
    axes.plot(forecast, color=colors[name], linewidth=1, label=name)
axes.set(xlabel="step", ylabel="value")
axes.legend(ncols=4, loc="upper right")
plt.show()

"""
## DNA: both directions

Sequences of 256 bases with two short motifs, anywhere. The class is their order: is
`TATAAA` before `GGGCGG`? A layer that only counts what is there is at 50%.
"""

BASES = np.array(list("ACGT"))


def sequences(number, seed, length=256):
    generator = np.random.default_rng(seed)
    x = generator.integers(0, 4, size=(number, length))
    y = generator.integers(0, 2, size=number)
    motifs = [[list("ACGT").index(base) for base in m] for m in ("GGGCGG", "TATAAA")]
    for row, label in zip(x, y, strict=True):
        first, second = sorted(generator.choice(length // 8 - 1, size=2, replace=False))
        row[8 * first : 8 * first + 6] = motifs[label]
        row[8 * second : 8 * second + 6] = motifs[1 - label]
    return x, y


train, test = sequences(1600, seed=0), sequences(400, seed=1)
print("".join(BASES[train[0][0]][:80]), train[1][0])

"""
Here `BiSSM` itself, which multiplies what it has seen before by what it has seen after:
an *and* of both sides. A short convolution in front finds motifs; it is the same for
all.
"""


def attention(x):
    return keras.layers.MultiHeadAttention(2, DIM // 2)(x, x)


LAYERS = {
    "BiSSM": lambda x: keras_bigs.layers.BiSSM()(x),
    "two LSTMs": lambda x: keras.layers.Bidirectional(
        keras.layers.LSTM(DIM // 2, return_sequences=True)
    )(x),
    "attention": attention,
}


def reader(mix):
    inputs = keras.Input((None,), dtype="int32")
    x = keras.layers.Embedding(4, DIM)(inputs)
    x = keras.layers.Conv1D(DIM, 7, padding="same", activation="gelu")(x)
    x = x + mix(keras.layers.LayerNormalization()(x))
    x = keras.layers.GlobalMaxPooling1D()(keras.layers.LayerNormalization()(x))
    return keras.Model(inputs, keras.layers.Dense(1, activation="sigmoid")(x))


if keras.config.backend() == "torch":
    del LAYERS["two LSTMs"]  # a minute an epoch
print("             weights   accuracy   seconds an epoch")
for name, mix in LAYERS.items():
    keras.utils.set_random_seed(0)
    model = reader(mix)
    scores, each = train_and_time(
        model, train, test, epochs=8, loss="binary_crossentropy", metrics=["accuracy"]
    )
    weights, accuracy = model.count_params(), scores["accuracy"]
    print(f"{name:12} {weights:7,}   {accuracy:.3f}      {each:.1f}")

"""
Attention without position embeddings does not know what is before what; the
convolutions of `BiSSM` and the steps of an LSTM do. How far a recurrence learns to look
in eight epochs is another matter: with 160 bases instead of 256 the two LSTMs are ahead
of `BiSSM` (95% against 84%, 2,000 sequences).

## Where to look next

- `padding_mask=` tells `BiSSM` which positions are padding; Keras masks do as well.
- `method="auto"` chooses the algorithm by length and device; there is no maximum
  length.
- `GatedBiGSBlock(intermediate_dim=3 * dim)` is a whole layer, with gates and residual.
- `discretization`, `state_matrix`, `min_step` and `max_step` are those of S4D; steps
  from `1 / length` on suit signals whose memory is long.
"""
