"""Sources of all kinds, cut into chunks and read again."""

import dataclasses
import gzip
import json
import pathlib

import pytest

from keras_bigs.data.corpus import file_source
from keras_bigs.data.corpus.corpus import Corpus
from keras_bigs.data.corpus.job_vocabulary import write_vocabulary
from keras_bigs.data.pretraining.shards import Shard
from keras_bigs.errors import ConfigError
from keras_bigs.errors import DataError
from tests.data.corpus.preparing import SETTINGS
from tests.data.corpus.preparing import digests
from tests.data.corpus.preparing import documents
from tests.data.corpus.preparing import plan
from tests.data.corpus.preparing import prepare
from tests.data.corpus.preparing import rows
from tests.data.corpus.preparing import tokens_of
from tests.data.corpus.preparing import write_text

pytestmark = pytest.mark.without_backend


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
    job = plan(tmp_path / "learnt", [str(path)], settings)
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
    read = [d for chunk in chunks for d in corpus.read(chunk).documents()]
    assert read == documents()
    path = tmp_path / "other.jsonl"
    lines = [json.dumps({"text": end.join(d)}) for d in documents()]
    path.write_bytes(end.join(lines).encode())
    chunks = corpus.chunks([str(path)], size)
    assert len(chunks) == (len(documents()) if size == 1 else 3)
    read = [d for chunk in chunks for d in corpus.read(chunk).documents()]
    assert read == documents()


@pytest.mark.slow  # for TensorFlow to start
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


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", b"", "the file is empty"),
        ("a.txt.gz", b"BZh91AY&SY\0", "compressed by bzip2.* bunzip2"),
        ("a.txt", "A b.".encode("utf-16-le"), "text in UTF-16LE"),
        ("a.txt", b"A\0b c d", "line 1: byte 0x00 at offset 1 is not UTF-8"),
        ("a.txt", b"caf\xe9 au lait", "byte 0xe9 at offset 3 is not UTF-8"),
        ("a.jsonl", b'{"text": "a"}\n{"txt": 3}', "line 2: no JSON object with a fie"),
        ("a.jsonl", b'{"text": 3}', "line 1: field 'text' is no string"),
        ("a.jsonl", b'{"text":"a"}\r\n\r\n' + b"[" * 10**5, "line 3: no JSON object"),
        ("a.json", b'[\n{"text": "a"}\n]', "line 1: no JSON.* jq -c '.\\[\\]'"),
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
    (tmp_path / "a.md").write_text("A b.")
    with pytest.raises(DataError, match="no file whose name ends with one of .*.txt"):
        prepare(tmp_path / "shards", [str(tmp_path)])
    with pytest.raises(DataError, match=r"\*.text: no file matches"):
        prepare(tmp_path / "shards", [str(tmp_path / "*.text")])
    (tmp_path / "bad.hdf5").write_bytes(b"\x89HDF\r\n\x1a\n nothing")
    with pytest.raises(DataError, match="not a whole HDF5 shard"):
        Shard.open(tmp_path / "bad.hdf5")


def test_where_a_line_of_json_is_wrong(tmp_path):
    """Counted from the beginning of the file, whichever chunk it is in."""
    lines = [json.dumps({"text": "\n".join(d)}) for d in documents()]
    lines[30] = "{}"
    (tmp_path / "a.jsonl").write_text("\r\n".join(lines))
    with pytest.raises(DataError, match="a.jsonl, line 31: no JSON object"):
        prepare(tmp_path / "shards", [str(tmp_path / "a.jsonl")])


def test_directories_and_patterns(tmp_path):
    """Text files below, in the order of their names; no others, hidden or empty."""
    texts = documents(6)
    (tmp_path / "texts" / "b" / ".git").mkdir(parents=True)
    for name, document in zip(
        ["a.txt", "b/a.txt.gz", "b/c.TXT", "c.jsonl", "b/.d.txt", "b/.git/a.txt"],
        texts,
        strict=True,
    ):
        content = "\n".join(document)
        if name.endswith("jsonl"):
            content = json.dumps({"text": content})
        data = content.encode()
        (tmp_path / "texts" / name).write_bytes(
            gzip.compress(data) if name.endswith("gz") else data
        )
    (tmp_path / "texts" / "empty.txt").touch()
    (tmp_path / "texts" / "picture.png").write_bytes(b"\0")

    def read(source):
        corpus = Corpus()
        return [
            document
            for chunk in corpus.chunks([str(tmp_path / source)], 100)
            for document in corpus.read(chunk).documents()
        ]

    assert read("texts") == [texts[0], texts[3], texts[1], texts[2]]
    assert read("texts/*.*[tl]") == [texts[0], texts[3]]
    assert read("texts/**/[ac]*") == [texts[i] for i in (0, 1, 2, 3)]


