"""Any number of labels a text."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from sklearn.preprocessing import MultiLabelBinarizer

from keras_bigs.data.tables import TextTable
from keras_bigs.data.tables import encode_multi_labels
from keras_bigs.data.tables import multi_label_classes
from keras_bigs.data.tables import read_table
from keras_bigs.errors import DataError

pytestmark = pytest.mark.without_backend


def table_of(write, *labels):
    """A TSV file with these cells, of which the first is in line 2."""
    rows = "".join(f"some text\t{label}\n" for label in labels)
    path = write("a.tsv", "text\tlabel\n" + rows)
    return read_table(path, text="text", label="label", multi_label=True)


def json_table_of(write, *labels):
    """A JSONL file with these values, of which the first is in line 1."""
    lines = [json.dumps({"text": "some text", "label": label}) for label in labels]
    path = write("a.jsonl", "\n".join(lines))
    return read_table(path, text="text", label="label", multi_label=True)


def encode_both(table, **kwargs):
    """Both functions, the second one with classes of the first."""
    return encode_multi_labels(table, multi_label_classes(table, **kwargs), **kwargs)


def test_cells(write):
    table = table_of(write, "sport|politics", "", " art | sport ", "politics", "  ")
    classes = multi_label_classes(table)
    assert classes == ["art", "politics", "sport"]
    labels = encode_multi_labels(table, classes)
    assert labels.dtype == "float32"
    np.testing.assert_array_equal(
        labels, [[0, 1, 1], [0, 0, 0], [1, 0, 1], [0, 1, 0], [0, 0, 0]]
    )
    # The order of columns is that of the classes, which may be more.
    np.testing.assert_array_equal(
        encode_multi_labels(table, ["x", "sport", "politics", "art"])[0], [0, 1, 1, 0]
    )


def test_numbers_are_in_their_order(write):
    assert multi_label_classes(table_of(write, "10|9", "x|1")) == ["1", "9", "10", "x"]


def test_other_separators(write):
    table = table_of(write, "a|b, c", "c")
    assert multi_label_classes(table, separator=",") == ["a|b", "c"]
    np.testing.assert_array_equal(encode_both(table, separator=","), [[1, 1], [0, 1]])
    for function in (multi_label_classes, lambda t, s: encode_multi_labels(t, [], s)):
        with pytest.raises(ValueError, match="`separator` must not be empty"):
            function(table, "")


def test_json(write):
    """Lists, of which items are read as labels are, and texts."""
    table = json_table_of(write, ["b", " a "], [], "a|c", None, "", [1, True])
    assert multi_label_classes(table) == ["1", "a", "b", "c", "true"]
    np.testing.assert_array_equal(
        encode_multi_labels(table, ["a", "b", "c", "1", "true"]),
        [
            [1, 1, 0, 0, 0],
            [0, 0, 0, 0, 0],
            [1, 0, 1, 0, 0],
            [0, 0, 0, 0, 0],
            [0, 0, 0, 0, 0],
            [0, 0, 0, 1, 1],
        ],
    )


@settings(deadline=None)
@given(
    st.lists(st.lists(st.sampled_from("abcde"), unique=True), min_size=1),
    st.sampled_from(["|", ",", "; "]),
)
def test_as_scikit_learn(rows, separator):
    table = TextTable(
        texts=["x"] * len(rows),
        text_pairs=None,
        labels=[separator.join(labels) for labels in rows],
        line_numbers=list(range(len(rows))),
        path="a.tsv",
        label_column="label",
    )
    expected = MultiLabelBinarizer(classes=list("abcde")).fit_transform(rows)
    encoded = encode_multi_labels(table, "abcde", separator)
    np.testing.assert_array_equal(encoded, expected)


@pytest.mark.parametrize("cell", ["a||b", "a|", "| a", "|", "a| |b"])
def test_empty_labels(write, cell):
    table = table_of(write, "a|b", cell)
    with pytest.raises(DataError) as error:
        multi_label_classes(table)
    assert f"{table.path}, line 3: column 'label' holds {cell!r}" in str(error.value)
    assert "an empty label. Remove it" in str(error.value)
    with pytest.raises(DataError, match="empty label"):
        encode_multi_labels(table, ["a", "b"])


@pytest.mark.parametrize("cell", [["a", ""], [" "], [None]])
def test_empty_labels_of_lists(write, cell):
    table = json_table_of(write, ["a", "b"], cell)
    with pytest.raises(DataError, match="line 2: column 'label' .* an empty label"):
        encode_both(table)


def test_one_label_twice(write):
    for table, line in (
        (table_of(write, "a|b", "b|a| b"), 3),
        (json_table_of(write, ["a", "b"], ["b", "a", "b "]), 2),
    ):
        message = rf"line {line}: .* has the label 'b' 2 times. Leave one"
        with pytest.raises(DataError, match=message):
            multi_label_classes(table)
        with pytest.raises(DataError, match=message):
            encode_multi_labels(table, ["a", "b"])


def test_separators_in_listed_labels(write):
    """Which a table of predictions could not tell from two."""
    table = json_table_of(write, ["a|b", "c"])
    with pytest.raises(DataError, match=r"line 1: .* 'a\|b', in which '\|' would .*an"):
        multi_label_classes(table)
    assert multi_label_classes(table, ",") == ["a|b", "c"]


def test_unknown_labels(write):
    table = table_of(write, "a", "b|c", "", "d|c|a", "c")
    with pytest.raises(DataError) as error:
        encode_multi_labels(table, ["a", "b"])
    message = str(error.value)
    assert f"{table.path}: column 'label' has labels" in message
    assert "['c', 'd'], in 3 lines (3, 5, 6)" in message
    assert "known labels are ['a', 'b']" in message


def test_too_few_classes(write):
    with pytest.raises(DataError, match="one label only, 'a'.* two or more.*yes and"):
        multi_label_classes(table_of(write, "a", "", "a"))
    with pytest.raises(DataError, match="column 'label' has no labels"):
        multi_label_classes(table_of(write, "", ""))
    # An evaluation file may have none.
    assert not encode_multi_labels(table_of(write, "", ""), ["a", "b"]).any()


def test_no_label_column(write):
    table = read_table(write("a.csv", "text\na\n"), text="text", multi_label=True)
    with pytest.raises(DataError, match="Name the label column"):
        multi_label_classes(table)


class TestReading:
    def test_only_when_asked_for(self, write):
        path = write("a.csv", "text,label\na,x\nb,\n")
        with pytest.raises(DataError, match="column 'label' is empty in line 3"):
            read_table(path, "text", label="label")
        assert read_table(path, "text", label="label", multi_label=True).labels == [
            "x",
            "",
        ]
        path = write("a.jsonl", '{"text": "a", "label": ["x"]}')
        with pytest.raises(DataError, match=r"holds \['x'\], which is not a label"):
            read_table(path, "text", label="label")

    def test_labels_only(self, write):
        path = write("a.csv", "text,label\na,x\n,y\n")
        with pytest.raises(DataError, match="column 'text' is empty in line 3"):
            read_table(path, "text", label="label", multi_label=True)
        path = write("a.jsonl", '{"text": ["a"], "label": ["x"]}')
        with pytest.raises(DataError, match=r"'text' holds \['a'\], which is not a st"):
            read_table(path, "text", label="label", multi_label=True)

    @pytest.mark.parametrize("value", ['[["x"]]', '[{"x": 1}]', '{"x": 1}'])
    def test_other_json(self, write, value):
        path = write("a.jsonl", f'{{"text": "a", "label": {value}}}')
        with pytest.raises(DataError, match="line 1: .* which is not a label"):
            read_table(path, "text", label="label", multi_label=True)

    def test_no_characters(self, write):
        path = write("a.jsonl", '{"text": "a", "label": ["x", "\\ud83d"]}')
        with pytest.raises(DataError, match="line 1: .*no character of a text"):
            read_table(path, "text", label="label", multi_label=True)

    def test_all_columns_are_kept_as_they_are(self, write):
        lines = [{"text": "a", "label": ["x", 1]}, {"text": "b", "label": None}]
        path = write("a.jsonl", "\n".join(map(json.dumps, lines)))
        table = read_table(
            path, "text", label="label", multi_label=True, all_columns=True
        )
        assert table.columns["label"] == [["x", 1], None]
        assert table.labels == [["x", "1"], ""]
