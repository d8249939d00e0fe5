"""
Title: Pretrain on your own texts
Author: the authors of keras_bigs
Date created: 2026/11/29
Last modified: 2026/11/29
Description: From texts to a trained encoder, interrupted, resumed, then adapted.
Accelerator: None
"""

"""
## Two ways to a model of your language

If your texts are in a language or of a kind for which there is no encoder (old
spelling, source code, protein names), train one **from scratch**: learn a vocabulary,
then a masked language model. If there is one, but your texts are of a special kind
(contracts, clinic notes), **go on** from it on them. Both are a command, or a few
calls.

Everything here is of toy size, so that the guide ends in minutes. The commands are
those for real corpora; what changes are the numbers.
"""

import os

os.environ.setdefault("KERAS_BACKEND", "jax")

import pathlib
import shlex
import signal
import subprocess
import sys
import tempfile
import time

import keras_bigs
from keras_bigs.data import agreement

folder = pathlib.Path(tempfile.mkdtemp())

"""
## Texts

Plain text with a paragraph a line and a blank line between documents; JSONL with a
field `text`; either compressed by gzip; folders of such; or TensorFlow Datasets by
name. Here: documents of eight made-up sentences.
"""

sentences = [e.sentence for e in agreement.agreement_sentences("train", 8000)]
documents = [" ".join(sentences[i : i + 8]) for i in range(0, len(sentences), 8)]
(folder / "texts.txt").write_text("\n\n".join(documents) + "\n", encoding="utf-8")
print(documents[0])

"""
## Prepare

`prepare_corpus` (or `python -m recipes.prepare`) leaves out repeated paragraphs, learns
a WordPiece vocabulary, packs sentences of a document into sequences, holds documents
out for validation, and masks 15% of the tokens. It uses all cores, goes on where it was
interrupted, and its bytes do not depend on either; for corpora beyond one machine the
same runs in Apache Beam.
"""

manifest = keras_bigs.data.prepare_corpus(
    [str(folder / "texts.txt")],
    folder / "shards",
    keras_bigs.data.Settings(sequence_length=64, validation_fraction=0.05),
    vocabulary_size=400,
)
print(sorted(path.name for path in (folder / "shards").glob("[!.]*")))

"""
## Train, and be killed

The first argument of `recipes.pretrain` names a configuration (`large` and `bert-large`
are the paper's); options change it. Order and masks of each step are computed from the
seed and the number of the step, so a run does not depend on when it was interrupted.
Let us try: start it in the background, and end it by SIGTERM, as a cluster does, as
soon as it has written a checkpoint.
"""


def command(arguments):
    return [sys.executable, "-m", *shlex.split(arguments)]


pretrain = command(
    f"recipes.pretrain tiny --data {folder}/shards --output {folder}/run "
    "--num_layers 2 --dropout 0 --steps 120 --steps_per_epoch 40 --batch_size 16 "
    "--validation_examples 64 --save_every 10 --learning_rate 3e-3"
)
process = subprocess.Popen(
    pretrain, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
)
while process.poll() is None and not list((folder / "run").glob("checkpoints/*0")):
    time.sleep(0.2)
process.send_signal(signal.SIGTERM)
output, _ = process.communicate()
print("status", process.returncode)
print(output.splitlines()[-1])

"""
The same command goes on from there and ends with the same bits, in weights, optimizer
and metrics, as one that was never ended.
"""

subprocess.run(pretrain, check=True, capture_output=True)
print((folder / "run" / "history.csv").read_text())

"""
The directory has the preset, the loss as a table, a picture and for TensorBoard, and
the options. `python -m recipes.compare runs/*` puts runs side by side.
"""

print(sorted(path.name for path in (folder / "run").glob("[!.]*")))
masked_lm = keras_bigs.models.BiGSMaskedLM.from_preset(str(folder / "run" / "preset"))
text = "the bells [MASK] in the rain ."
print([guess["token"] for guess in masked_lm.fill_mask(text, top_k=3)[0]])

"""
## Go on from a trained model

Prepare the texts with the vocabulary of the model. `recipes.extend domain` then
continues its pretraining at the same length; `recipes.extend 512` and `4096` at a
longer one.
"""

tokenizer = keras_bigs.models.load_tokenizer("bigs_mini_en_uncased")
keras_bigs.data.prepare_corpus(
    [str(folder / "texts.txt")],
    folder / "domain_shards",
    keras_bigs.data.Settings(sequence_length=128, validation_fraction=0.05),
    vocabulary=tokenizer.get_vocabulary(),
)
extend = command(
    f"recipes.extend domain --start bigs_mini_en_uncased --data {folder}/domain_shards "
    f"--output {folder}/domain --steps 20 --steps_per_epoch 10 --batch_size 8 "
    "--validation_examples 32 --learning_rate 1e-3 --dropout 0"
)
subprocess.run(extend, check=True, capture_output=True)
print((folder / "domain" / "history.csv").read_text())

"""
The loss falls fast, as these sentences have few words and one grammar. What the new
texts teach can be at the price of what was known: `python -m recipes.positions --preset
BEFORE AFTER --data SHARDS` puts their losses on any shards side by side.

`folder / "domain" / "preset"` is now where fine-tuning starts from, as in the guide
*Fine-tune on your own file*.

## At full size

A corpus of 76 MB of prose, 2 CPU cores, PyTorch in bfloat16: three hours for 38 million
tokens. `bigs_mini_en_uncased` was made in three stages, the last of which began to
normalize the last hidden state (`pretrain mini` does so from the start by now):

```
python -m recipes.prepare prose.txt --validation held_out.txt --output shards \\
    --vocabulary_size 8000 --short_sequence_probability 0
python -m recipes.prepare prose.txt --validation held_out.txt --output shards512 \\
    --sequence_length 512 --short_sequence_probability 0 \\
    --vocabulary shards/vocabulary.txt
export KERAS_BACKEND=torch
python -m recipes.pretrain mini --data shards --output runs/mini --steps 8800 \\
    --learning_rate 2e-3 --warmup_proportion 0.08 --no_final_layer_norm --dropout 0 \\
    --dtype mixed_bfloat16
python -m recipes.extend 512 --start runs/mini/preset --data shards512 \\
    --output runs/mini512 --steps 400 --batch_size 8 --learning_rate 5e-4 \\
    --warmup_proportion 0.05 --dropout 0 --no_rematerialize --dtype mixed_bfloat16
python -m recipes.extend 512 --start runs/mini512/preset --data shards512 \\
    --output runs/mini512norm --steps 2000 --batch_size 8 --learning_rate 1e-3 \\
    --warmup_proportion 0.05 --dropout 0 --no_rematerialize --dtype mixed_bfloat16 \\
    --final_layer_norm --seed 1
python -m recipes.publish runs/mini512norm --name bigs_mini_en_uncased \\
    --sequence_length 128 --output bigs_mini_en_uncased
```

(Another `--seed` than that of the stage before, or its first steps come again, with the
same masks.)

For TPUs, GPUs and several hosts see [how to launch](launch.md). `python -m recipes.plan
large --topology v5e:4x4 --batch_size 1024` says what a run will take.
"""
