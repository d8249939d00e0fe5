"""Shards for the tests of recipes that read or make pretraining runs."""

import numpy as np

from keras_bigs import data
from keras_bigs.data.corpus import runners

WORDS = ["the", "a", "film", "cat", "story", "is", "was", "very", "dull", "lovely"]


def toy_shards(path, words):
    """A `ShardFolder` of sequences of 16 tokens, of 80 texts of so many words each."""
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(WORDS, words)) for _ in range(80)]
    (path / "texts.txt").write_text("\n\n".join(texts), encoding="utf-8")
    data.prepare_corpus(
        (str(path / "texts.txt"),),
        path / "shards",
        vocabulary_size=60,
        settings=data.Settings(sequence_length=16, validation_fraction=0.2),
        runner=runners.local_runner(1),
    )
    return data.open_shard_folder(path / "shards")
