"""Fine-tunes small tasks on one device and on four virtual ones, which share batches.

    python -m tests.training.tuned_on_devices OUTPUT

Writes `OUTPUT/one.npz` and `OUTPUT/four.npz` with histories, weights and predictions.
22 texts in batches of 8 leave 6 for the last, which four devices cannot share.
"""

import os
import pathlib
import sys

os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=4"

import keras
import numpy as np

from keras_bigs import data
from keras_bigs import models
from keras_bigs import training

WORDS = ["fox", "dog", "cat", "sees", "runs", "home", "the", "a"]
PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]


def main(output):
    write(output / "one.npz", output / "one")
    training.distribute(8, mesh={"batch": 4})
    write(output / "four.npz", output / "four")


def write(path, directory):
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(WORDS, size=n)) for n in rng.integers(2, 12, size=22)]
    labels = [int("fox" in text) for text in texts]
    keras.utils.set_random_seed(0)
    tokenizer = models.BiGSTokenizer(PIECES)
    classifier = models.BiGSTextClassifier(
        backbone(),
        num_classes=2,
        preprocessor=models.BiGSTextClassifierPreprocessor(tokenizer, 16),
    )
    batches = data.BucketedBatches.for_task
    train = batches(classifier, texts, labels, batch_size=8, shuffle=True)
    validation = batches(classifier, texts, labels, batch_size=8)
    tuned = training.fine_tune(
        classifier,
        train,
        validation,
        directory,
        learning_rate=1e-3,
        epochs=2,
        verbose=0,
    )
    tagger = models.BiGSTokenClassifier(
        backbone(),
        num_classes=3,
        preprocessor=models.BiGSTokenClassifierPreprocessor(tokenizer, 16),
    )
    words = sum(tagger.classify_words([text.split() for text in texts]), [])
    np.savez(
        path,
        outputs=training.predict(tuned.model, validation),
        accuracy=[epoch["val_accuracy"] for epoch in tuned.history],
        scores=[word["score"] for word in words],
        **{f"weight/{w.path}": np.array(w) for w in classifier.weights},
    )


def backbone():
    return models.BiGSBackbone(
        vocabulary_size=len(PIECES),
        num_layers=1,
        hidden_dim=16,
        intermediate_dim=32,
        state_dim=4,
        dropout=0.0,
        max_sequence_length=16,
    )


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
