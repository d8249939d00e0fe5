"""From texts to shards: what is in them, and that they are always the same bytes."""

import dataclasses
import json
import os
import resource
import shutil

import h5py
import numpy as np
import pytest

from keras_bigs.data import Settings
from keras_bigs.data import open_shards
from keras_bigs.data import read_manifest
from keras_bigs.data.corpus.chunk_shards import make_shards
from keras_bigs.data.corpus.sentences import clean
from keras_bigs.data.corpus.sequences import held_out_documents
from keras_bigs.data.corpus.word_tokenizer import WordTokenizer
from keras_bigs.data.pretraining.shards import Shard
from keras_bigs.errors import DataError
from keras_bigs.models import BiGSTokenizer
from tests.data.corpus.preparing import SETTINGS
from tests.data.corpus.preparing import VOCABULARY
from tests.data.corpus.preparing import digests
from tests.data.corpus.preparing import documents
from tests.data.corpus.preparing import plan
from tests.data.corpus.preparing import prepare
from tests.data.corpus.preparing import rows
from tests.data.corpus.preparing import runner_of
from tests.data.corpus.preparing import tokens_of
from tests.data.corpus.preparing import work
from tests.data.corpus.preparing import write_text

pytestmark = pytest.mark.without_backend


def test_every_token_comes_once(tmp_path, source):
    """Training and held-out documents together are the corpus, to the token."""
    settings = dataclasses.replace(SETTINGS, deduplicate=False)
    manifest = prepare(tmp_path / "shards", [source], settings)
    assert len({shard["number"] for shard in manifest["shards"]}) == 3
    tokenizer = BiGSTokenizer(VOCABULARY)
    job = plan(tmp_path / "shards", [source], settings)
    expected = {"train": [], "validation": []}
    seen, texts_of = [], {"train": "", "validation": ""}
    for number, chunk in enumerate(job.chunks):
        texts = list(job.corpus.read(chunk).documents())
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
    job = plan(tmp_path / "shards", [source], settings)
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
    job = plan(tmp_path / "shards", [source])

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
    assert (examples, tokens) == (split["num_examples"], split["num_tokens"])


def test_repeated_paragraphs_come_once(tmp_path):
    """Across chunks and files; and what is held out is not trained on."""
    texts = documents(30)
    repeated, held_out = texts[0][0], texts[1][0]
    source = write_text(tmp_path / "a.txt", [*texts[:1], *texts[2:], [repeated]])
    validation = write_text(tmp_path / "b.txt", [[held_out]])
    sources = [source, write_text(tmp_path / "c.txt", [[repeated, held_out], ["Xyz."]])]
    manifest = prepare(tmp_path / "shards", sources, validation_sources=[validation])
    paragraphs = [p for document in [texts[0], *texts[2:]] for p in document]
    paragraphs += [repeated, held_out, repeated, held_out, "Xyz."]
    assert manifest["deduplication"] == {
        "num_paragraphs": len(paragraphs),
        "num_repeated_paragraphs": 3,
        "num_bytes": sum(map(len, paragraphs)),
        "num_repeated_bytes": 2 * len(repeated) + len(held_out),
    }
    tokenizer = WordTokenizer(VOCABULARY, lowercase=True)

    def count(split, text):
        joined = " ".join(map(str, tokens_of(rows(tmp_path / "shards", split)[0])))
        (ids,) = tokenizer([text])
        return joined.count(" ".join(map(str, ids)))

    assert count("train", repeated) == 1
    assert count("train", held_out) == 0
    assert count("validation", held_out) == 1
    assert count("train", "Xyz.") == 1


def test_interrupted_work_goes_on(tmp_path, source):
    """Killed after some chunks: the rest is made, and nothing twice."""
    prepare(tmp_path / "whole", [source])
    made = []

    def failing(job, function, numbers, description):
        for number in numbers:
            if function == make_shards and number == 2 and not made:
                raise KeyboardInterrupt
            function(job, number)

    def counting(job, function, numbers, description):
        made.extend(numbers)
        work(job, function, numbers)

    with pytest.raises(KeyboardInterrupt):
        prepare(tmp_path / "shards", [source], runner=runner_of(failing))
    with pytest.raises(DataError, match="run the same command again"):
        open_shards(tmp_path / "shards", "train")
    prepare(tmp_path / "shards", [source], runner=runner_of(counting))
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
    with pytest.raises(DataError, match="of other settings. Name another directory"):
        prepare(tmp_path / "shards", [source], other)
    with pytest.raises(DataError, match="of other texts. Name another directory"):
        prepare(tmp_path / "shards", [source], chunk_bytes=10**6)


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
    """Not the text that was looked at for repetitions."""

    def editing(job, function, numbers, description):
        if function == make_shards:
            text = (tmp_path / "texts.txt").read_text()
            (tmp_path / "texts.txt").write_text(text.replace(" ", "\n", 1))
        work(job, function, numbers)

    with pytest.raises(DataError, match="texts.txt was changed while"):
        prepare(tmp_path / "shards", [source], runner=runner_of(editing))
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


def test_the_output_may_lie_below_a_source(tmp_path, source):
    """What is written there becomes no text when the command is given again."""
    folder = tmp_path / "texts"
    folder.mkdir()
    shutil.copy(source, folder / "texts.txt")
    prepare(folder / "shards", [str(folder)])
    before = digests(folder / "shards")
    prepare(folder / "shards", [str(folder)])
    assert digests(folder / "shards") == before
    prepare(tmp_path / "shards", [source])
    assert digests(tmp_path / "shards") == before


def test_validation_sources_without_text(tmp_path, source):
    (tmp_path / "blank.txt").write_text("\n \n")
    with pytest.raises(DataError, match="for validation make no example"):
        prepare(
            *(tmp_path / "shards", [source]),
            validation_sources=[str(tmp_path / "blank.txt")],
        )


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
    "kwargs",
    [{"sequence_length": 2}, {"copies": -1}, {"validation_fraction": 1.0}],
)
def test_settings_errors(kwargs):
    with pytest.raises(ValueError, match=f"`{next(iter(kwargs))}`"):
        Settings(**kwargs)


def test_shards_of_an_earlier_version(tmp_path, source):
    """They are read as before, and not continued."""
    manifest = prepare(tmp_path / "shards", [source])
    before = read_manifest(tmp_path / "shards")
    path = tmp_path / "shards" / "manifest.json"
    old = json.loads(path.read_text())
    del old["deduplication"]
    for counts in (*old["splits"].values(), *old["shards"]):
        for name in [name for name in counts if name.startswith("num_")]:
            counts[name.removeprefix("num_")] = counts.pop(name)
    assert old["splits"]["train"].keys() == {"examples", "tokens", "shards"}
    path.write_text(json.dumps(old))
    splits, infos = read_manifest(tmp_path / "shards")
    assert (splits["splits"], infos) == (manifest["splits"], before[1])
    assert open_shards(tmp_path / "shards", "train")
    (tmp_path / "shards" / "parts" / "job.json").write_text('{"chunks": []}')
    with pytest.raises(DataError, match="earlier version .* trained on.* another dir"):
        prepare(tmp_path / "shards", [source])
