"""Paragraphs that come again anywhere in a corpus."""

import hashlib

import numpy as np

from keras_bigs.data.corpus.corpus import ChunkText
from keras_bigs.data.corpus.job import Job
from keras_bigs.data.corpus.job import load_arrays
from keras_bigs.data.corpus.job import save_arrays
from keras_bigs.data.corpus.sentences import clean
from keras_bigs.errors import DataError


def hash_paragraphs(job: Job, number: int) -> None:
    """Writes the 64-bit hash of every paragraph of a chunk, and its size in bytes."""
    text = job.corpus.read(job.chunks[number])
    paragraphs = [
        clean(paragraph).encode()
        for document in text.documents()
        for paragraph in document
    ]
    hashes = [hashlib.blake2b(p, digest_size=8).digest() for p in paragraphs]
    save_arrays(
        job.part(f"hashes-{number:05d}.npz"),
        text=text.fingerprint(),
        hashes=np.frombuffer(b"".join(hashes), "<u8"),
        sizes=np.array([len(p) for p in paragraphs], "<u8"),
    )


def mark_repetitions(job: Job) -> None:
    """Writes, for every chunk, which paragraphs come for the first time."""
    paths = [job.part(f"hashes-{i:05d}.npz") for i in range(len(job.chunks))]
    files = [load_arrays(path) for path in paths]
    hashes = [file["hashes"] for file in files]
    # Held-out chunks first: what is in them must not be trained on.
    order = sorted(range(len(hashes)), key=lambda i: i not in job.held_out)
    kept = np.zeros(sum(map(len, hashes)), bool)
    kept[
        np.unique(np.concatenate([hashes[i] for i in order]), return_index=True)[1]
    ] = 1
    ends = np.cumsum([len(hashes[i]) for i in order])
    for i, mask in zip(order, np.split(kept, ends[:-1]), strict=True):
        sizes = files[i]["sizes"]
        save_arrays(
            _marks_path(job, i),
            text=files[i]["text"],
            kept=mask,
            num_bytes=sizes.sum(),
            num_repeated_bytes=sizes[~mask].sum(),
        )
    for path in paths:
        path.unlink()


def is_marked(job: Job, number: int) -> bool:
    """Whether the repeated paragraphs of a chunk are known, for its text of now."""
    path = _marks_path(job, number)
    if not path.exists():
        return False
    text = job.corpus.read(job.chunks[number])
    return str(load_arrays(path)["text"]) == text.fingerprint()


def forget_marks(job: Job) -> None:
    """Removes all marks: each depends on all texts."""
    for number in range(len(job.chunks)):
        _marks_path(job, number).unlink(missing_ok=True)


def kept_paragraphs(job: Job, number: int, text: ChunkText) -> np.ndarray:
    """Which paragraphs of a chunk come for the first time: `(paragraphs,)` bool.

    Raises:
        DataError: `text` is not the one that was looked at for repetitions.
    """
    marks = load_arrays(_marks_path(job, number))
    if str(marks["text"]) != text.fingerprint():
        spans = job.chunks[number].spans
        files = spans[0].source
        if len(spans) > 1:
            files = f"One of {spans[0].source} to {spans[-1].source}"
        raise DataError(
            f"{files} was changed while it was prepared. Run the same command again."
        )
    return marks["kept"]


def count_repetitions(job: Job) -> dict[str, int]:
    """How many paragraphs there are and how many are left out, and their sizes."""
    marks = [load_arrays(_marks_path(job, i)) for i in range(len(job.chunks))]
    return {
        "num_paragraphs": sum(len(m["kept"]) for m in marks),
        "num_repeated_paragraphs": sum(int((~m["kept"]).sum()) for m in marks),
        "num_bytes": sum(int(m["num_bytes"]) for m in marks),
        "num_repeated_bytes": sum(int(m["num_repeated_bytes"]) for m in marks),
    }


def _marks_path(job, number):
    return job.part(f"kept-{number:05d}.npz")
