"""What is no UTF-8 is called by its name, and given the remedy that helps."""

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile

import h5py
import numpy as np
import pytest

from keras_bigs.data.text_files import check_kind
from keras_bigs.data.text_files import read_bytes
from keras_bigs.data.text_files import read_text
from keras_bigs.errors import DataError

pytestmark = pytest.mark.without_backend
TEXT = "The quick brown fox.\n\nÄrger, 日本語.\n" * 40


def zip_archive():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.txt", TEXT)
    return file.getvalue()


def tar_archive():
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a.txt"))
    return file.getvalue()


def hdf5():
    file = io.BytesIO()
    with h5py.File(file, "w") as shard:
        shard["input_ids"] = np.zeros(3)
    return file.getvalue()


@pytest.mark.parametrize("compress", [bytes, gzip.compress])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (bz2.compress(TEXT.encode()), "by bzip2.* bunzip2 -k '.*/a b.txt'$"),
        (lzma.compress(TEXT.encode()), "by xz.* unxz -k"),
        (b"\x28\xb5\x2f\xfd\x24\x01\x09\0\0a", "by zstd.* unzstd"),
        (b"PAR1\x15\x04\x15\0", "Parquet.*read_parquet"),
        (zip_archive(), "zip archive.* unzip"),
        (tar_archive(), "tar archive.* tar -xf"),
        (hdf5(), "HDF5"),
        (TEXT.encode("utf-16"), "in UTF-16,.* iconv -f UTF-16 -t"),
        (TEXT.encode("utf-16-le"), "in UTF-16LE.* iconv -f UTF-16LE -t"),
        (TEXT.encode("utf-16-be"), "in UTF-16BE.* iconv -f UTF-16BE -t"),
        ("日本語 日本語\n".encode("utf-16-le") * 9, "in UTF-16LE"),
        (TEXT.encode("utf-32"), "in UTF-32,.* iconv -f UTF-32 -t"),
        (TEXT.encode("utf-32-le"), "in UTF-32LE.* iconv"),
        (TEXT.encode("utf-32-be"), "in UTF-32BE.* iconv"),
        (b"ab\nc\0d", r"line 2: byte 0x00 at offset 4 .* tr -d '\\0'"),
        (b"\0" * 600, "line 1: byte 0x00 at offset 0 "),
        (b"abc\0", "byte 0x00 at offset 3"),
        (b"ab\ncaf\xe9 au lait", "line 2: byte 0xe9 at offset 6 .*WINDOWS-1252"),
        ("слово".encode("koi8-r"), "byte 0xd3 at offset 0 .*iconv -f ENCODING"),
        (b"a" * 5000 + "日".encode()[:2], "offset 5000 .*within a character"),
    ],
)
def test_what_is_no_text(tmp_path, compress, content, message):
    """Also inside of gzip."""
    path = tmp_path / "a b.txt"
    path.write_bytes(compress(content))
    with pytest.raises(DataError, match=f"a b.txt.*{message}") as error:
        read_text(path)
    assert str(error.value).count("iconv") <= 1


@pytest.mark.parametrize("text", ["", "a", "BZh1", "PAR1 one", "PK a", TEXT])
def test_what_is_text(tmp_path, text):
    """With and without a byte-order mark; in gzip also in several members."""
    path = tmp_path / "a.txt"
    data = text.encode()
    for content in (
        data,
        gzip.compress(data),
        gzip.compress(data[:9]) + gzip.compress(data[9:]),
    ):
        path.write_bytes(content)
        check_kind(path)
        assert read_text(path) == text
    path.write_bytes(b"\xef\xbb\xbf" + data)
    assert read_text(path) == text


def test_parts_of_compressed_files(tmp_path):
    """In any order, of two files in turn, and after a file was written anew."""
    data = np.random.default_rng(0).bytes(100_000)
    paths = [tmp_path / "a.gz", tmp_path / "b.gz"]
    for path in paths:
        path.write_bytes(gzip.compress(data))
    for start, stop in [(0, 10), (10, 70_000), (5, 9), (99_990, 200_000), (4, None)]:
        for path in paths:
            assert read_bytes(path, start, stop) == data[start:stop]
    paths[1].write_bytes(gzip.compress(b"abc"))
    assert read_bytes(paths[1], 1) == b"bc"


def test_a_compressed_file_is_decompressed_once(tmp_path, monkeypatch):
    """Read in order, piece by piece: or time would be quadratic in its size."""
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(bytes(10**6)))
    opened = []
    rewind = gzip._GzipReader._rewind
    monkeypatch.setattr(
        gzip._GzipReader, "_rewind", lambda self: opened.append(1) or rewind(self)
    )
    for start in range(0, 10**6, 10**4):
        assert len(read_bytes(path, start, start + 10**4)) == 10**4
    assert not opened


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(DataError, match="none.txt: No such file.* Give a file"):
        read_text(tmp_path / "none.txt")
    with pytest.raises(DataError, match="Is a directory"):
        read_text(tmp_path)
    whole = gzip.compress(TEXT.encode())
    for damaged in (whole[:-20], whole[:50] + b"abc" + whole[53:], b"\x1f\x8bno"):
        (tmp_path / "a.gz").write_bytes(damaged)
        with pytest.raises(DataError, match="a.gz: damaged.* Copy it again"):
            read_text(tmp_path / "a.gz")
