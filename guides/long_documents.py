"""
Title: Long documents
Author: the authors of keras_bigs
Date created: 2026/11/29
Last modified: 2026/11/29
Description: Inputs of thousands of tokens: what they cost, and how to train on them.
Accelerator: None
"""

"""
## What limits the length

Attention compares every token with every other, so that its cost grows with the square
of the length. A state space model carries a state from token to token: its cost grows
in proportion to the length, and it can be applied to any length. What limits an encoder
is only the number of its *position embeddings*, and more can be added.

This guide measures what a token costs, extends a trained model to 4,096 tokens, and
trains a classifier on documents whose label hangs on one sentence somewhere in them.
"""

import os

os.environ.setdefault("KERAS_BACKEND", "jax")

import random
import time

import keras
import matplotlib.pyplot as plt
import numpy as np

import keras_bigs

keras.utils.set_random_seed(0)

"""
## What a token costs

Two encoders of about equal size, with random weights: BiGS, and BERT as the same
library builds it. Each encodes one text, at growing length, in the median of
three calls after one that compiles. (Two layers, so that the guide is short; the ratios
are those of a layer.)
"""


def encoder(block, routing):
    sizes = keras_bigs.models.architecture_sizes(block, 256, num_layers=2)
    return keras_bigs.models.BiGSBackbone(
        vocabulary_size=1000, routing=routing, max_sequence_length=8192, **sizes
    )


def seconds(model, length):
    ones = np.ones((1, length), "int32")
    inputs = {"token_ids": ones, "segment_ids": 0 * ones, "padding_mask": ones}
    model.predict_on_batch(inputs)
    times = []
    for _ in range(3):
        start = time.perf_counter()
        model.predict_on_batch(inputs)
        times.append(time.perf_counter() - start)
    return float(np.median(times))


lengths = [256, 512, 1024, 2048, 4096]
bigs, bert = encoder("gated", "ssm"), encoder("stack", "attention")
times = {
    name: [seconds(model, length) for length in lengths]
    for name, model in {"BiGS": bigs, "BERT": bert}.items()
}
print("tokens    BiGS    BERT   microseconds a token")
for i, length in enumerate(lengths):
    each = [1e6 * times[name][i] / length for name in ("BiGS", "BERT")]
    print(f"{length:6}  {each[0]:6.1f}  {each[1]:6.1f}")

for (name, values), marker in zip(times.items(), "os", strict=True):
    cost = 1e6 * np.array(values) / lengths
    plt.plot(lengths, cost, f"{marker}-", label=name)
plt.xscale("log", base=2)
plt.xlabel("length (tokens)")
plt.ylabel("microseconds a token")
plt.ylim(0)
plt.legend()
plt.show()

"""
In training the difference is greater, since attention's matrix is kept for the backward
pass as well. `benchmarks/README.md` has whole training steps.

## Extend a trained model

`extend_positions` returns a copy with more position embeddings; all else stays. With
`"tile"` the old ones are repeated, so that short texts are encoded as before:
"""

masked_lm = keras_bigs.models.BiGSMaskedLM.from_preset("bigs_mini_en_uncased")
longer = keras_bigs.models.extend_positions(masked_lm, 4096)

text = "The old [MASK] was very happy."
for model in (masked_lm, longer):
    (guess,) = model.fill_mask(text, top_k=1)[0]
    length = model.backbone.max_sequence_length
    print(f"up to {length} tokens: {guess['token']}, {guess['score']:.4f}")

"""
The kernels were learnt on texts of up to 512 tokens, so what they do beyond is
extrapolation: training goes on at the new length, for a small share of the first one's
steps. In the paper 10,000 updates take BiGS from 128 to 512 tokens, and others to
4,096:

```
python -m recipes.prepare texts --output shards4096 --sequence_length 4096 \\
    --vocabulary shards/vocabulary.txt
python -m recipes.extend 4096 --start runs/bigs/preset --data shards4096 \\
    --output runs/bigs4096
```

(The names `512` and `4096` are the paper's settings; the shards say the length.)

## Train on long documents

Letters of 400 words about nothing in particular, and one sentence in each, anywhere,
that says whether the writer wants to stay a customer.
"""

generator = random.Random(0)
FILLER = [
    "the weather here is as it was last year",
    "my brother came to see the garden",
    "we had soup and bread at noon",
    "the road to the station is still closed",
    "a letter from the office came on monday",
    "the children sing in the evening",
]
SIGNAL = {0: "please close my account", 1: "please renew my contract"}


def letter():
    label = generator.randint(0, 1)
    sentences = [generator.choice(FILLER) for _ in range(45)]
    sentences.insert(generator.randint(0, 45), SIGNAL[label])
    return " . ".join(sentences) + " .", label


train = [letter() for _ in range(400)]
test = [letter() for _ in range(128)]
words = sorted({word for text, _ in train for word in text.split()})
tokenizer = keras_bigs.models.BiGSTokenizer(
    ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words]
)
print(len(train[0][0].split()), "words:", train[0][0][:90], "...")

"""
The same small encoder reads the first 64 tokens or all of them.
`build` is what a task is made of: encoder, preprocessor with a `sequence_length`,
output layer.
"""


def accuracy(sequence_length):
    keras.utils.set_random_seed(0)
    backbone = keras_bigs.models.BiGSBackbone(
        vocabulary_size=tokenizer.vocabulary_size(),
        num_layers=1,
        hidden_dim=64,
        intermediate_dim=192,
        max_sequence_length=sequence_length,
        dropout=0.0,
    )
    preprocessor = keras_bigs.models.BiGSTextClassifierPreprocessor(
        tokenizer, sequence_length=sequence_length
    )
    classifier = keras_bigs.models.BiGSTextClassifier(
        backbone, num_classes=2, preprocessor=preprocessor
    )
    classifier.compile(
        optimizer=keras.optimizers.Adam(1e-2),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    x, y = map(list, zip(*train, strict=True))
    classifier.fit(x, np.array(y), batch_size=16, epochs=6, verbose=0)
    x, y = map(list, zip(*test, strict=True))
    return classifier.evaluate(x, np.array(y), verbose=0, return_dict=True)["accuracy"]


for sequence_length in (64, 512):
    print(f"first {sequence_length} tokens: accuracy {accuracy(sequence_length):.2f}")

"""
## Memory

Training keeps the activations of every layer for the backward pass: bytes in proportion
to batch times length. When that is too much,

- `rematerialize=True` of the backbone computes each block again instead: about a third
  more time for memory that hardly grows with the number of layers (on CPUs JAX needs a
  flag for it, see `BiGSBackbone`);
- `--accumulation_steps` of `recipes.extend` and `recipes.pretrain` adds the gradients
  of several small batches;
- `--mesh sequence=4` divides the tokens of each text between devices (JAX), see
  [how to launch](launch.md);
- and `dtype="mixed_bfloat16"` halves what is kept.

A 16,384-token text costs 1.4 times as much a token as a 128-token one in our
benchmarks, all included.
"""
