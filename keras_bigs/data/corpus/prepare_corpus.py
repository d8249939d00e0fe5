"""From texts to shards in one call."""

import time
from collections.abc import Callable
from collections.abc import Iterable
from typing import Any

from rich.console import Console

from keras_bigs.data.corpus import preparation
from keras_bigs.data.corpus import runners
from keras_bigs.data.corpus.corpus import Corpus
from keras_bigs.data.corpus.interruption import explain_interruptions
from keras_bigs.data.corpus.job import hold
from keras_bigs.data.corpus.job_vocabulary import write_vocabulary
from keras_bigs.data.corpus.report import summarize
from keras_bigs.data.corpus.settings import Settings


def prepare_corpus(
    sources: Iterable[str],
    directory,
    settings: Settings | None = None,
    corpus: Corpus | None = None,
    *,
    validation: Iterable[str] = (),
    vocabulary: Iterable[str] | None = None,
    vocabulary_size: int = 30522,
    vocabulary_sample: int = 10_000_000,
    chunk_bytes: int = 8 * 2**20,
    runner: Callable | None = None,
) -> dict[str, Any]:
    """Turns texts into shards of masked examples, as the paper does (section 5).

    Leaves out repeated paragraphs, learns a WordPiece vocabulary or takes one, packs
    the sentences of a document into sequences and masks them; and prints what came of
    it. Called again after an interruption it goes on; the bytes of the shards depend on
    texts and settings only.

    Args:
        sources: text files, JSONL files, directories of such, patterns, or TensorFlow
            Datasets as `name:split`.
        directory: where to write `*.hdf5`, `vocabulary.txt` and `manifest.json`.
        settings: `Settings`: lengths, masks, what is held out.
        corpus: `Corpus`: how to read the sources.
        validation: sources to hold out, instead of a share of all documents.
        vocabulary: word pieces, or `None` to learn them.
        vocabulary_size: the most pieces to learn.
        vocabulary_sample: how many bytes of text to learn from.
        chunk_bytes: about how many bytes of text make a shard.
        runner: what shares the work out: `runners.local_runner(processes)`, the
            default on all cores, or `runners.beam_runner(flags)`.

    Returns:
        The manifest of the shards, a dict.

    Raises:
        DataError: a source cannot be read, nothing is left of the texts or was held out
            of them, the vocabulary is not one, or `directory` has other shards.
        UserError: another process is at work in `directory`.
        PreemptedError: Ctrl-C or SIGTERM came. What is done is kept.

    Example:
    ```python
    keras_bigs.data.prepare_corpus(
        ["texts.txt"], "runs/shards", validation=["held_out.txt"], vocabulary_size=8000
    )
    folder = keras_bigs.data.open_shard_folder("runs/shards")
    ```
    """
    console, start = Console(), time.perf_counter()
    runner = runners.local_runner() if runner is None else runner
    with explain_interruptions(), hold(directory):
        job = preparation.plan(
            directory, sources, settings or Settings(), corpus, validation, chunk_bytes
        )
        with console.status("Learning a vocabulary"):
            write_vocabulary(job, vocabulary, vocabulary_size, vocabulary_sample)
        learnt = time.perf_counter()
        manifest = preparation.run(job, runner)
    summarize(job, manifest, console)
    megabytes = sum(chunk.num_bytes for chunk in job.chunks) / 1e6
    seconds = time.perf_counter() - learnt
    console.print(
        f"{megabytes:,.1f} MB of text in {seconds:.1f} s, {megabytes / seconds:.1f} "
        f"MB/s, after {learnt - start:.1f} s for the vocabulary"
    )
    return manifest
