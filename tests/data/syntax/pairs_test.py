"""Minimal pairs from JSON lines and TSV."""

import gzip
import json
import pathlib
import tempfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_bigs.data.syntax import MinimalPair
from keras_bigs.data.syntax import draw_by_group
from keras_bigs.data.syntax import read_pairs
from keras_bigs.errors import ConfigError
from keras_bigs.errors import DataError

pytestmark = pytest.mark.without_backend

BLIMP = {
    "sentence_good": "She has really left.",
    "sentence_bad": "She has ever left.",
    "field": "semantics",
    "linguistics_term": "npi_licensing",
    "UID": "npi_present_1",
    "pairID": "0",
}


def write(path, *lines):
    lines = (line if isinstance(line, str) else json.dumps(line) for line in lines)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_blimp(tmp_path):
    path = write(tmp_path / "npi.jsonl", BLIMP, "", BLIMP | {"UID": "npi_present_2"})
    first, second = read_pairs(path)
    assert first == MinimalPair(
        "She has really left.", "She has ever left.", "npi_present_1", f"{path}, line 1"
    )
    assert (second.group, second.where) == ("npi_present_2", f"{path}, line 3")
    assert {pair.group for pair in read_pairs(path, "field")} == {"semantics"}


def test_plain_names(tmp_path):
    rows = [{"good": "a", "bad": "b", "group": "g"}, {"good": "", "bad": "b"}]
    path = write(tmp_path / "mine.jsonl", *rows)
    first, second = read_pairs(path)
    assert first[:3] == ("a", "b", "g")
    # Without a group that of the file; an empty sentence is no error here.
    assert second[:3] == ("", "b", "mine")


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_tsv(suffix, tmp_path):
    text = 'bad\tgroup\tgood\nhe "go\tg1\the "goes\nx\tg2\ty\n'
    path = tmp_path / f"mine.tsv{suffix}"
    path.write_bytes(gzip.compress(text.encode()) if suffix else text.encode())
    first, second = read_pairs(path)
    assert first[:3] == ('he "goes', 'he "go', "g1")
    assert second == MinimalPair("y", "x", "g2", f"{path}, line 3")
    assert [p.group for p in read_pairs(path, group="good")] == ['he "goes', "y"]


def test_tsv_without_group(tmp_path):
    path = write(tmp_path / "mine.tsv.gz", "good\tbad", "a\tb")
    assert read_pairs(path)[0][:3] == ("a", "b", "mine")


@pytest.mark.parametrize(
    ("name", "lines", "message"),
    [
        ("a.jsonl", [BLIMP, {"right": "a"}], r"line 2: a minimal pair .*\['right'\]"),
        ("a.jsonl", [{"good": "a"}], "'sentence_bad'.* or .*'bad'"),
        ("a.jsonl", [{"good": "a", "bad": 3}], "'bad' must be a string. Received: 3"),
        ("a.jsonl", [{"good": "a", "bad": "b", "group": 1}], "'group' must be a str"),
        ("a.jsonl", [{"good": "\ud800", "bad": "b"}], r"'good' holds '\\ud800', whi"),
        ("a.jsonl", ["[]"], "line 1: .* is not an object"),
        ("a.jsonl", [""], "the file is empty"),
        ("a.tsv", ["right\twrong", "a\tb"], "line 1: there is no column 'good'"),
        ("a.tsv", ["good\tbad", "a"], "line 2: 1 fields where the header has 2"),
        ("a.tsv", ["good\tbad"], "no pairs follow"),
        ("a.csv", ["good,bad"], "from JSONL or TSV"),
        ("a.txt", ["a"], "the format is 'txt'"),
    ],
)
def test_what_is_refused(name, lines, message, tmp_path):
    with pytest.raises(DataError, match=message):
        read_pairs(write(tmp_path / name, *lines))


def test_group_that_is_not_there(tmp_path):
    path = write(tmp_path / "a.jsonl", BLIMP)
    with pytest.raises(DataError, match="line 1: 'topic' must be a string"):
        read_pairs(path, "topic")
    path = write(tmp_path / "a.tsv", "good\tbad\tgruop", "a\tb\tc")
    with pytest.raises(DataError, match="no column 'group'.* Did you mean 'gruop'"):
        read_pairs(path, "group")


@given(
    st.lists(
        st.tuples(*3 * [st.text(st.characters(codec="utf-8", exclude_characters="\0"))])
    )
)
def test_any_text_is_kept(rows):
    with tempfile.TemporaryDirectory() as folder:
        names = ("sentence_good", "sentence_bad", "UID")
        lines = (dict(zip(names, row, strict=True)) for row in rows)
        path = write(pathlib.Path(folder) / "a.jsonl", *lines)
        if rows:
            assert [pair[:3] for pair in read_pairs(path)] == rows


def test_draw_by_group():
    pairs = [MinimalPair(str(i), "", "ab"[i % 2], "") for i in range(20)]
    pairs += [MinimalPair("20", "", "c", "")]
    drawn = draw_by_group(pairs, 3, seed=1)
    assert [p.group for p in drawn].count("a") == 3
    assert [p.group for p in drawn].count("b") == 3
    # A group that has fewer is there whole, and all are in their order.
    assert drawn[-1].good == "20"
    places = [int(pair.good) for pair in drawn]
    assert places == sorted(set(places))
    assert drawn == draw_by_group(pairs, 3, seed=1)
    assert drawn != draw_by_group(pairs, 3, seed=2)
    assert draw_by_group(pairs, None) == pairs
    with pytest.raises(ConfigError, match="`examples_per_case` must be from 1"):
        draw_by_group(pairs, 0)
