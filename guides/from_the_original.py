"""
Title: From the original's code
Author: the authors of keras_bigs
Date created: 2026/11/29
Last modified: 2026/11/29
Description: Checkpoints of jxiw/BiGS to presets and back, and what differs.
Accelerator: None
"""

"""
## For whom this is

You have a checkpoint of the authors' code, [jxiw/BiGS](https://github.com/jxiw/BiGS),
in Flax or PyTorch, or want to use the published ones, and would like to go on in Keras.
Or you trained here and others want to load it there. Both ways keep every bit of the
weights that the format has.

The published checkpoints are on the Hugging Face hub and need a network:

```python
backbone = keras_bigs.models.BiGSBackbone.from_preset("bigs_large_128_en_uncased")
masked_lm = keras_bigs.models.BiGSMaskedLM.from_preset(
    "hf://JunxiongWang/BiGS_128",
    vocabulary="vocab.txt",  # BERT's, uncased, which they do not contain
)
```

(`hf download google-bert/bert-base-uncased vocab.txt --local-dir .` brings it.)

In this guide a small model with random weights stands for them.
"""

import os

os.environ.setdefault("KERAS_BACKEND", "jax")

import json
import pathlib
import subprocess
import sys
import tempfile
import warnings

import keras
import numpy as np

import keras_bigs

keras.utils.set_random_seed(0)
folder = pathlib.Path(tempfile.mkdtemp())

"""
## A checkpoint in the original's format

The original ignores the padding mask, so that padding changes its outputs. Here that is
`mask_padding=False`; more on it below.
"""

special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
words = ["the", "a", "man", "woman", "dog", "reads", "book", "in", "house", "."]
tokenizer = keras_bigs.models.BiGSTokenizer(special + words)
model = keras_bigs.models.BiGSMaskedLM(
    keras_bigs.models.BiGSBackbone(
        vocabulary_size=tokenizer.vocabulary_size(),
        num_layers=2,
        hidden_dim=32,
        intermediate_dim=96,
        max_sequence_length=32,
        mask_padding=False,
    ),
    keras_bigs.models.BiGSMaskedLMPreprocessor(tokenizer, sequence_length=32),
)
origin = keras_bigs.convert.save_original(model, folder / "original")
print(origin, sorted(path.name for path in (folder / "original").iterdir()))
config = json.loads((folder / "original" / "config.json").read_text())
print({key: config[key] for key in ("model_type", "hidden_size", "num_ssm")})

"""
## Load it

`from_preset` takes a directory or a handle in that format like any preset. Flax files
(`flax_model.msgpack`) and PyTorch's (`model.safetensors`) need neither Flax nor
PyTorch; `pytorch_model.bin` is read by PyTorch's weights-only reader, and nothing is
unpickled.
"""

with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    loaded = keras_bigs.models.BiGSMaskedLM.from_preset(str(folder / "original"))
equal = [
    np.array_equal(ours, theirs)
    for ours, theirs in zip(loaded.get_weights(), model.get_weights(), strict=True)
]
print(f"{sum(equal)} of {len(equal)} tensors are equal bit by bit")
messages = [str(warning.message) for warning in caught]
print(*(message for message in messages if "no weights" in message))

"""
The one that differs belongs to the pooler, which masked language models do not train
and the original's do not have.

A task with a new head on an old encoder works the same way; a warning names what is
new:
"""

with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    classifier = keras_bigs.models.BiGSTextClassifier.from_preset(
        str(folder / "original"), num_classes=2
    )
messages = [str(warning.message) for warning in caught]
print(*(message for message in messages if "no weights" in message))

"""
## Which tensor is which

Names differ: `du_forward` of the original is the dense layer before the forward SSM,
and so on. `tensor_map` is the table, for your own checks.
"""

for name, target in list(keras_bigs.convert.tensor_map(model, "flax").items())[5:12]:
    print(f"{name:45} {target.variable.path}")

"""
## On the command line

A conversion writes a preset, or the original's format, reads back what it wrote and
compares every bit. A preset keeps the source's `config.json` as `original_config.json`,
with the names of its labels (`id2label`), and its vocabulary, or that of
`--vocabulary`:
"""


def convert(*arguments):
    command = [sys.executable, "-m", "keras_bigs.convert", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    print(done.stdout.strip())


convert(folder / "original", folder / "preset")
convert("--to", "original", folder / "preset", folder / "again")

"""
## What differs, and why

**Padding.** The original's backward SSM starts at the last position of the padded
input, so that a sentence's output depends on how far it was padded:
"""

sentence = "the man reads a book in the house ."


def output(mask_padding, length):
    backbone = keras_bigs.models.with_options(
        loaded.backbone, mask_padding=mask_padding
    )
    packer = keras_bigs.models.BiGSTextEmbedderPreprocessor(
        tokenizer, sequence_length=length
    )
    embedder = keras_bigs.models.BiGSTextEmbedder(backbone, packer)
    return embedder.predict([sentence], verbose=0)[0]


for mask_padding in (False, True):
    change = np.abs(output(mask_padding, 12) - output(mask_padding, 32)).max()
    print(f"mask_padding={mask_padding}: padded to 12 or to 32 differ by {change:.1e}")

"""
Converted checkpoints keep the original's behaviour, because their weights were trained
with it. To fine-tune, `with_options(classifier, mask_padding=True)` is worth a try:
batches can then be padded to the longest text in them, which is where most of the time
goes.

**Last hidden state.** Nothing normalizes it in the original, and heads that start from
nothing may learn little from it. `with_options(model, final_layer_norm=True)` adds a
layer norm to any model, for which the original has no place.

**GELU.** The published weights come from the Flax code, whose blocks use the tanh
approximation; the PyTorch port uses the exact one, so that the same weights give
slightly other outputs there. The loader takes the activation from the format it reads.

**Dropout.** The original has it at the embeddings only. `from_preset(..., dropout=0.1)`
of a backbone adds it to blocks.

**Kernel length.** There it is `max_position_embeddings`, a constant; here a kernel is
as long as the input.

**Token type ids, pooler, heads.** As in the original. Flax checkpoints of heads that
work on tokens have no pooler; it is new when something needs it.
"""
