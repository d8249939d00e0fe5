"""From a corpus to shards of pretraining examples.

The work is cut into chunks of text, and every chunk makes shards of its own, as a pure
function of the chunk and the settings. So the shards are the same bytes whether one
process makes them, several, or Apache Beam (`keras_bigs.data.runners`); and what was
made before an interruption need not be made again.
"""

import contextlib
import dataclasses
import functools
import gc
import hashlib
import itertools
import json
import shutil
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from keras_bigs.data import shards
from keras_bigs.data.corpus import Chunk
from keras_bigs.data.corpus import Corpus
from keras_bigs.data.masking import Masker
from keras_bigs.data.masking import Masking
from keras_bigs.data.packing import pack
from keras_bigs.data.sentences import clean
from keras_bigs.data.sentences import split_sentences
from keras_bigs.data.tables import DataError
from keras_bigs.data.vocabulary import learn_vocabulary
from keras_bigs.data.word_tokenizer import WordTokenizer
from keras_bigs.files import whole
from keras_bigs.models import BiGSTokenizer

# Rows masked at once; their random numbers take 12 MB at 128 tokens.
MASKING_ROWS = 4096


@dataclass(frozen=True)
class Settings:
    """How examples are made (paper, section 5, after Izsak et al. 2021).

    Attributes:
        sequence_length: tokens in an example, `"[CLS]"` and `"[SEP]"` included.
        short_sequence_probability: how often a sequence is kept short, at random.
        copies: how many times each example comes, with other masks each time. 0 leaves
            the masks of training examples to training; those of validation examples
            are fixed in any case.
        masking: `Masking`.
        validation_fraction: the share of documents held out for validation, drawn at
            random.
        deduplicate: whether a paragraph that comes again anywhere is left out.
        lowercase: whether text is lower-cased and stripped of accents.
        seed: of held-out documents, short sequences and masks.

    Raises:
        ValueError: sizes that make no sense.
    """

    sequence_length: int = 128
    short_sequence_probability: float = 0.1
    copies: int = 1
    masking: Masking = dataclasses.field(default_factory=Masking)
    validation_fraction: float = 0.005
    deduplicate: bool = True
    lowercase: bool = True
    seed: int = 0

    def __post_init__(self):
        if self.sequence_length < 3:
            raise ValueError(
                "`sequence_length` must be at least 3: two tokens are [CLS] and [SEP]. "
                f"Received: {self.sequence_length}"
            )
        if self.copies < 0:
            raise ValueError(f"`copies` must not be negative. Received: {self.copies}")
        for name in ("short_sequence_probability", "validation_fraction"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(
                    f"`{name}` must be in [0, 1). Received: {getattr(self, name)}"
                )


@dataclass(frozen=True)
class Job:
    """Everything that a worker needs to make the shards of a chunk.

    Attributes:
        directory: where the shards go, and `vocabulary.txt` is.
        corpus: `Corpus`.
        chunks: the chunks of text; shards are numbered after them.
        held_out: the numbers of chunks that are for validation as a whole.
        settings: `Settings`.
    """

    directory: str
    corpus: Corpus
    chunks: tuple[Chunk, ...]
    held_out: frozenset[int]
    settings: Settings

    def identity(self) -> dict:
        """What must be equal for work to be continued."""
        return {
            "corpus": dataclasses.asdict(self.corpus),
            "chunks": [dataclasses.asdict(chunk) for chunk in self.chunks],
            "held_out": sorted(self.held_out),
            "settings": dataclasses.asdict(self.settings),
        }

    def part(self, name: str) -> Path:
        """A file among the records of the work."""
        return Path(self.directory) / shards.PARTS / name


def plan(
    directory,
    sources: Iterable[str],
    settings: Settings,
    corpus: Corpus | None = None,
    validation_sources: Iterable[str] = (),
    chunk_bytes: int = 8 * 2**20,
) -> Job:
    """Cuts sources into chunks and claims the directory.

    A directory is free for other texts and settings until it has shards.

    Args:
        directory: where the shards will be.
        sources: see `Corpus.chunks`; one at least.
        settings: `Settings`.
        corpus: `Corpus`, for its options.
        validation_sources: more sources, all for validation; then nothing is held out
            of `sources`.
        chunk_bytes: the size of a chunk.

    Raises:
        DataError: no sources, a source that is not readable, or `directory` has shards
            of another job.
        ValueError: `chunk_bytes` is below 1.
    """
    corpus = corpus or Corpus()
    chunks = corpus.chunks(sources, chunk_bytes)
    if not chunks:
        raise DataError(
            "`sources` is empty. Name at least one text file or TensorFlow Dataset."
        )
    held_out = corpus.chunks(validation_sources, chunk_bytes)
    if held_out:
        settings = dataclasses.replace(settings, validation_fraction=0.0)
    numbers = range(len(chunks), len(chunks) + len(held_out))
    job = Job(
        str(directory), corpus, (*chunks, *held_out), frozenset(numbers), settings
    )
    path = job.part("job.json")
    identity = json.dumps(job.identity(), indent=1)
    if path.exists() and path.read_text(encoding="utf-8") != identity:
        if _has_shards(directory):
            raise DataError(
                f"{directory} has shards of other texts or settings. Name another "
                "directory."
            )
        _forget(job)
    if not path.exists():
        _write(path, identity)
    return job


def write_vocabulary(
    job: Job, vocabulary: Iterable[str] | None, size: int, sample_bytes: int
) -> None:
    """Writes `vocabulary.txt`: the pieces given, or learnt from a sample of the texts.

    The sample has as much of the beginning of every chunk. An interrupted job keeps the
    vocabulary that it has.

    Args:
        job: `Job`.
        vocabulary: word pieces, or `None` to learn them.
        size: the most pieces to learn.
        sample_bytes: how much text to learn from.

    Raises:
        DataError: the directory has shards of another vocabulary, or a
            `vocabulary.txt` that is not the one written here.
    """
    path = Path(job.directory) / shards.VOCABULARY
    options: dict = {"size": size, "sample_bytes": sample_bytes}
    if vocabulary is not None:
        content = _lines(vocabulary)
        options = {"sha256": _sha256(content)}
    before = _vocabulary_record(job)
    if before["options"] != options and _has_shards(job.directory):
        raise DataError(
            f"{job.directory} has shards of another vocabulary, made with "
            f"{before['options']}. Received: {options}. Name another directory."
        )
    if path.exists():
        digest = shards.sha256(path)
        if digest not in (before["sha256"], options.get("sha256")):
            raise DataError(
                f"{path} is not the vocabulary of this work: it was changed, or is of "
                "another origin. Name another directory, or restore the file."
            )
        if before == {"options": options, "sha256": digest}:
            return
    if vocabulary is None:
        content = _lines(_learn(job, size, sample_bytes))
    # The record first: a vocabulary without one is not ours.
    record = {"options": options, "sha256": _sha256(content)}
    _write(job.part("vocabulary.json"), json.dumps(record, indent=1))
    _write(path, content)


def _vocabulary_record(job):
    """What `write_vocabulary` noted of the vocabulary it wrote."""
    path = job.part("vocabulary.json")
    if not path.exists():
        return {"options": None, "sha256": None}
    return json.loads(path.read_text(encoding="utf-8"))


def _forget(job):
    """Removes what an earlier job left that made no shards."""
    path = Path(job.directory) / shards.VOCABULARY
    if path.exists() and shards.sha256(path) == _vocabulary_record(job)["sha256"]:
        path.unlink()
    shutil.rmtree(job.part("job.json").parent)


def _learn(job, size, sample_bytes):
    """Word pieces learnt from the beginning of every chunk for training."""
    training = [c for i, c in enumerate(job.chunks) if i not in job.held_out]
    texts = []
    for chunk in training:
        room = sample_bytes // len(training)
        for paragraph in itertools.chain.from_iterable(job.corpus.documents(chunk)):
            texts.append(clean(paragraph))
            room -= len(paragraph)
            if room < 0:
                break
    return learn_vocabulary(texts, size, lowercase=job.settings.lowercase)


def _lines(pieces):
    return "".join(f"{piece}\n" for piece in pieces)


def _has_shards(directory):
    return any(Path(directory).glob("*.hdf5"))


def run(job: Job, runner: Callable) -> dict:
    """Makes all shards that are not there yet, and then the manifest.

    Args:
        job: `Job`, whose directory has `vocabulary.txt`.
        runner: calls a function for every chunk number, see `keras_bigs.data.runners`.

    Returns:
        The manifest.

    Raises:
        DataError: a text cannot be read, nothing is left of the texts, or nothing was
            held out of them.
    """
    numbers = list(range(len(job.chunks)))
    if job.settings.deduplicate and not all(_is_marked(job, i) for i in numbers):
        # Marks depend on all texts, so none may be left of an earlier state.
        for i in numbers:
            _kept_path(job, i).unlink(missing_ok=True)
        runner(functools.partial(hash_paragraphs, job), numbers, "Deduplicating")
        mark_repetitions(job)
    missing = [i for i in numbers if not _is_made(job, i)]
    if missing:
        runner(functools.partial(make_shards, job), missing, "Making shards")
    infos = [
        shards.ShardInfo(**info)
        for number in numbers
        for info in _record(job, number)["shards"]
    ]
    if not any(info.split == "train" for info in infos):
        raise DataError("The texts make no training example.")
    fraction = job.settings.validation_fraction
    if fraction and not any(info.split == "validation" for info in infos):
        raise DataError(
            f"`validation_fraction`={fraction} of the documents held out none. Name "
            "another directory and a larger fraction; or 0, and sources of their own "
            "for validation (--validation)."
        )
    order = sorted(infos, key=lambda info: info.name)
    shards.write_manifest(job.directory, dataclasses.asdict(job.settings), order)
    return shards.read_manifest(job.directory)[0]


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
    _save(
        job.part(f"hashes-{number:05d}.npz"),
        text=fingerprint,
        hashes=np.frombuffer(b"".join(hashes), "<u8"),
    )


def mark_repetitions(job: Job) -> None:
    """Writes, for every chunk, which paragraphs come for the first time."""
    paths = [job.part(f"hashes-{i:05d}.npz") for i in range(len(job.chunks))]
    files = [_load(path) for path in paths]
    hashes = [file["hashes"] for file in files]
    # Held-out chunks first: what is in them must not be trained on.
    order = sorted(range(len(hashes)), key=lambda i: i not in job.held_out)
    kept = np.zeros(sum(map(len, hashes)), bool)
    kept[
        np.unique(np.concatenate([hashes[i] for i in order]), return_index=True)[1]
    ] = 1
    ends = np.cumsum([len(hashes[i]) for i in order])
    for i, mask in zip(order, np.split(kept, ends[:-1]), strict=True):
        _save(_kept_path(job, i), text=files[i]["text"], kept=mask)
    for path in paths:
        path.unlink()


@contextlib.contextmanager
def _without_garbage_collection():
    """A tenth faster: many lists are made here, and no cycles of them."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@_without_garbage_collection()
def make_shards(job: Job, number: int) -> None:
    """Makes the shards of a chunk, and the record that says so."""
    settings, infos, inputs = job.settings, [], _inputs(job, number)
    pieces, tokenizer = _tokenizer(
        job.directory, settings.lowercase, inputs["vocabulary"]
    )
    sequences = _sequences(job, number, tokenizer)
    # Of an earlier text or vocabulary there may have been more.
    if before := _record(job, number):
        for info in before["shards"]:
            (Path(job.directory) / info["name"]).unlink(missing_ok=True)
    masker = Masker(pieces, settings.masking, settings.seed)
    for split, contents in sequences.items():
        if not contents:
            continue
        examples = _pad(contents, settings.sequence_length, pieces)
        copies = settings.copies if split == "train" else 1
        for copy in range(max(copies, 1)):
            arrays = examples
            if copies:
                arrays = {**examples, **_mask(masker, examples, number, copy)}
            # Ids and positions as small as they can be, for every shard the same.
            for name, largest in {
                "input_ids": len(pieces) - 1,
                "masked_lm_ids": len(pieces) - 1,
                "masked_lm_positions": settings.sequence_length - 1,
            }.items():
                if name in arrays:
                    dtype = shards.smallest_dtype(largest)
                    arrays = {**arrays, name: arrays[name].astype(dtype)}
            name = f"{split}-{copy:02d}-{number:05d}.hdf5"
            digest = shards.write_shard(Path(job.directory) / name, arrays)
            tokens = int(examples["input_mask"].sum())
            infos.append(
                shards.ShardInfo(
                    name, split, number, copy, len(contents), tokens, digest
                )
            )
    record = {"inputs": inputs, "shards": [dataclasses.asdict(i) for i in infos]}
    _write(job.part(f"{number:05d}.json"), json.dumps(record))


def _inputs(job, number) -> dict:
    """Hashes of what the shards of a chunk are made from, besides the settings."""
    inputs = {
        "vocabulary": shards.sha256(Path(job.directory) / shards.VOCABULARY),
        "text": job.corpus.fingerprint(job.chunks[number]),
    }
    if job.settings.deduplicate:
        kept = _load(_kept_path(job, number))["kept"]
        inputs["kept"] = hashlib.sha256(kept.tobytes()).hexdigest()
    return inputs


def _sequences(job, number, tokenizer) -> dict[str, list[list[int]]]:
    """The packed token ids of a chunk, by split."""
    settings, chunk = job.settings, job.chunks[number]
    texts = list(job.corpus.documents(chunk))
    kept: Iterator[bool] = itertools.repeat(True)
    if settings.deduplicate:
        flags = _load(_kept_path(job, number))["kept"].tolist()
        if len(flags) != sum(map(len, texts)):
            raise DataError(
                f"{chunk.source} was changed while it was prepared. Run the same "
                "command again."
            )
        kept = iter(flags)
    documents = [
        [
            sentence
            for paragraph in document
            if next(kept)
            for sentence in split_sentences(clean(paragraph))
        ]
        for document in texts
    ]
    ids = iter(tokenizer(sentence for document in documents for sentence in document))
    held_out = held_out_documents(job, number, len(documents))
    sequences: dict[str, list[list[int]]] = {"train": [], "validation": []}
    for i, document in enumerate(documents):
        bits = np.random.Philox(key=[settings.seed, 1], counter=[0, i, number, 0])
        sequences["validation" if held_out[i] else "train"] += pack(
            (next(ids) for _ in document),
            settings.sequence_length - 2,
            settings.short_sequence_probability,
            np.random.Generator(bits),
        )
    return sequences


def held_out_documents(job: Job, number: int, count: int) -> np.ndarray:
    """Which of the `count` documents of a chunk are for validation: `(count,)` bool."""
    if number in job.held_out:
        return np.ones(count, bool)
    bits = np.random.Philox(key=[job.settings.seed, 2], counter=[0, 0, number, 0])
    return np.random.Generator(bits).random(count) < job.settings.validation_fraction


def _pad(contents, length, pieces) -> dict[str, np.ndarray]:
    """Sequences between `[CLS]` and `[SEP]`, padded."""
    start, end, pad = (pieces.index(piece) for piece in ("[CLS]", "[SEP]", "[PAD]"))
    input_ids = np.full((len(contents), length), pad, "int32")
    for row, ids in zip(input_ids, contents, strict=True):
        row[: len(ids) + 2] = [start, *ids, end]
    lengths = np.array([len(ids) + 2 for ids in contents])
    input_mask = (np.arange(length) < lengths[:, None]).astype("uint8")
    return {
        "input_ids": input_ids,
        "input_mask": input_mask,
        "segment_ids": np.zeros_like(input_mask),
    }


def _mask(masker, examples, number, copy) -> dict[str, np.ndarray]:
    """The arrays that masking changes or adds."""
    token_ids = examples["input_ids"]
    rows = np.array([(copy, number, row) for row in range(len(token_ids))])
    parts = [
        masker(token_ids[i : i + MASKING_ROWS], rows[i : i + MASKING_ROWS])
        for i in range(0, len(rows), MASKING_ROWS)
    ]
    names = ("input_ids", *shards.MASK_FIELDS)
    return dict(zip(names, map(np.concatenate, zip(*parts, strict=True)), strict=True))


@functools.lru_cache(1)
def _tokenizer(directory, lowercase, digest):
    """The vocabulary of a job and its tokenizer, made once for each process.

    `digest`, the hash of the vocabulary, only says whether they may be used again.
    """
    pieces = read_vocabulary(directory)
    return pieces, WordTokenizer(BiGSTokenizer(pieces, lowercase=lowercase))


def read_vocabulary(path) -> list[str]:
    """The word pieces of a file with one a line, in the order of their ids.

    Args:
        path: the file, or a folder of shards, which has it.

    Raises:
        DataError: no such file, or it is no text.
    """
    path = Path(path)
    path = path / shards.VOCABULARY if path.is_dir() else path
    try:
        # Not `splitlines()`: a piece may be a rare kind of line break.
        return path.read_text(encoding="utf-8").rstrip("\n").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: no vocabulary to read ({error}).") from error


def _is_marked(job, number):
    """Whether the repeated paragraphs of a chunk are known, for its text of now."""
    path = _kept_path(job, number)
    if not path.exists():
        return False
    return str(_load(path)["text"]) == job.corpus.fingerprint(job.chunks[number])


def _kept_path(job, number):
    return job.part(f"kept-{number:05d}.npz")


def _is_made(job, number):
    """Whether all shards of a chunk are there, undamaged and of the same inputs."""
    record = _record(job, number)
    if record is None or record["inputs"] != _inputs(job, number):
        return False
    paths = [(Path(job.directory) / i["name"], i["sha256"]) for i in record["shards"]]
    return all(p.exists() and shards.sha256(p) == digest for p, digest in paths)


def _record(job, number) -> dict | None:
    """What is noted of the shards of a chunk: their inputs and `ShardInfo`s."""
    path = job.part(f"{number:05d}.json")
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def _sha256(text):
    return hashlib.sha256(text.encode()).hexdigest()


def _write(path, text):
    with whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _save(path, **arrays):
    with whole(path) as temporary, open(temporary, "wb") as file:
        np.savez(file, **arrays)


def _load(path):
    with np.load(path, allow_pickle=False) as file:
        return dict(file)
