"""From texts to shards: what is in them, and that they are always the same bytes."""

import dataclasses
import gzip
import hashlib
import json
import os
import pathlib
import resource
import runpy
import signal
import sys

import h5py
import keras
import numpy as np
import pytest

from keras_bigs.data import Masking
from keras_bigs.data import Settings
from keras_bigs.data import open_shards
from keras_bigs.data import read_manifest
from keras_bigs.data import read_vocabulary
from keras_bigs.data.corpus import job_vocabulary
from keras_bigs.data.corpus import preparation
from keras_bigs.data.corpus import runners
from keras_bigs.data.corpus.corpus import Corpus
from keras_bigs.data.corpus.examples import held_out_documents
from keras_bigs.data.corpus.job_vocabulary import write_vocabulary
from keras_bigs.data.corpus.sentences import clean
from keras_bigs.data.pretraining.masking import unmask
from keras_bigs.data.pretraining.shards import Shard
from keras_bigs.errors import DataError
from keras_bigs.models import BiGSTokenizer

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "jax", reason="no backend has a part in this"
)
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


def prepare(
    directory, sources, settings=SETTINGS, runner=None, vocabulary=VOCABULARY, **kwargs
):
    kwargs = {"chunk_bytes": 2000, **kwargs}
    job = preparation.plan(directory, sources, settings, **kwargs)
    write_vocabulary(job, vocabulary, 0, 0)
    return preparation.run(job, runner or runners.local_runner(1))


def no_work(function, numbers, description):
    """A runner that is not to be called."""
    raise AssertionError(description)


def digests(directory):
    """The bytes of every file but the records of the work."""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in directory.iterdir()
        if path.is_file()
    }


@pytest.fixture
def source(tmp_path):
    return write_text(tmp_path / "texts.txt", documents())


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


def test_every_token_comes_once(tmp_path, source):
    """Training and held-out documents together are the corpus, to the token."""
    settings = dataclasses.replace(SETTINGS, deduplicate=False)
    manifest = prepare(tmp_path / "shards", [source], settings)
    assert len({shard["number"] for shard in manifest["shards"]}) == 3
    tokenizer = BiGSTokenizer(VOCABULARY)
    job = preparation.plan(tmp_path / "shards", [source], settings, chunk_bytes=2000)
    expected = {"train": [], "validation": []}
    seen, texts_of = [], {"train": "", "validation": ""}
    for number, chunk in enumerate(job.chunks):
        texts = list(job.corpus.documents(chunk))
        held_out = held_out_documents(job, number, len(texts))
        for document, is_held_out in zip(texts, held_out, strict=True):
            seen.append(document)
            text = clean(" ".join(document))
            split = "validation" if is_held_out else "train"
            expected[split] += np.asarray(tokenizer(text)).tolist()
            texts_of[split] += text
    assert seen == documents()
    train = rows(tmp_path / "shards", "train")
    assert sorted(train) == [0, 1]
    for copy in train.values():
        assert tokens_of(copy) == expected["train"]
        # Masked, the labels put back, and made text again: letter by letter the same.
        text = tokenizer.detokenize(tokens_of(copy))
        assert text.replace(" ", "") == texts_of["train"].replace(" ", "").lower()
    (validation,) = rows(tmp_path / "shards", "validation").values()
    assert tokens_of(validation) == expected["validation"]
    # The copies differ in their masks only.
    masks = [
        np.concatenate([arrays["masked_lm_positions"] for _, arrays in copy])
        for copy in train.values()
    ]
    assert (masks[0] != masks[1]).any(1).mean() > 0.5


