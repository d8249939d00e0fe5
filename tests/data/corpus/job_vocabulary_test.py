"""The vocabulary of a corpus: learnt, given, or refused."""

import pytest

from keras_bigs.data.corpus import job_vocabulary
from keras_bigs.data.corpus import preparation
from keras_bigs.data.corpus import runners
from keras_bigs.data.corpus.job_vocabulary import write_vocabulary
from keras_bigs.errors import DataError
from keras_bigs.vocabulary import read_vocabulary
from tests.data.corpus.preparing import VOCABULARY
from tests.data.corpus.preparing import digests
from tests.data.corpus.preparing import plan
from tests.data.corpus.preparing import prepare
from tests.data.corpus.preparing import rows
from tests.data.corpus.preparing import runner_of
from tests.data.corpus.preparing import tokens_of
from tests.data.corpus.preparing import write_text

pytestmark = pytest.mark.without_backend


def no_work(job, function, numbers, description):
    """A runner that is not to be called."""
    raise AssertionError(description)


def test_vocabulary_is_learnt(tmp_path, source, monkeypatch):
    job = plan(tmp_path / "shards", [source])
    write_vocabulary(job, None, 100, 10**6)
    pieces = read_vocabulary(tmp_path / "shards" / "vocabulary.txt")
    assert pieces[:5] == VOCABULARY[:5] and len(set(pieces)) == len(pieces) <= 100
    # Once learnt it stays, also if the work is interrupted here.
    monkeypatch.setattr(job_vocabulary, "learn_vocabulary", None)
    write_vocabulary(job, None, 100, 10**6)
    assert read_vocabulary(tmp_path / "shards" / "vocabulary.txt") == pieces
    preparation.run(job, runners.local_runner(1))
    for options in ((None, 60, 10**6), (None, 100, 10**5), (VOCABULARY, 100, 10**6)):
        with pytest.raises(DataError, match="another vocabulary.*another directory"):
            write_vocabulary(job, *options)
    assert read_vocabulary(tmp_path / "shards" / "vocabulary.txt") == pieces


def test_the_sample_for_a_vocabulary_is_in_bytes(tmp_path, monkeypatch):
    """And ends with the first paragraph beyond them."""
    source = write_text(tmp_path / "texts.txt", [["ä" * 10] * 20])
    samples = []

    def learn(texts, size, lowercase):
        samples.append(texts)
        return VOCABULARY

    monkeypatch.setattr(job_vocabulary, "learn_vocabulary", learn)
    job = plan(tmp_path / "shards", [source])
    write_vocabulary(job, None, 100, sample_bytes=100)
    assert samples == [["ä" * 10] * 6]  # of 20 bytes each


def test_before_there_are_shards_the_vocabulary_may_change(tmp_path, source):
    job = plan(tmp_path / "shards", [source])
    write_vocabulary(job, VOCABULARY, 0, 0)
    write_vocabulary(job, VOCABULARY[:-1], 0, 0)
    assert read_vocabulary(tmp_path / "shards" / "vocabulary.txt") == VOCABULARY[:-1]


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
        prepare(
            tmp_path / "shards",
            [source],
            runner=runner_of(no_work),
            vocabulary=iter(pieces),
        )
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
    job = plan(tmp_path / "shards", [source])
    path.write_text("".join(f"{piece}\n" for piece in [*VOCABULARY[:6], *"zyxé"]))
    preparation.run(job, runners.local_runner(1))
    ids = tokens_of(rows(tmp_path / "shards", "train")[0])
    assert max(ids) < 10


def test_vocabularies_of_other_editors(tmp_path, source):
    """With a byte-order mark and carriage returns it makes the same shards."""
    path = tmp_path / "vocab.txt"
    path.write_bytes("\ufeff".encode() + "\r\n".join([*VOCABULARY, ""]).encode())
    prepare(tmp_path / "a", [source], vocabulary=read_vocabulary(path))
    prepare(tmp_path / "b", [source])
    assert digests(tmp_path / "a") == digests(tmp_path / "b")
