"""Vocabulary files as they come."""

import gzip

import pytest

from keras_bigs import errors
from keras_bigs import models
from keras_bigs.vocabulary import same_pieces

pytestmark = pytest.mark.without_backend

PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "fox", "\u2028", "\x0b"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("last", [True, False])
def test_marks_and_ends_of_lines(encoding, end, last, tmp_path):
    path = tmp_path / "vocab.txt"
    path.write_bytes((end.join(PIECES) + end * last).encode(encoding))
    assert models.read_vocabulary(path) == PIECES
    for vocabulary in (path, str(path)):
        assert models.BiGSTokenizer(vocabulary).get_vocabulary() == PIECES


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("the\nfox\nthe\nthe", r"once \(2\): 'the' \(lines 1 and 3\), 'the' \(lines 1"),
        (b"\xff\xfet\x00", "is no UTF-8 text"),
        (gzip.compress(b"the\nfox"), "is compressed. Decompress it first"),
        ("", "has no word pieces"),
        ("\n\n", "has no word pieces"),
        (None, "no vocabulary to read"),
    ],
)
def test_errors(content, message, tmp_path):
    path = tmp_path / "vocab.txt"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(errors.DataError, match=message):
        models.read_vocabulary(path)
    with pytest.raises(errors.DataError, match=message):
        models.BiGSTokenizer(path)


@pytest.mark.parametrize(
    ("other", "same"),
    [(PIECES[:-2] + ["", ""], True), (PIECES[:-1], False), (PIECES[::-1], False)],
)
def test_same_pieces_after_a_preset(other, same):
    # keras-hub's `save_to_preset` writes " " and its `from_preset` reads "".
    assert same_pieces(PIECES, other) == same