@pytest.mark.parametrize("fraction", [0.01, 0.4, 0.7])
@pytest.mark.parametrize("count", [1, 50])
def test_the_share_held_out(tmp_path, source, fraction, count):
    """Right for small and large shares, also where a chunk is one document."""
    settings = dataclasses.replace(SETTINGS, validation_fraction=fraction)
    job = preparation.plan(tmp_path / "shards", [source], settings)
    drawn = [
        held_out_documents(job, number, count) for number in range(20_000 // count)
    ]
    # Five standard deviations.
    tolerance = 5 * np.sqrt(fraction * (1 - fraction) / 20_000)
    assert abs(np.mean(drawn) - fraction) < tolerance


@pytest.mark.parametrize("deduplicate", [True, False])
def test_nothing_held_out(tmp_path, deduplicate):
    """Found before there are shards, so another fraction may be named."""
    source = write_text(tmp_path / "texts.txt", documents(3))
    settings = dataclasses.replace(SETTINGS, deduplicate=deduplicate)
    few = dataclasses.replace(settings, validation_fraction=0.001)
    with pytest.raises(DataError, match="`validation_fraction`=0.001 .* none"):
        prepare(tmp_path / "shards", [source], few)
    more = dataclasses.replace(settings, validation_fraction=0.7)
    for directory in (tmp_path / "shards", tmp_path / "fresh"):
        prepare(directory, [source], more)
    assert digests(tmp_path / "shards") == digests(tmp_path / "fresh")


@pytest.mark.parametrize("first_held_out", [True, False])
def test_one_split_has_all_that_is_not_repeated(tmp_path, first_held_out):
    """Documents are drawn for both, but all are the first."""
    source = write_text(tmp_path / "texts.txt", documents(1) * 4)
    job = preparation.plan(tmp_path / "shards", [source], SETTINGS)

    def drawn(settings):
        return held_out_documents(dataclasses.replace(job, settings=settings), 0, 4)

    half = dataclasses.replace(SETTINGS, validation_fraction=0.5)
    seeds = (dataclasses.replace(half, seed=seed) for seed in range(1000))
    expected = [first_held_out, *[not first_held_out] * 3]
    settings = next(s for s in seeds if drawn(s).tolist() == expected)
    message = "no training example" if first_held_out else "held out none"
    with pytest.raises(DataError, match=message):
        prepare(tmp_path / "shards", [source], settings, chunk_bytes=10**6)
    assert not list((tmp_path / "shards").glob("*.hdf5"))


def test_layout(tmp_path, source):
    """Rows are `[CLS] ... [SEP]` and padding, as in the original's files."""
    manifest = prepare(tmp_path / "shards", [source])
    split = manifest["splits"]["train"]
    examples = tokens = 0
    for name in (s["name"] for s in manifest["shards"] if s["split"] == "train"):
        with h5py.File(tmp_path / "shards" / name) as file:
            arrays = {name: np.asarray(file[name][:]).astype("int64") for name in file}
        assert set(arrays) == {
            "input_ids",
            "input_mask",
            "segment_ids",
            "masked_lm_positions",
            "masked_lm_ids",
        }
        ids, mask = arrays["input_ids"], arrays["input_mask"]
        lengths = mask.sum(1)
        assert ids.shape == mask.shape == arrays["segment_ids"].shape
        assert ids.shape[1] == 24 and arrays["masked_lm_ids"].shape == (len(ids), 4)
        np.testing.assert_array_equal(mask, np.arange(24) < lengths[:, None])
        assert (ids[:, 0] == 2).all() and not ids[mask == 0].any()
        assert (ids[np.arange(len(ids)), lengths - 1] == 3).all()
        examples, tokens = examples + len(ids), tokens + mask.sum()
    assert (examples, tokens) == (split["examples"], split["tokens"])


def test_repeated_paragraphs_come_once(tmp_path):
    """Across chunks and files; and what is held out is not trained on."""
    texts = documents(30)
    repeated, held_out = texts[0][0], texts[1][0]
    source = write_text(tmp_path / "a.txt", [*texts[:1], *texts[2:], [repeated]])
    validation = write_text(tmp_path / "b.txt", [[held_out]])
    sources = [source, write_text(tmp_path / "c.txt", [[repeated, held_out], ["Xyz."]])]
    prepare(tmp_path / "shards", sources, validation_sources=[validation])
    tokenizer = BiGSTokenizer(VOCABULARY)

    def count(split, text):
        joined = " ".join(map(str, tokens_of(rows(tmp_path / "shards", split)[0])))
        ids = np.asarray(tokenizer(text)).tolist()
        return joined.count(" ".join(map(str, ids)))

    assert count("train", repeated) == 1
    assert count("train", held_out) == 0
    assert count("validation", held_out) == 1
    assert count("train", "Xyz.") == 1


def test_processes_make_the_same_bytes(tmp_path, source):
    prepare(tmp_path / "one", [source])
    prepare(tmp_path / "two", [source], runner=runners.local_runner(2))
    assert digests(tmp_path / "one") == digests(tmp_path / "two")


def test_a_killed_worker_is_explained():
    """As Linux kills one for lack of memory."""
    with pytest.raises(DataError, match="One of 2 worker .* fewer `--processes`"):
        runners.local_runner(2)(signal.raise_signal, [signal.SIGKILL] * 3, "Killed")


def test_cores_where_only_their_count_is_known(monkeypatch):
    """As on macOS."""
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    done = []
    runners.local_runner()(done.append, [3, 4], "In this process")
    assert done == [3, 4]


def test_beam_makes_the_same_bytes(tmp_path, source):
    pytest.importorskip("apache_beam")
    prepare(tmp_path / "local", [source])
    flags = ["--runner=DirectRunner", "--direct_num_workers=1"]
    prepare(tmp_path / "beam", [source], runner=runners.beam_runner(flags))
    assert digests(tmp_path / "local") == digests(tmp_path / "beam")


def test_interrupted_work_goes_on(tmp_path, source):
    """Killed after some chunks: the rest is made, and nothing twice."""
    prepare(tmp_path / "whole", [source])
    made = []

    def failing(function, numbers, description):
        for number in numbers:
            if description == "Making shards" and number == 2 and not made:
                raise KeyboardInterrupt
            function(number)

    def counting(function, numbers, description):
        made.extend(numbers)
        runners.local_runner(1)(function, numbers, description)

    with pytest.raises(KeyboardInterrupt):
        prepare(tmp_path / "shards", [source], runner=failing)
    with pytest.raises(DataError, match="run the same command again"):
        open_shards(tmp_path / "shards", "train")
    prepare(tmp_path / "shards", [source], runner=counting)
    assert made[0] == 2
    assert digests(tmp_path / "whole") == digests(tmp_path / "shards")


def test_damaged_shards_are_named_and_mended(tmp_path, source):
    prepare(tmp_path / "shards", [source])
    before = digests(tmp_path / "shards")
    damaged, missing = sorted((tmp_path / "shards").glob("train-*.hdf5"))[:2]
    content = bytearray(damaged.read_bytes())
    content[-100] ^= 1
    damaged.write_bytes(content)
    missing.unlink()
    with pytest.raises(DataError) as error:
        open_shards(tmp_path / "shards", "train")
    assert f"{damaged.name} is damaged" in str(error.value)
    assert f"{missing.name} is missing" in str(error.value)
    damaged.unlink()
    prepare(tmp_path / "shards", [source])
    assert digests(tmp_path / "shards") == before


def test_shards_are_opened_with_their_vocabulary(tmp_path, source):
    manifest = prepare(tmp_path / "shards", [source])
    assert read_manifest(tmp_path / "shards")[0] == manifest
    path = tmp_path / "shards" / "vocabulary.txt"
    path.write_text(path.read_text().replace("a", "ä"))
    with pytest.raises(DataError, match="vocabulary.txt is not the vocabulary"):
        open_shards(tmp_path / "shards", "train")
    path.unlink()
    with pytest.raises(DataError, match="vocabulary.txt: no such file"):
        open_shards(tmp_path / "shards", "validation", verify=False)


def test_other_settings_need_another_directory(tmp_path, source):
    prepare(tmp_path / "shards", [source])
    other = dataclasses.replace(SETTINGS, seed=1)
    with pytest.raises(DataError, match="Name another directory"):
        prepare(tmp_path / "shards", [source], other)


@pytest.mark.parametrize("deduplicate", [True, False])
def test_edited_texts_are_prepared_again(tmp_path, deduplicate):
    """An edit in one chunk also decides what is a repetition in the others."""
    settings = dataclasses.replace(SETTINGS, deduplicate=deduplicate)
    old, new = documents(), documents()
    new[0][0] = new[-1][0]
    assert len(new[-1][0]) < len(old[0][0])
    new[0][0] = " " * (len(old[0][0]) - len(new[0][0])) + new[0][0]
    source = write_text(tmp_path / "texts.txt", old)
    prepare(tmp_path / "edited", [source], settings)
    write_text(tmp_path / "texts.txt", new)
    prepare(tmp_path / "edited", [source], settings)
    prepare(tmp_path / "fresh", [source], settings)
    assert digests(tmp_path / "edited") == digests(tmp_path / "fresh")


def test_edits_while_preparing(tmp_path, source):
    """A paragraph more than were looked at for repetitions."""

    def editing(function, numbers, description):
        if description == "Making shards":
            text = (tmp_path / "texts.txt").read_text()
            (tmp_path / "texts.txt").write_text(text.replace(" ", "\n", 1))
        runners.local_runner(1)(function, numbers, description)

    with pytest.raises(DataError, match="texts.txt was changed while"):
        prepare(tmp_path / "shards", [source], runner=editing)
    prepare(tmp_path / "shards", [source])
    prepare(tmp_path / "fresh", [source])
    assert digests(tmp_path / "shards") == digests(tmp_path / "fresh")


def test_a_failed_run_claims_no_directory(tmp_path, source):
    """Other texts, settings and vocabulary, until there are shards."""
    bad = tmp_path / "bad.txt"
    bad.write_bytes(b"A b.\n\ncaf\xe9\n")
    with pytest.raises(DataError, match="not UTF-8"):
        prepare(tmp_path / "shards", [str(bad)], vocabulary=VOCABULARY[:-1])
    other = dataclasses.replace(SETTINGS, seed=1)
    prepare(tmp_path / "shards", [source], other)
    prepare(tmp_path / "fresh", [source], other)
    assert digests(tmp_path / "shards") == digests(tmp_path / "fresh")
    with pytest.raises(DataError, match="Name another directory"):
        prepare(tmp_path / "shards", [source])


def test_no_sources(tmp_path):
    with pytest.raises(DataError, match="`sources` is empty"):
        prepare(tmp_path / "shards", [])
    assert not (tmp_path / "shards").exists()


@pytest.mark.parametrize("chunk_bytes", [0, -8])
def test_chunks_are_not_empty(tmp_path, source, chunk_bytes):
    with pytest.raises(ValueError, match=f"`chunk_bytes`.*{chunk_bytes}"):
        prepare(tmp_path / "shards", [source], chunk_bytes=chunk_bytes)


def test_jsonl_is_text(tmp_path, source):
    lines = [json.dumps({"body": "\n".join(d), "id": 3}) for d in documents()]
    path = tmp_path / "texts.jsonl"
    path.write_text("\n".join(lines), "utf-8")
    prepare(tmp_path / "a", [source], chunk_bytes=10**6)
    prepare(tmp_path / "b", [str(path)], chunk_bytes=10**6, corpus=Corpus("body"))
    a, b = digests(tmp_path / "a"), digests(tmp_path / "b")
    assert a == b


def test_json_suffix_and_halves_of_characters(tmp_path, source):
    """Also where a vocabulary is learnt from them."""
    text = json.dumps({"text": "\n".join(documents()[0]) + "\ud83d"})
    for suffix in ("json", "jsonl"):
        path = tmp_path / f"texts.{suffix}"
        path.write_text("\n".join([text] * 20) + "\n")
        settings = dataclasses.replace(SETTINGS, validation_fraction=0)
        prepare(tmp_path / suffix, [str(path)], settings)
    assert digests(tmp_path / "json") == digests(tmp_path / "jsonl")
    job = preparation.plan(tmp_path / "learnt", [str(path)], settings)
    write_vocabulary(job, None, 100, 10**6)
    with pytest.raises(DataError, match="none.json: no such file"):
        prepare(tmp_path / "x", [str(tmp_path / "none.json")])


@pytest.mark.parametrize("end", ["\r\n", "\r"])
@pytest.mark.parametrize("size", [1, 2000])
def test_line_ends(tmp_path, source, end, size):
    """The same documents whatever ends their lines; chunks too are cut at them."""
    path = tmp_path / "other.txt"
    path.write_bytes(pathlib.Path(source).read_bytes().replace(b"\n", end.encode()))
    corpus = Corpus()
    chunks = corpus.chunks([str(path)], size)
    assert len(chunks) == (len(documents()) if size == 1 else 3)
    read = [d for chunk in chunks for d in corpus.documents(chunk)]
    assert read == documents()
    path = tmp_path / "other.jsonl"
    lines = [json.dumps({"text": end.join(d)}) for d in documents()]
    path.write_bytes(end.join(lines).encode())
    chunks = corpus.chunks([str(path)], size)
    assert len(chunks) == (len(documents()) if size == 1 else 3)
    read = [d for chunk in chunks for d in corpus.documents(chunk)]
    assert read == documents()


def test_tensorflow_datasets(tmp_path, source):
    """A local copy of a data set, in TensorFlow Datasets' own format."""
    tfds = pytest.importorskip("tensorflow_datasets")

    class Texts(tfds.core.GeneratorBasedBuilder):
        VERSION = tfds.core.Version("1.0.0")

        def _info(self):
            features = tfds.features.FeaturesDict({"text": tfds.features.Text()})
            return self.dataset_info_from_configs(features=features)

        def _split_generators(self, dl_manager):
            return {"train": self._generate_examples()}

        def _generate_examples(self):
            for i, document in enumerate(documents()):
                yield i, {"text": "\n".join(document)}

    Texts(data_dir=tmp_path / "tfds").download_and_prepare()
    corpus = Corpus(data_dir=str(tmp_path / "tfds"))
    settings = dataclasses.replace(SETTINGS, deduplicate=False, validation_fraction=0)
    for size in (2000, 10**6):
        out = tmp_path / f"shards{size}"
        for _ in range(2):  # the second time nothing is to do
            prepare(out, ["texts:train"], settings, corpus=corpus, chunk_bytes=size)
        prepare(tmp_path / "text", [source], settings, chunk_bytes=10**6)
        # Their order on disk is that of TensorFlow Datasets.
        ours, theirs = (
            sorted(tokens_of(rows(path, "train")[0]))
            for path in (tmp_path / "text", out)
        )
        assert ours == theirs
    with pytest.raises(DataError, match="nothing is prepared for split 'test'"):
        prepare(tmp_path / "x", ["texts:test"], corpus=corpus)
    with pytest.raises(DataError, match="neither a file nor a TensorFlow Dataset"):
        prepare(tmp_path / "y", ["no_such_data_set"], corpus=corpus)


def test_vocabulary_is_learnt(tmp_path, source, monkeypatch):
    job = preparation.plan(tmp_path / "shards", [source], SETTINGS)
    write_vocabulary(job, None, 100, 10**6)
    pieces = read_vocabulary(tmp_path / "shards")
    assert pieces[:5] == VOCABULARY[:5] and len(set(pieces)) == len(pieces) <= 100
    # Once learnt it stays, also if the work is interrupted here.
    monkeypatch.setattr(job_vocabulary, "learn_vocabulary", None)
    write_vocabulary(job, None, 100, 10**6)
    assert read_vocabulary(tmp_path / "shards") == pieces
    preparation.run(job, runners.local_runner(1))
    for options in ((None, 60, 10**6), (None, 100, 10**5), (VOCABULARY, 100, 10**6)):
        with pytest.raises(DataError, match="another vocabulary.*another directory"):
            write_vocabulary(job, *options)
    assert read_vocabulary(tmp_path / "shards") == pieces


def test_the_sample_for_a_vocabulary_is_in_bytes(tmp_path, monkeypatch):
    """And ends with the first paragraph beyond them."""
    source = write_text(tmp_path / "texts.txt", [["ä" * 10] * 20])
    samples = []

    def learn(texts, size, lowercase):
        samples.append(texts)
        return VOCABULARY

    monkeypatch.setattr(job_vocabulary, "learn_vocabulary", learn)
    job = preparation.plan(tmp_path / "shards", [source], SETTINGS)
    write_vocabulary(job, None, 100, sample_bytes=100)
    assert samples == [["ä" * 10] * 6]  # of 20 bytes each


def test_before_there_are_shards_the_vocabulary_may_change(tmp_path, source):
    job = preparation.plan(tmp_path / "shards", [source], SETTINGS)
    write_vocabulary(job, VOCABULARY, 0, 0)
    write_vocabulary(job, VOCABULARY[:-1], 0, 0)
    assert read_vocabulary(tmp_path / "shards") == VOCABULARY[:-1]


@pytest.mark.parametrize(
    ("pieces", "message"),
    [
        (VOCABULARY[:3] + VOCABULARY[4:-1], r"lacks \['\[SEP\]'\]. Add a line"),
        (VOCABULARY[:5], "special tokens only"),
        ([*VOCABULARY, "a", "b"], r"more than once \(2\): \['a', 'b'\]"),
    ],
)
def test_bad_vocabularies(tmp_path, source, pieces, message):
    """Found before any work."""
    with pytest.raises(DataError, match=f"`vocabulary` .*{message}"):
        prepare(tmp_path / "shards", [source], runner=no_work, vocabulary=iter(pieces))
    prepare(tmp_path / "shards", [source])


def test_shards_are_of_their_vocabulary(tmp_path, source):
    """One that was changed is refused; one that is gone is written again."""
    before = prepare(tmp_path / "shards", [source])
    path = tmp_path / "shards" / "vocabulary.txt"
    content = path.read_text()
    path.write_text(content.replace("a", "ä"))
    with pytest.raises(DataError, match="was changed.*another directory"):
        prepare(tmp_path / "shards", [source])
    path.unlink()
    assert prepare(tmp_path / "shards", [source]) == before
    assert path.read_text() == content
    # Shards of another vocabulary than that of the folder are made again.
    job = preparation.plan(tmp_path / "shards", [source], SETTINGS, chunk_bytes=2000)
    path.write_text("".join(f"{piece}\n" for piece in [*VOCABULARY[:6], *"zyxé"]))
    preparation.run(job, runners.local_runner(1))
    ids = tokens_of(rows(tmp_path / "shards", "train")[0])
    assert max(ids) < 10


def test_the_originals_shards_are_read(tmp_path):
    """Compressed, 32-bit, named as the 24-hour BERT recipe names them."""
    rng = np.random.default_rng(0)
    for name in ("train_shard_0.hdf5", "train_shard_1.hdf5", "test_shard_0.hdf5"):
        with h5py.File(tmp_path / name, "w") as file:
            for key, width in (
                ("input_ids", 16),
                ("input_mask", 16),
                ("segment_ids", 16),
                ("masked_lm_positions", 3),
                ("masked_lm_ids", 3),
            ):
                data = rng.integers(0, 9, (5, width))
                file.create_dataset(key, data=data, dtype="i4", compression="gzip")
    train = open_shards(tmp_path, "train")
    assert [shard.path.name for shard in train] == [
        "train_shard_0.hdf5",
        "train_shard_1.hdf5",
    ]
    assert [shard.num_examples for shard in open_shards(tmp_path, "validation")] == [5]
    with h5py.File(tmp_path / "train_shard_1.hdf5") as file:
        for key, array in train[1].arrays.items():
            assert array.shape == file[key].shape and array.dtype == file[key].dtype
            np.testing.assert_array_equal(array, file[key][:])
            np.testing.assert_array_equal(array[[3, 1]], file[key][:][[3, 1]])
    # Read on first use, which is when a file that has gone is missed.
    (tmp_path / "train_shard_0.hdf5").unlink()
    assert train[1].arrays["input_ids"][0].shape == (16,)
    with pytest.raises(DataError, match="train_shard_0.hdf5: not a whole"):
        train[0].arrays["input_ids"][0]


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="counts them there")
def test_an_open_shard_is_one_open_file(tmp_path, source):
    """So that a usual limit of 1024 is enough for most corpora."""
    prepare(tmp_path / "shards", [source])
    path = next((tmp_path / "shards").glob("train-*.hdf5"))
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    before = len(os.listdir("/proc/self/fd"))
    opened = [Shard.open(path) for _ in range(10)]
    assert len(os.listdir("/proc/self/fd")) <= before + 10
    resource.setrlimit(resource.RLIMIT_NOFILE, (before + 12, limits[1]))
    try:
        with pytest.raises(OSError, match="Too many open files.*ulimit -n"):
            opened += [Shard.open(path) for _ in range(10)]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", b"", "the file is empty"),
        ("a.txt.gz", gzip.compress(b"A b."), "gunzip .*a.txt.gz"),
        ("a.txt", b"caf\xe9 au lait", "byte 0xe9 at offset 3 is not UTF-8"),
        ("a.jsonl", b'{"text": "a"}\n{"txt": 3}', "near byte 14: no JSON object"),
        ("a.jsonl", b'{"text": 3}', "is no string"),
        ("a.txt", b" \n\n \n", "no training example"),
    ],
)
def test_bad_sources(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        prepare(tmp_path / "shards", [str(tmp_path / name)])


def test_bad_names(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        prepare(tmp_path / "shards", [str(tmp_path / "none.txt")])
    with pytest.raises(DataError, match="is a directory"):
        prepare(tmp_path / "shards", [str(tmp_path)])
    (tmp_path / "bad.hdf5").write_bytes(b"\x89HDF\r\n\x1a\n nothing")
    with pytest.raises(DataError, match="not a whole HDF5 shard"):
        Shard.open(tmp_path / "bad.hdf5")


@pytest.mark.parametrize(
    "kwargs",
    [{"sequence_length": 2}, {"copies": -1}, {"validation_fraction": 1.0}],
)
def test_settings_errors(kwargs):
    with pytest.raises(ValueError, match=f"`{next(iter(kwargs))}`"):
        Settings(**kwargs)


def test_the_recipe_needs_beam_first(tmp_path, source, monkeypatch):
    """Before a vocabulary is learnt."""
    monkeypatch.setitem(sys.modules, "apache_beam", None)
    options = ["--output", str(tmp_path / "shards"), "--beam", "runner=DirectRunner"]
    monkeypatch.setattr("sys.argv", ["prepare", source, *options])
    with pytest.raises(SystemExit, match=r"error: .*pip install 'keras-bigs\[beam\]'"):
        runpy.run_module("recipes.prepare", run_name="__main__")
    assert not (tmp_path / "shards").exists()


def test_the_recipe_tells_errors_of_files(tmp_path, source, monkeypatch):
    """A file in place of a folder: a line, no traceback."""
    output = f"{source}/shards"
    monkeypatch.setattr("sys.argv", ["prepare", source, "--output", output])
    with pytest.raises(SystemExit, match="error: .*Not a directory"):
        runpy.run_module("recipes.prepare", run_name="__main__")
