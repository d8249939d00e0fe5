"""The pretraining pipeline: preparing shards, reading them, and feeding a model.

    KERAS_BACKEND=jax python -m benchmarks.pipeline --text texts.txt
    python -m benchmarks.pipeline --text texts.txt --megabytes 60 --small_files

Preparation is timed in one process, after the vocabulary is learnt: reading, cleaning,
deduplicating, tokenizing, packing, masking and writing. Reading is a loop over the
dataset, with the processor time of all threads. A training step is an epoch of
`Model.fit` on the dataset, against one on a batch that is there already; the two take
turns. Tokens are counted without padding. With `--small_files` it is preparation only:
of one file, and of the same text in files of 600 bytes. Without `--text`, the text is
made of random words, as frequent as in English.
"""

import dataclasses
import pathlib
import re
import tempfile
import time

import numpy as np
import tyro
from rich.console import Console
from rich.table import Table

from keras_bigs import data
from keras_bigs.data.corpus import preparation
from keras_bigs.data.corpus import runners
from keras_bigs.data.corpus.job_vocabulary import write_vocabulary

# Of a small file: about that of a short web page.
FILE_BYTES = 600


@dataclasses.dataclass
class Config:
    """Times the pretraining pipeline."""

    text: pathlib.Path | None = None
    """One paragraph a line, blank lines between documents."""
    megabytes: int = 40
    """How much of the text to use."""
    small_files: bool = False
    """Whether to time the preparation of one large file and of many small ones."""
    vocabulary_size: int = 8000
    """The most word pieces to learn."""
    batch_size: int = 32
    """The number of sequences in a batch."""
    dim: int = 192
    """The width of the model of 12 gated layers."""
    steps: int = 5
    """Training steps in a turn."""
    repeats: int = 7
    """Turns with the pipeline, and as many without."""


def main(config: Config):
    console = Console(width=100)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        content = text(config)
        if config.small_files:
            compare_files(config, content, folder, console)
            return
        (folder / "texts.txt").write_bytes(content)
        prepare(config, folder / "texts.txt", folder / "shards", console)
        shards = data.open_shard_folder(folder / "shards")
        read(config, shards, console)
        train(config, shards, console)


def compare_files(config, content, folder, console):
    """One file, and the same documents, of `FILE_BYTES` at most, a file each."""
    pattern = re.compile(rf"\S.{{,{FILE_BYTES - 2}}}(?!\S)", re.DOTALL)
    documents = pattern.findall(content.decode())
    documents = [re.sub(r"\s*\n\s*", "\n", document) for document in documents]
    (folder / "one.txt").write_text("\n\n".join(documents), encoding="utf-8")
    (folder / "many").mkdir()
    for i, document in enumerate(documents):
        path = folder / "many" / f"{i // 1000:04d}" / f"{i % 1000:03d}.txt"
        path.parent.mkdir(exist_ok=True)
        path.write_text(document, encoding="utf-8")
    console.print(f"{len(documents):,} documents")
    for name in ("one.txt", "many"):
        prepare(config, folder / name, folder / f"shards of {name}", console)


def text(config):
    """The beginning of the text, or random words by Zipf's law."""
    size = config.megabytes * 10**6
    if config.text is not None:
        with open(config.text, "rb") as file:
            return file.read(size).decode(errors="ignore").encode()
    rng = np.random.default_rng(0)
    letters = np.array(list("etaoinshrdlucmfwypvbgkjqxz"))
    words = ["".join(rng.choice(letters, rng.integers(2, 10))) for _ in range(50_000)]
    frequencies = 1 / np.arange(1, len(words) + 1)
    drawn = rng.choice(words, size // 6, p=frequencies / frequencies.sum())
    sentences = [" ".join(s).capitalize() + "." for s in np.array_split(drawn, 25_000)]
    paragraphs = [" ".join(sentences[i : i + 5]) for i in range(0, 25_000, 5)]
    documents = ["\n".join(paragraphs[i : i + 8]) for i in range(0, 5_000, 8)]
    return "\n\n".join(documents).encode()


def prepare(config, source, directory, console):
    """Makes the shards in this process."""
    settings = data.Settings(validation_fraction=0.0)
    wall, processor = time.perf_counter(), time.process_time()
    job = preparation.plan(directory, [str(source)], settings)
    planned = time.perf_counter() - wall, time.process_time() - processor
    write_vocabulary(job, None, config.vocabulary_size, 2_000_000)
    wall, processor = time.perf_counter(), time.process_time()
    manifest = preparation.run(job, runners.local_runner(1))
    wall = time.perf_counter() - wall + planned[0]
    processor = time.process_time() - processor + planned[1]
    megabytes = sum(chunk.num_bytes for chunk in job.chunks) / 1e6
    split = manifest["splits"]["train"]
    console.print(
        f"prepare {source.name}: {megabytes:.0f} MB, {split['num_tokens']:,} tokens, "
        f"{split['num_shards']} shards in {wall:.1f} s: {megabytes / wall:.1f} MB/s, "
        f"{megabytes / processor:.1f} MB/s a core"
    )


def read(config, folder, console):
    """Tokens a second of the input pipeline alone."""
    table = Table("masks", "tokens/s", "tokens/s a core")
    for name, masking in {
        "of the shards": None,
        "while training": data.Masking(),
        "while training, whole words": data.Masking(whole_words=True),
    }.items():
        batches = folder.batches("train", config.batch_size, masking)
        steps = min(2000, 4 * batches.num_examples // config.batch_size)
        iterator = iter(batches.dataset(0, steps))
        next(iterator)
        wall, processor = time.perf_counter(), time.process_time()
        count = sum(1 for _ in iterator)
        wall, processor = time.perf_counter() - wall, time.process_time() - processor
        tokens = count * batches.tokens_per_batch
        table.add_row(name, f"{tokens / wall:,.0f}", f"{tokens / processor:,.0f}")
    console.print(table)


def train(config, folder, console):
    """The time of a training step with the pipeline, of that without."""
    import keras
    import tensorflow as tf

    from benchmarks import timing
    from keras_bigs import models
    from keras_bigs import training

    console.print(timing.environment())
    batches = folder.batches("train", config.batch_size, data.Masking())
    backbone = models.BiGSBackbone(
        vocabulary_size=len(folder.vocabulary),
        num_layers=12,
        hidden_dim=config.dim,
        intermediate_dim=3 * config.dim,
        max_sequence_length=batches.sequence_length,
    )
    task = models.BiGSMaskedLM(backbone)
    task.compile(training.adamw(1e-3, 10**6))
    ready = tf.data.Dataset.from_tensors(batches.batch(0)).repeat()

    def fit(dataset):
        task.fit(dataset, steps_per_epoch=config.steps, shuffle=False, verbose=0)

    _, seconds = timing.interleave(
        {"pipeline": lambda: fit(batches.dataset()), "alone": lambda: fit(ready)},
        config.repeats,
    )
    step = 1000 * np.median(seconds["alone"]) / config.steps
    positions = config.batch_size * batches.sequence_length
    console.print(
        f"{keras.backend.backend()}: a training step of {positions:,} positions "
        f"alone takes {step:.0f} ms; with the pipeline "
        f"{timing.median_ratio(seconds, 'pipeline', 'alone'):.3f} of that"
    )


if __name__ == "__main__":
    main(tyro.cli(Config, use_underscores=True))
