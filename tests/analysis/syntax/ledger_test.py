"""Scores in a file."""

import json
import pathlib
import tempfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_bigs.analysis import PairLedger
from keras_bigs.analysis import PairScore
from keras_bigs.errors import DataError

pytestmark = pytest.mark.without_backend

SCORES = {
    ("she runs", "she run"): PairScore(-0.1, -1 / 3, "masked word"),
    ("naïve\u2028\n\t", '"'): PairScore(-1e-17, -1234.5678, "pseudo-log-likelihood"),
    ("", "a"): PairScore(left_out="empty"),
}


def test_what_is_written_is_read(tmp_path):
    path = tmp_path / "folder" / "scores.jsonl"
    ledger = PairLedger(path, "a")
    assert not ledger.scores and not path.exists()
    for texts, score in SCORES.items():
        ledger.add({texts: score})
    PairLedger(path, "b").add({("x", "y"): PairScore(-1.0, -2.0, "masked word")})
    assert ledger.scores == SCORES
    # To the last bit.
    assert PairLedger(path, "a").scores == SCORES
    assert list(PairLedger(path, "b").scores) == [("x", "y")]
    rows = [json.loads(line) for line in path.read_bytes().split(b"\n")[:-1]]
    assert rows[0] == {
        "model": "a",
        "good": "she runs",
        "bad": "she run",
        "method": "masked word",
        "scores": [-0.1, -1 / 3],
    }
    assert rows[2] == {"model": "a", "good": "", "bad": "a", "left_out": "empty"}


@given(st.text(), st.text(), st.floats(allow_nan=False), st.floats(allow_nan=False))
def test_any_text_and_number(good, bad, first, second):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "scores.jsonl"
        score = PairScore(first, second, "masked word")
        PairLedger(path, "a").add({(good, bad): score})
        assert PairLedger(path, "a").scores == {(good, bad): score}


@pytest.mark.parametrize("cut", [1, 5, 20])
def test_a_line_that_was_cut_off_is_removed(cut, tmp_path):
    path = tmp_path / "scores.jsonl"
    PairLedger(path, "a").add(SCORES)
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    ledger = PairLedger(path, "a")
    assert ledger.scores == dict(list(SCORES.items())[:2])
    ledger.add({("", "a"): SCORES["", "a"]})
    assert path.read_bytes() == whole


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "[]",
        "{}",
        '{"model": "a", "good": "x", "bad": "y"}',
        '{"model": "a", "good": "x", "bad": "y", "method": "m", "scores": [1]}',
        '{"model": "a", "good": "x", "bad": "y", "method": "m", "scores": ["?", 1]}',
    ],
)
def test_what_is_refused(line, tmp_path):
    path = tmp_path / "scores.jsonl"
    PairLedger(path, "a").add(SCORES)
    path.write_text(path.read_text("utf-8") + line + "\n", encoding="utf-8")
    with pytest.raises(DataError, match="scores.jsonl, line 4: no score of a pair"):
        PairLedger(path, "a")
