"""Paragraphs that come again anywhere in a corpus."""

import hashlib

import numpy as np

from keras_bigs.data.corpus.job import Job
from keras_bigs.data.corpus.job import load_arrays
from keras_bigs.data.corpus.job import save_arrays
from keras_bigs.data.corpus.sentences import clean


def hash_paragraphs(job: Job, number: int) -> None:
    """Writes the 64-bit hash of every paragraph of a chunk."""
    chunk = job.chunks[number]
    # Taken before reading: if the text changes in between, it will not be that of the
    # text any more, and the work is done again.
    fingerprint = job.corpus.fingerprint(chunk)
    hashes = [
        hashlib.blake2b(clean(paragraph).encode(), digest_size=8).digest()
        for document in job.corpus.documents(chunk)
        for paragraph in document
    ]
    save_arrays(
        job.part(f"hashes-{number:05d}.npz"),
        text=fingerprint,
        hashes=np.frombuffer(b"".join(hashes), "<u8"),
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
        save_arrays(kept_path(job, i), text=files[i]["text"], kept=mask)
    for path in paths:
        path.unlink()


def is_marked(job: Job, number: int) -> bool:
    """Whether the repeated paragraphs of a chunk are known, for its text of now."""
    path = kept_path(job, number)
    if not path.exists():
        return False
    return str(load_arrays(path)["text"]) == job.corpus.fingerprint(job.chunks[number])


def kept_path(job: Job, number: int):
    """Where it says which paragraphs of a chunk come for the first time."""
    return job.part(f"kept-{number:05d}.npz")
