"""
Title: Getting started with BiGS
Author: the authors of keras_bigs
Date created: 2026/11/29
Last modified: 2026/11/29
Description: Fill masks, classify raw strings, embed texts, save, load, switch backend.
Accelerator: None
"""

"""
## What BiGS is

BiGS is a language encoder like BERT, without attention. In each of its layers two long
convolutions, one that looks back and one that looks ahead, carry information between
words, and gates decide what of it is used. The convolutions are those of state space
models, which carry a state from word to word, so that their cost grows with the length
of a text, where attention's grows with its square. BiGS loads, trains and predicts like
any model of [keras-hub](https://keras.io/keras_hub/): from raw strings.

This guide needs no network and no data. It uses `bigs_mini_en_uncased`, which comes
with the package: 12 layers of width 192, trained for three hours on 76 MB of prose. It
knows how English sounds and few facts; what you see below is what a model of that size
can do.

## Choose a backend

JAX, TensorFlow and PyTorch run the same models. `KERAS_BACKEND` must be set before
anything imports Keras:
"""

import os

os.environ.setdefault("KERAS_BACKEND", "jax")

import keras
import numpy as np

import keras_bigs

keras.utils.set_random_seed(0)

"""
## Fill masks

The task that BiGS is pretrained on: some words are replaced by `[MASK]`, and it says
what they were. A `BiGSMaskedLM` takes strings and gives its best guesses with their
probabilities.
"""

masked_lm = keras_bigs.models.BiGSMaskedLM.from_preset("bigs_mini_en_uncased")

for sentence in (
    "The old [MASK] was very happy.",
    "She [MASK] not know what to do.",
    '"What do you want?" he [MASK].',
    "The United [MASK] of America",
):
    (guesses,) = masked_lm.fill_mask(sentence, top_k=4)
    print(sentence, " | ".join(f"{g['token']} {g['score']:.2f}" for g in guesses))

"""
Each guess uses both sides: *old* before the mask and *was happy* after it, *United* and
*of America*.

## Classify raw strings

A `BiGSTextClassifier` puts a new output layer on the same pretrained encoder. Here are
two dozen remarks about restaurants, the first half of them kind.
"""

kind = [
    "the soup was warm and very good",
    "a lovely evening with kind people",
    "we came back the next day because it was so good",
    "the best bread in the city",
    "fresh fish and a beautiful view of the sea",
    "the children loved it and so did we",
    "good wine and friendly service",
    "everything was clean and bright",
    "a great place to sit and read",
    "the cook is a master of his art",
    "they gave us a warm welcome",
    "delicious food at a fair price",
]
unkind = [
    "the soup was cold and had no taste",
    "we waited an hour and nobody came",
    "the worst meal of my life",
    "dirty tables and a bad smell",
    "the bread was old and hard",
    "the fish was not fresh and made me sick",
    "too loud to hear one another speak",
    "they were rude to my mother",
    "a waste of money",
    "never again",
    "poor food at a very high price",
    "the wine was terrible",
]
texts = kind + unkind
labels = np.array([1] * len(kind) + [0] * len(unkind))

"""
`compile` has defaults (Adam at 5e-5, cross-entropy, accuracy). A small model and few
examples want a higher learning rate:
"""

classifier = keras_bigs.models.BiGSTextClassifier.from_preset(
    "bigs_mini_en_uncased", num_classes=2, activation="softmax"
)
classifier.compile(
    optimizer=keras.optimizers.Adam(3e-4),
    loss=keras.losses.SparseCategoricalCrossentropy(),
    metrics=["accuracy"],
)
classifier.fit(texts, labels, batch_size=8, epochs=8)

new = [
    "a wonderful dinner with good friends",
    "the meat was cold and old",
    "kind people and a beautiful garden",
    "they were rude and the room was dirty",
]
for text, (_, probability) in zip(new, classifier.predict(new), strict=True):
    print(f"kind with probability {probability:.2f}: {text}")

"""
Pairs of texts (premise and hypothesis, question and sentence) are given as a tuple of
two lists. The next guide, *Fine-tune on your own file*, does this properly: with a
file, an evaluation set, early stopping and metrics.

## Embed texts

A `BiGSTextEmbedder` maps a text to one vector, the mean of its tokens' hidden states,
of unit length, so that a dot product is the cosine of the angle between two texts.
"""

embedder = keras_bigs.models.BiGSTextEmbedder.from_preset("bigs_mini_en_uncased")
queries = ["the fish was not fresh", "the room was clean"]
found = keras.ops.convert_to_numpy(
    embedder.similarity(embedder.encode_text(queries), embedder.encode_text(texts))
)
for query, row in zip(queries, found, strict=True):
    best = np.argsort(-row)[:2]
    print(query, "->", [f"{texts[i]} ({row[i]:.2f})" for i in best])

"""
Embeddings of an encoder that was only pretrained mirror words more than meaning, as
BERT's do.

## Words, spans, choices

| task | input | what it returns |
|---|---|---|
| `BiGSTokenClassifier` | lists of words | `classify_words`: a class for each word |
| `BiGSQuestionAnswerer` | question and context | `answer`: text, offsets and score |
| `BiGSMultipleChoice` | context and choices | a score for each choice |

The guide *Words and spans* shows them.

## Save and load

`save_to_preset` writes a directory with the weights, the configuration, the vocabulary
and the preprocessing; `from_preset` reads it, on any backend.
"""

import tempfile

directory = os.path.join(tempfile.mkdtemp(), "restaurants")
classifier.save_to_preset(directory)
print(sorted(os.listdir(directory)))

again = keras_bigs.models.BiGSTextClassifier.from_preset(directory)
difference = np.abs(again.predict(new) - classifier.predict(new))
print("largest difference:", difference.max())

"""
To run this guide, or load that directory, on another backend:

```
KERAS_BACKEND=torch python guides/getting_started.py
```

## Sizes

A preset is weights and a configuration. With the configuration alone you build an
encoder of any size, for training from scratch; `CONFIGS` has those of the paper and
smaller ones.
"""

for name, config in keras_bigs.models.CONFIGS.items():
    print(f"{name:12} {config['num_layers']:3} layers of {config['hidden_dim']}")
