"""Columns of words and tags as CoNLL has them."""

import gzip

import pytest

from keras_bigs.data.conll import read_conll
from keras_bigs.data.conll import to_iob2
from keras_bigs.errors import DataError

pytestmark = pytest.mark.without_backend
# As in CoNLL 2003: IOB1, where the second of two people has a "B-".
CONLL_2003 = """-DOCSTART- -X- -X- O

EU NNP B-NP I-ORG
rejects VBZ B-VP O
Ada NNP B-NP I-PER
Lovelace NNP I-NP I-PER
Bob NNP B-NP B-PER
. . O O

-DOCSTART- -X- -X- O

Paris NNP B-NP I-LOC
"""


def test_conll_2003(tmp_path):
    path = tmp_path / "train.txt.gz"
    path.write_bytes(gzip.compress(CONLL_2003.replace("\n", "\r\n").encode()))
    first, second = read_conll(path)
    assert first.words == ("EU", "rejects", "Ada", "Lovelace", "Bob", ".")
    assert first.tags == ("B-ORG", "O", "B-PER", "I-PER", "B-PER", "O")
    assert (second.words, second.tags) == (("Paris",), ("B-LOC",))
    assert (first.line, second.line) == (3, 12)


def test_other_columns(tmp_path):
    path = tmp_path / "wnut.conll"
    path.write_text("1\tNew York\tB-LOC\n2\tis\tO", encoding="utf-8")
    (sentence,) = read_conll(path, word_column=1)
    assert sentence.words == ("New York", "is")  # tabs divide, spaces do not
    assert sentence.tags == ("B-LOC", "O")


def test_only_spaces_divide(tmp_path):
    """A number may have a no-break space inside."""
    path = tmp_path / "numbers.conll"
    path.write_text("  10\u00a0000  CD O\nmen NNS O\n", encoding="utf-8")
    (sentence,) = read_conll(path)
    assert sentence.words == ("10\u00a0000", "men")


def test_iob2_stays_and_lone_insides_begin():
    iob2 = ("B-PER", "I-PER", "B-PER", "O", "B-LOC", "B-ORG", "I-ORG")
    assert to_iob2(iob2) == iob2
    assert to_iob2(["I-PER", "I-LOC", "O", "I-LOC", "I-LOC"]) == (
        *("B-PER", "B-LOC", "O", "B-LOC", "I-LOC"),
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("\n\n", "the file has no words"),
        ("-DOCSTART- O\n", "the file has no words"),
        ("Ada\tB-PER\nwrote\n", "line 2: 'wrote' in column -1 is no tag"),
        ("Ada S-PER\n", "line 1: 'S-PER' in column -1 is no tag of IOB1 or IOB2"),
        ("Ada\tB-PER\nwrote\t\n", "line 2: there is nothing in column -1"),
        ("O\n", "line 1: 'O' in column -1 is no tag"),
    ],
)
def test_what_is_refused(content, message, tmp_path):
    path = tmp_path / "train.conll"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        read_conll(path)


def test_ends_of_lines_and_a_marker_that_is_a_word(tmp_path):
    path = tmp_path / "old.conll"
    path.write_bytes(b"-DOCSTART- O\r\rEU B-ORG\r-DOCSTART- O\rrejects O\r\rA O\r")
    first, second = read_conll(path)
    assert first.words == ("EU", "-DOCSTART-", "rejects")
    assert (second.words, second.line) == (("A",), 7)
