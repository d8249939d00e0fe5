"""The agreement test of Linzen et al. (2016)."""

import collections
import pathlib

import pytest

from keras_bigs.data.syntax import MinimalPair
from keras_bigs.data.syntax import read_linzen
from keras_bigs.errors import DataError

pytestmark = pytest.mark.without_backend
SHARED = pathlib.Path(__file__).parents[4] / "shared/data/syntax/linzen2016"


def write(folder, text, gold):
    """Both files; returns what their paths have in common."""
    (folder / "test.text").write_text(text, encoding="utf-8")
    (folder / "test.gold").write_text(gold, encoding="utf-8")
    return folder / "test"


def test_reading(tmp_path):
    text = "the keys to the café are old . <eos>\nthe key is\x85 old .\n"
    # Where Unicode has a next line, the file has none.
    prefix = write(tmp_path, text, "5\tare\tis\t1\n2\tis\tare\t0\n")
    first, second = read_linzen(prefix)
    assert first == MinimalPair(
        "the keys to the café are old .",
        "the keys to the café is old .",
        "1",
        f"{tmp_path}/test.gold, line 1",
    )
    assert second[:3] == ("the key is old .", "the key are old .", "0")


def test_windows_line_ends(tmp_path):
    prefix = write(tmp_path, "he runs <eos>\r\n", "1\truns\trun\t0\r\n")
    assert read_linzen(prefix)[0][:3] == ("he runs", "he run", "0")


@pytest.mark.parametrize(
    ("word", "right", "wrong", "bad"),
    [
        ("is", "Is", "Are", "are"),
        ("Is", "is", "are", "Are"),
        ("Is", "Is", "Are", "Are"),
    ],
)
def test_capitals_are_those_of_the_sentence(word, right, wrong, bad, tmp_path):
    prefix = write(tmp_path, f"it {word} old <eos>\n", f"1\t{right}\t{wrong}\t0\n")
    (pair,) = read_linzen(prefix)
    assert (pair.good, pair.bad) == (f"it {word} old", f"it {bad} old")


@pytest.mark.parametrize(
    ("text", "gold", "message"),
    [
        ("a b\n", "", "gold: the file is empty"),
        ("a b\na b\n", "1\tb\tc\t0\n", "text has 2 lines and .*gold 1"),
        ("a b\n", "1\tb\tc\n", "gold, line 1: must have the index"),
        ("a b\n", "x\tb\tc\t0\n", "gold, line 1: must have the index"),
        ("a b\n", "-1\tb\tc\t0\n", "gold, line 1: must have the index"),
        ("a b\n", "1\tb\tc\tmany\n", "gold, line 1: must have the index"),
        # The mark of the end is no word.
        ("a b <eos>\n", "2\tb\tc\t0\n", "word 2, from 0, and the sentence has 2 words"),
        ("a b\n", "0\tb\tc\t0\n", "word 0 of the sentence, from 0, is 'a', not the"),
    ],
)
def test_what_is_refused(text, gold, message, tmp_path):
    with pytest.raises(DataError, match=message):
        read_linzen(write(tmp_path, text, gold))


def test_missing_file(tmp_path):
    prefix = write(tmp_path, "a b\n", "1\tb\tc\t0\n")
    (tmp_path / "test.gold").unlink()
    with pytest.raises(
        DataError, match="test.gold: there is no such file. .*NAME.gold"
    ):
        read_linzen(prefix)


@pytest.mark.skipif(not SHARED.exists(), reason="the test is not on this machine")
def test_real_files():
    pairs = read_linzen(SHARED / "subj_agr_filtered")
    assert len(pairs) == 7489
    counts = collections.Counter(pair.group for pair in pairs)
    assert counts == {"0": 1972, "1": 1957, "2": 1943, "3": 1287, "4": 330}
    assert not any("<eos>" in pair.good for pair in pairs)
    # The four lines whose answer is capitalised.
    for line in (753, 2679, 4101, 6589):
        good, bad = pairs[line - 1][:2]
        assert good == good.lower() and bad == bad.lower() and good != bad
