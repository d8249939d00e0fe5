"""Tables that are written, and read back."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from keras_bigs.data import tables
from keras_bigs.data.tables import read_table
from keras_bigs.data.tables import write_table
from keras_bigs.errors import DataError

pytestmark = pytest.mark.without_backend

# All that a table can hold: no NUL, no surrogates, and not only whitespace.
texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
texts = texts.filter(str.strip)


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
@settings(deadline=None)
@given(rows=st.lists(st.tuples(texts, texts), min_size=1))
def test_round_trip(tmp_path_factory, suffix, rows):
    path = tmp_path_factory.getbasetemp() / f"round_trip.{suffix}"
    first, second = map(list, zip(*rows, strict=True))
    write_table(path, {"b": second, "a": first})
    table = read_table(path, text="a", text_pair="b")
    assert (table.texts, table.text_pairs) == (first, second)


@settings(deadline=None)
@given(rows=st.lists(st.tuples(texts, texts), min_size=1))
def test_round_trip_of_tsv(tmp_path_factory, rows):
    path = tmp_path_factory.getbasetemp() / "round_trip.tsv"
    first, second = map(list, zip(*rows, strict=True))
    write_table(path, {"b": second, "a": first})
    table = read_table(path, text="a", text_pair="b")
    spaces = str.maketrans("\t\n\r", "   ")
    assert table.texts == [text.translate(spaces) for text in first]
    assert table.text_pairs == [text.translate(spaces) for text in second]


def test_numbers(tmp_path):
    columns = {
        "text": ["a", "b"],
        "label": np.array([1, 0], "int32"),
        "score": np.array([0.9, 0.125], "float32"),
        "other": [np.float64(0.1), None],
    }
    contents = {}
    for suffix in tables.FORMATS:
        write_table(tmp_path / f"a.{suffix}", columns)
        contents[suffix] = (tmp_path / f"a.{suffix}").read_text()
    assert contents["csv"] == (
        '"text","label","score","other"\n"a",1,0.9,0.1\n"b",0,0.125,""\n'
    )
    assert contents["tsv"] == (
        "text\tlabel\tscore\tother\na\t1\t0.9\t0.1\nb\t0\t0.125\t\n"
    )
    assert contents["jsonl"] == (
        '{"text": "a", "label": 1, "score": 0.9, "other": 0.1}\n'
        '{"text": "b", "label": 0, "score": 0.125, "other": null}\n'
    )


def test_json_has_no_nan(tmp_path):
    scores = np.array([np.nan, np.inf, 0.5])
    write_table(tmp_path / "a.jsonl", {"score": scores, "other": [float("nan"), 1, 2]})
    lines = (tmp_path / "a.jsonl").read_text().splitlines()
    expected = [(None, None), (None, 1), (0.5, 2)]
    assert [tuple(json.loads(line).values()) for line in lines] == expected


def test_whole_or_not_at_all(tmp_path):
    path = tmp_path / "folder" / "a.jsonl"
    write_table(path, {"text": ["old"]})
    with pytest.raises(ValueError, match="zip"):
        write_table(path, {"text": ["new", "newer"], "label": [1]})
    with pytest.raises(TypeError):
        write_table(path, {"text": ["new", object()]})
    assert read_table(path, text="text").texts == ["old"]
    assert list(path.parent.iterdir()) == [path]
    write_table(path, {"text": ["new"]})
    assert read_table(path, text="text").texts == ["new"]


def test_unknown_format(tmp_path):
    with pytest.raises(DataError, match="'xlsx', not one of"):
        write_table(tmp_path / "a.xlsx", {"text": ["a"]})
    with pytest.raises(DataError, match="'gz', not one of"):
        write_table(tmp_path / "a.tsv.gz", {"text": ["a"]})
    write_table(tmp_path / "a.txt", {"text": ["a"]}, file_format="csv")
    assert (tmp_path / "a.txt").read_text() == '"text"\n"a"\n'
