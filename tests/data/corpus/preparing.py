"""A small corpus for the tests of its preparation, and how they look at the shards."""

import contextlib
import functools
import hashlib

import numpy as np

from keras_bigs.data import Masking
from keras_bigs.data import Settings
from keras_bigs.data import open_shards
from keras_bigs.data.corpus import preparation
from keras_bigs.data.corpus import runners
from keras_bigs.data.corpus.job_vocabulary import write_vocabulary
from keras_bigs.data.pretraining.masking import unmask

LETTERS = [chr(ord("a") + i) for i in range(26)]
VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ".", *LETTERS]
VOCABULARY += ["##" + letter for letter in LETTERS]
SETTINGS = Settings(
    sequence_length=24,
    copies=2,
    masking=Masking(max_predictions=4),
    validation_fraction=0.25,
)


def documents(n=40, seed=0):
    """Documents of paragraphs of sentences of words of letters."""
    rng = np.random.default_rng(seed)

    def words(n):
        return ["".join(rng.choice(LETTERS, rng.integers(1, 5))) for _ in range(n)]

    return [
        [
            " ".join(
                " ".join(words(rng.integers(1, 9))).capitalize() + "."
                for _ in range(rng.integers(1, 6))
            )
            for _ in range(rng.integers(1, 4))
        ]
        for _ in range(n)
    ]


def write_text(path, documents):
    path.write_text("\n\n".join("\n".join(d) for d in documents) + "\n", "utf-8")
    return str(path)


def plan(directory, sources, settings=SETTINGS, **kwargs):
    return preparation.plan(
        directory, sources, settings, **{"chunk_bytes": 2000, **kwargs}
    )


def prepare(
    directory, sources, settings=SETTINGS, runner=None, vocabulary=VOCABULARY, **kwargs
):
    job = plan(directory, sources, settings, **kwargs)
    write_vocabulary(job, vocabulary, 0, 0)
    return preparation.run(job, runner or runners.local_runner(1))


def runner_of(for_each):
    """A runner that calls `for_each(job, function, numbers, description)`."""

    @contextlib.contextmanager
    def runner(job):
        yield functools.partial(for_each, job)

    return runner


def work(job, function, numbers):
    for number in numbers:
        function(job, number)


def digests(directory):
    """The bytes of every file but the records of the work."""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in directory.iterdir()
        if path.is_file()
    }


def rows(directory, split):
    """The clean token ids, by copy, in the order of the shards."""
    copies = {}
    for shard in open_shards(directory, split):
        copy = shard.copy
        assert copy == int(shard.path.name.split("-")[1])
        arrays = {name: np.asarray(a) for name, a in shard.arrays.items()}
        ids = arrays["input_ids"].astype("int64")
        if shard.is_masked:
            positions, labels = arrays["masked_lm_positions"], arrays["masked_lm_ids"]
            ids = unmask(ids, positions.astype("int64"), labels.astype("int64"))
        copies.setdefault(copy, []).append((ids, arrays))
    return copies


def tokens_of(parts):
    """All ordinary tokens, end to end."""
    return [t for ids, _ in parts for row in ids for t in row if t > 4]
