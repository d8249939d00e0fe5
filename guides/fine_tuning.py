"""
Title: Fine-tune on your own file
Author: the authors of keras_bigs
Date created: 2026/11/29
Last modified: 2026/11/29
Description: From a TSV file to a classifier with metrics, in Python and by one command.
Accelerator: None
"""

"""
## The task

Messages to a shop are to be sorted: is it about a delivery, a payment, or the account?
You have a file of messages that somebody has sorted by hand. This guide takes it to a
saved classifier: read the file, start from a pretrained encoder, train with early
stopping, look at the mistakes, and then all of it again by one command.
"""

import os

os.environ.setdefault("KERAS_BACKEND", "jax")

import itertools
import pathlib
import random
import subprocess
import sys
import tempfile

import keras
import matplotlib.pyplot as plt
from sklearn.metrics import ConfusionMatrixDisplay

import keras_bigs
from keras_bigs.data import tables

keras.utils.set_random_seed(0)
folder = pathlib.Path(tempfile.mkdtemp())

"""
## A file

So that nothing has to be downloaded, the messages are put together here from parts, and
one in twenty is sorted wrongly, as happens in real files. **To use your own, skip this
cell** and give the names of your files and columns below.
"""

PARTS = {
    "delivery": (
        ["my last order", "the big box", "the box i ordered", "what you sent me"],
        [
            "has not come yet",
            "has arrived all broken",
            "went to the wrong house",
            "was left in the rain",
            "is now two weeks late",
        ],
    ),
    "payment": (
        ["my old card", "the last bill", "the bill from march", "my own bank"],
        [
            "was charged for it twice",
            "shows far too much money",
            "was refused by you again",
            "has the wrong tax on it",
            "says no money has come",
        ],
    ),
    "account": (
        ["my old password", "the first page", "the form for names", "your new app"],
        [
            "does not work any more",
            "says i do not exist",
            "keeps asking for a code",
            "shows the wrong name again",
            "will not let me in",
        ],
    ),
}
OPENINGS = [
    "hello to you all,",
    "good morning to you,",
    "for the third time,",
    "i am sorry, but",
    "please help me here:",
]
ENDINGS = [
    "what shall i do?",
    "i am not happy.",
    "please call me soon.",
    "can you help me?",
    "i thank you all.",
]

messages = [
    (" ".join(parts), topic)
    for topic, (subjects, complaints) in PARTS.items()
    for parts in itertools.product(OPENINGS, subjects, complaints, ENDINGS)
]
generator = random.Random(0)
# Without repeats: what is trained on must not be evaluated on.
lines = []
for message, topic in generator.sample(messages, 240 + 128):
    if generator.random() < 0.05:
        topic = generator.choice(list(PARTS))
    lines.append(f"{message}\t{topic}\n")
for name, rows in (("train.tsv", lines[:240]), ("dev.tsv", lines[240:])):
    (folder / name).write_text("message\ttopic\n" + "".join(rows), encoding="utf-8")
print("\n".join((folder / "train.tsv").read_text().splitlines()[:4]))

"""
## Read it

TSV, CSV and JSONL are read, also compressed by gzip. Labels are names; `class_names`
puts them in order, and `encode_labels` turns them into numbers.
"""

train = tables.read_table(folder / "train.tsv", text="message", label="topic")
dev = tables.read_table(folder / "dev.tsv", text="message", label="topic")
classes = tables.class_names(train)
print(len(train), "messages,", classes)

"""
What is wrong with a file is said before any training, with the line and the remedy:
"""

(folder / "wrong.tsv").write_text("message\ttopic\nwhere is it?\tdelivry\n")
wrong = tables.read_table(folder / "wrong.tsv", text="message", label="topic")
try:
    tables.encode_labels(wrong, classes)
except keras_bigs.errors.DataError as error:
    print(str(error).replace(str(folder) + "/", ""))

"""
## Train

The classifier starts from a pretrained encoder and a new output layer. Batches are put
together from messages of about the same length, so that little padding is computed.
`fine_tune` trains as the paper does (AdamW, warm-up over a tenth of the steps, linear
decay), evaluates after every epoch, stops when `patience` epochs were no better, and
leaves the classifier as it was at its best. (On TensorFlow most of this guide's time is
compiling, here and in the command at the end.)
"""

classifier = keras_bigs.models.BiGSTextClassifier.from_preset(
    "bigs_mini_en_uncased", num_classes=len(classes)
)
batches = keras_bigs.data.BucketedBatches.for_task
labels = tables.encode_labels(train, classes)
dev_labels = tables.encode_labels(dev, classes)

tuned = keras_bigs.training.fine_tune(
    classifier,
    batches(classifier, train.x, labels, batch_size=16, shuffle=True),
    batches(classifier, dev.x, dev_labels, batch_size=16),
    directory=folder / "training",
    learning_rate=3e-4,
    epochs=4,
    patience=2,
)
for epoch in tuned.history:
    print(
        f"step {epoch['step']:.0f}: loss {epoch['loss']:.3f}, "
        f"accuracy on dev.tsv {epoch['val_accuracy']:.3f}"
    )

"""
1e-5 to 6e-5, as in the paper, is right for large encoders; small ones like more. Killed
in between and started again, the training goes on and ends with the same bits, because
`directory` has its checkpoints. (Give it a folder of your own for that: the one here is
a new one at every start.) Texts are cut to the 128 tokens that this preprocessor packs
to; `classifier.preprocessor.sequence_length` says and sets how many.

## Look at the mistakes
"""

outputs = keras_bigs.training.predict(tuned.model, batches(classifier, dev.x))
predicted = outputs.argmax(axis=-1)
ConfusionMatrixDisplay.from_predictions(
    dev_labels, predicted, display_labels=classes, colorbar=False
)
plt.title("Messages of dev.tsv")
plt.show()

wrong = [i for i in range(len(dev)) if predicted[i] != dev_labels[i]]
for i in wrong[:5]:
    print(f"{dev.path.name}, line {dev.line_numbers[i]}: {dev.texts[i]}")
    print(f"    labelled {dev.labels[i]}, predicted {classes[predicted[i]]}")

"""
What is left are the messages that were sorted wrongly on purpose: the model is
right about them, and the file is not. Such a list is often the best result of a first
training.

## Keep it
"""

classifier.save_to_preset(folder / "preset")
loaded = keras_bigs.models.BiGSTextClassifier.from_preset(str(folder / "preset"))
(logits,) = loaded.predict(["good morning, your new app forgets me. what shall i do?"])
print(classes[logits.argmax()])

"""
## The same by one command

`recipes.classify` does all of this, and writes a preset, the metrics, the learning
curve, the confusion matrix and the exact command. (Recipes run from a clone of the
repository.)
"""

command = f"""-m recipes.classify --model bigs_mini_en_uncased
    --train {folder}/train.tsv --eval {folder}/dev.tsv --text message --label topic
    --learning_rate 3e-4 --batch_size 16 --epochs 1
    --predict {folder}/dev.tsv --output {folder}/run"""
run = subprocess.run(
    [sys.executable, *command.split()], capture_output=True, text=True, check=True
)
print(sorted(path.name for path in (folder / "run").glob("[!.]*")))
print((folder / "run" / "results.json").read_text()[:300])

"""
What else it takes: `--text_pair` for pairs of texts, `--regression` for numbers,
`--multi_label` for any number of labels a text, `--column_names` for a file without a
header, `--metric` for what early stopping watches. `python -m recipes.classify --help`
lists everything.
"""