@pytest.mark.parametrize("compress", [bytes, gzip.compress])
def test_chunks_span_files(tmp_path, compress):
    """2,000 small files make as many shards as one file of the same text."""
    texts = documents(50) * 40
    (tmp_path / "many").mkdir()
    for i, document in enumerate(texts):
        data = "\n".join(document).encode() + b"\n\n"
        (tmp_path / "many" / f"{i:04d}.txt").write_bytes(compress(data))
    one = write_text(tmp_path / "one.txt", texts)
    corpus, num_bytes = Corpus(), 50_000
    chunks = {
        source: corpus.chunks([str(source)], num_bytes)
        for source in (one, tmp_path / "many")
    }
    few, many = chunks.values()
    assert len(many) == len(few) == -(-pathlib.Path(one).stat().st_size // num_bytes)
    assert [chunk.num_bytes for chunk in many[:-1]] == [c.num_bytes for c in few[:-1]]
    assert sum(len(chunk.spans) for chunk in many) == 2000
    read = [list(corpus.read(chunk).documents()) for chunk in many]
    assert sum(read, []) == texts
    assert read == [list(corpus.read(chunk).documents()) for chunk in few]


def test_compressed_files_are_cut(tmp_path, source):
    """At the same places as plain ones, and make the same shards."""
    data = pathlib.Path(source).read_bytes()
    (tmp_path / "texts.txt.gz").write_bytes(gzip.compress(data))
    lines = [json.dumps({"text": "\n".join(d)}) for d in documents()]
    (tmp_path / "texts.jsonl.gz").write_bytes(gzip.compress("\n".join(lines).encode()))
    for name in ("texts.txt", "texts.txt.gz"):
        prepare(tmp_path / f"shards of {name}", [str(tmp_path / name)])
    plain = digests(tmp_path / "shards of texts.txt")
    assert sum("train-00" in name for name in plain) == 3
    assert digests(tmp_path / "shards of texts.txt.gz") == plain
    corpus = Corpus()
    chunks = corpus.chunks([str(tmp_path / "texts.jsonl.gz")], 2000)
    assert len(chunks) == 3
    read = [d for chunk in chunks for d in corpus.read(chunk).documents()]
    assert read == documents()


@pytest.mark.parametrize("end", ["\n", " "])
@pytest.mark.parametrize("compress", [bytes, gzip.compress])
def test_texts_without_blank_lines_are_cut(tmp_path, monkeypatch, end, compress):
    """At line ends, or else at spaces, where no blank line comes for long."""
    monkeypatch.setattr(file_source, "_MIN_SEARCH", 2000)
    monkeypatch.setattr(file_source, "_FIRST_READ", 100)
    text = end.join(f"word{i}" for i in range(5000))
    path = tmp_path / "a.txt.gz"
    path.write_bytes(compress(text.encode()))
    corpus = Corpus()
    chunks = corpus.chunks([str(path)], 2000)
    assert len(chunks) == len(text) // 2000 + 1
    read = [d for chunk in chunks for d in corpus.read(chunk).documents()]
    words = [word for d in read for paragraph in d for word in paragraph.split()]
    assert words == text.split()


def test_blank_lines_are_looked_for(tmp_path, monkeypatch):
    """A document longer than a chunk stays whole, if it is not too long."""
    monkeypatch.setattr(file_source, "_FIRST_READ", 100)
    texts = [["Some words."] * 500, ["More."], ["Last."]]
    path = write_text(tmp_path / "a.txt", texts)
    corpus = Corpus()
    chunks = corpus.chunks([path], 1000)
    assert [list(corpus.read(c).documents()) for c in chunks] == [texts[:1], texts[1:]]


def test_sources_are_a_list(tmp_path, source):
    """A string would be one source a character, "." and "/" among them."""
    for sources in (str(source), pathlib.Path(source)):
        with pytest.raises(ConfigError, match="`sources` must be a list"):
            Corpus().chunks(sources, 1000)
    paths = Corpus().chunks([pathlib.Path(source)], 1000)
    assert paths == Corpus().chunks([str(source)], 1000)


def test_no_folder_is_read_twice(tmp_path):
    folder = tmp_path / "texts"
    (folder / "in").mkdir(parents=True)
    (folder / "in" / "a.txt").write_text("A text.\n")
    (folder / "loop").symlink_to(folder)
    (folder / "other").symlink_to(folder / "in")
    (chunk,) = Corpus().chunks([str(folder)], 1000)
    assert len(chunk.spans) == 1
