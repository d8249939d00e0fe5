import csv
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from keras_bigs.data.tables import tables
from keras_bigs.data.tables.tables import encode_labels
from keras_bigs.data.tables.tables import encode_targets
from keras_bigs.data.tables.tables import label_vocabulary
from keras_bigs.data.tables.tables import read_table
from keras_bigs.data.tables.tables import write_table
from keras_bigs.errors import DataError

GLUE = Path(__file__).parents[3] / "shared" / "data" / "glue"
COLA = ("source", "label", "mark", "sentence")

# All that a table can hold: no NUL, no surrogates, and not only whitespace.
texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
texts = texts.filter(str.strip)


@pytest.fixture
def write(tmp_path):
    """Writes a file of text or bytes, and returns its path."""

    def write(name, content):
        data = content if isinstance(content, bytes) else content.encode()
        (tmp_path / name).write_bytes(data)
        return tmp_path / name

    return write


@pytest.fixture
def rejected():
    """Asserts that `read_table` raises one line that holds all of `parts`, in order."""

    def rejected(path, *parts, text="text", label="label", **kwargs):
        with pytest.raises(DataError) as error:
            read_table(path, text=text, label=label, **kwargs)
        message, end = str(error.value), 0
        for part in (str(path), *parts):
            assert part in message[end:]
            end = message.index(part, end) + len(part)
        assert "\n" not in message

    return rejected


class TestFormats:
    def test_tsv_takes_quotes_as_text(self, write):
        path = write("a.tsv", 'text\tlabel\tid\n"Yes, he said.\t1\t7\nNo"\t0\t8\n')
        table = read_table(path, text="text", label="label")
        assert table.texts == ['"Yes, he said.', 'No"']
        assert table.labels == ["1", "0"]
        assert table.text_pairs is None
        assert table.line_numbers == [2, 3]
        assert table.path == path
        assert len(table) == 2

    def test_quoted_tsv(self, write):
        path = write("a.tsv", 'text\tlabel\n"He said ""a\tb\nc"""\t1\nb\t0\n')
        table = read_table(path, text="text", label="label", quoting=True)
        assert table.texts == ['He said "a\tb\nc"', "b"]
        assert table.line_numbers == [2, 4]

    def test_csv(self, write):
        path = write("a.csv", 'label,a,b\n1,"x, ""y""\r\nz",second\n')
        table = read_table(path, text="a", text_pair="b", label="label")
        assert table.texts == ['x, "y"\r\nz']
        assert table.text_pairs == ["second"]
        assert table.labels == ["1"]

    def test_csv_without_quoting(self, write):
        path = write("a.csv", 'text,label\n"a,1\n')
        table = read_table(path, text="text", label="label", quoting=False)
        assert table.texts == ['"a']

    def test_jsonl(self, write):
        values = ["a", 1, 0.5, True]
        lines = [json.dumps({"text": "é\n", "label": value}) for value in values]
        table = read_table(
            write("a.jsonl", "\n".join(lines)), text="text", label="label"
        )
        assert table.texts == ["é\n"] * 4
        assert table.labels == ["a", "1", "0.5", "true"]
        assert table.line_numbers == [1, 2, 3, 4]

    @pytest.mark.parametrize("suffix", ["tsv", "csv", "jsonl"])
    def test_byte_order_mark_blank_lines_and_windows_line_ends(self, write, suffix):
        lines = {"jsonl": '{"text": "a"}\r\n\r\n{"text": "b"}\r\n\r\n'}
        content = lines.get(suffix, "text\r\n\r\na\r\nb\r\n\r\n")
        path = write(f"a.{suffix}", b"\xef\xbb\xbf" + content.encode())
        table = read_table(path, text="text")
        assert table.texts == ["a", "b"]
        assert table.line_numbers == ([1, 3] if suffix == "jsonl" else [3, 4])
        assert table.labels is None

    def test_column_names(self, write):
        path = write("a.tsv", "gj04\t1\t\tThey left.\ngj04\t0\t*\tThey leaved.\n")
        table = read_table(path, text="sentence", label="label", column_names=COLA)
        assert table.texts == ["They left.", "They leaved."]
        assert table.line_numbers == [1, 2]

    def test_file_format_overrides_suffix(self, write):
        path = write("a.txt", "text\ta\nb\t1\n")
        assert read_table(path, text="text", file_format="tsv").texts == ["b"]

    def test_only_labels_are_stripped(self, write):
        path = write("a.csv", "text,label\n a , 1 \n")
        table = read_table(path, text="text", label="label")
        assert (table.texts, table.labels) == ([" a "], ["1"])

    @pytest.mark.parametrize("suffix", ["tsv", "csv", "jsonl"])
    def test_long_text(self, tmp_path, suffix):
        limit = csv.field_size_limit()
        text = "many words " * 1_000_000
        path = tmp_path / f"a.{suffix}"
        write_table(path, {"text": [text, "short"]})
        assert read_table(path, text="text").texts == [text, "short"]
        assert csv.field_size_limit() == limit


class TestBadFiles:
    def test_missing_file(self, tmp_path, rejected):
        rejected(tmp_path / "a.tsv", "No such file", "Give a file")

    def test_directory(self, tmp_path, rejected):
        rejected(tmp_path, "Is a directory", "Give a file")

    def test_unknown_format(self, write, rejected):
        path = write("a.txt", "text\n")
        rejected(path, "'txt'", "'tsv', 'csv', 'jsonl'", "file_format")
        rejected(path, "'xls'", file_format="xls")

    @pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf", b"\n \n"])
    @pytest.mark.parametrize("suffix", ["tsv", "csv", "jsonl"])
    def test_empty_file(self, write, rejected, suffix, content):
        rejected(write(f"a.{suffix}", content), "the file is empty")

    def test_no_rows(self, write, rejected):
        rejected(write("a.csv", "text,label\n\n"), "no rows follow")

    def test_missing_column(self, write, rejected):
        path = write("a.tsv", "Sentence\tlabel\na\t1\n")
        rejected(
            path,
            "line 1: there is no column 'sentence'",
            "['Sentence', 'label']",
            "mean 'Sentence'?",
            "column_names",
            text="sentence",
        )
        rejected(path, "no column 'label'", column_names=COLA[:1], text="source")
        path = write("a.jsonl", '{"text": "a", "label": 1}\n{"txt": "b", "label": 1}\n')
        rejected(path, "line 2", "'text'", "['txt', 'label']", "mean 'txt'?")

    def test_file_without_header(self, write, rejected):
        path = write("a.tsv", "gj04\t1\t\tThey left.\n")
        rejected(path, "line 1: there is no column", "'They left.'", "column_names")

    def test_header_beside_column_names(self, write, rejected):
        path = write("a.tsv", "text\tlabel\na\t1\n")
        columns = ["text", "label"]
        rejected(path, "line 1", "drop column_names", column_names=columns)
        columns = ["id", *columns]
        rejected(path, "line 1: 2 fields", "column_names has 3", column_names=columns)

    def test_column_names_of_jsonl(self, write, rejected):
        path = write("a.jsonl", '{"text": "a", "label": 1}\n')
        rejected(path, "Drop column_names", column_names=["text", "label"])

    def test_duplicate_column(self, write, rejected):
        path = write("a.csv", "text,id,text,id,label\na,1,b,2,0\n")
        rejected(path, "line 1: 2 columns are named 'text'", "Rename")
        with pytest.raises(DataError, match="2 columns"):
            read_table(path, text="id")
        assert read_table(path, text="label").texts == ["0"]

    def test_same_column_twice(self, write):
        path = write("a.csv", "text,label\na,1\n")
        with pytest.raises(DataError, match=r"'label': 'text'.* same column"):
            read_table(path, text="text", label="text")
        with pytest.raises(DataError, match=r"'text_pair': 'text'.* same column"):
            read_table(path, text="text", text_pair="text")

    def test_empty_text(self, write, rejected):
        path = write("a.tsv", "text\tlabel\na\t1\n\t0\n")
        rejected(path, "column 'text' is empty in line 3", "fill in their text")
        path = write("a.tsv", "text\tlabel\na\t1\n" + " \t0\n" * 9)
        rejected(path, "'text' is empty in 9 lines (3, 4, 5, 6, 7, ...)", "Remove")
        path = write("a.jsonl", '{"text": "a", "label": 1}\n{"text": "", "label": 1}\n')
        rejected(path, "column 'text' is empty in line 2")
        path = write("a.tsv", "text\tb\tlabel\na\t\t1\n")
        rejected(path, "column 'b' is empty in line 2", text_pair="b")

    def test_empty_label(self, write, rejected):
        path = write("a.csv", "text,label\na,1\nb,\nc, \n")
        rejected(path, "column 'label' is empty in 2 lines (3, 4)", "their label")
        for missing in ("null", "NaN", '""'):
            path = write("a.jsonl", f'{{"text": "a", "label": {missing}}}\n')
            rejected(path, "column 'label' is empty in line 1")

    def test_wrong_number_of_fields(self, write, rejected):
        path = write("a.tsv", "text\tlabel\na\t1\nb\tc\t0\n")
        rejected(path, "line 3: 3 fields where the header has 2", "Correct the line")
        path = write("a.csv", "text,label\na, b,1\n")
        rejected(path, "line 2: 3 fields where the header has 2")

    def test_quoted_tsv_read_without_quoting(self, write, rejected):
        path = write("a.tsv", 'text\tlabel\n"a\tb"\t1\n')
        rejected(path, "line 2: 3 fields", "turn quoting on")

    def test_quote_never_closed(self, write, rejected):
        path = write("a.csv", 'text,label\na,1\n"b,0\nc,1\nd,0\n')
        rejected(path, "line 3: bad quoting", "runs to line 5", "turn quoting off")

    def test_quote_closed_by_a_later_one(self, write, rejected):
        path = write("a.csv", 'text,label\na,1\n"b,0\nc,1\n"d",0\n')
        rejected(path, "line 3: bad quoting", "runs to line 5", "turn quoting off")
        path = write("a.csv", 'text,label\na,1\n"b,0\nc,1\nd,"\n')
        rejected(path, "line 3: 1 fields", "runs to line 5", "turn quoting off")

    def test_text_after_a_closing_quote(self, write, rejected):
        path = write("a.csv", 'text,label\n"a" b,1\n')
        rejected(path, "line 2: bad quoting", "double those inside a cell")

    @pytest.mark.parametrize("suffix", ["tsv", "csv", "jsonl"])
    def test_wrong_encoding(self, write, rejected, suffix):
        path = write(f"a.{suffix}", "text,label\ncaf\xe9,1\n".encode("latin-1"))
        rejected(path, "line 2: byte 0xe9 at offset 14", "WINDOWS-1252 -t UTF-8")

    @pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le"])
    def test_utf_16(self, write, rejected, encoding):
        path = write("a.csv", "text,label\na,1\n".encode(encoding))
        rejected(path, "line 1: byte", "iconv -f UTF-16")

    def test_nul(self, write, rejected):
        path = write("a.tsv", "text\tlabel\na\0\t1\n")
        rejected(path, "line 2: byte 0x00 at offset 12", "tr -d '\\0'")
        path = write("a.jsonl", '{"text": "a\\u0000", "label": 1}')
        rejected(path, "line 1: column 'text' holds '\\x00'", "Remove it")

    def test_half_a_surrogate_pair(self, write, rejected):
        path = write("a.jsonl", '{"text": "a\\ud83d", "label": 1}')
        rejected(path, "line 1: column 'text' holds '\\ud83d'", "Remove it")

    def test_not_json(self, write, rejected):
        path = write("a.jsonl", '{"text": "a", "label": 1}\n{"text": b}\n')
        rejected(
            path, "line 2: not JSON (Expecting value: column 10", "one object a line"
        )
        path = write("a.jsonl", '[\n{"text": "a", "label": 1}\n]\n')
        rejected(path, "line 1: not JSON", "jq")
        rejected(write("a.jsonl", "[" * 100_000), "line 1: not JSON")

    def test_json_of_other_types(self, write, rejected):
        rejected(write("a.jsonl", '["a", 1]\n'), "line 1: ['a', 1] is not an object")
        path = write("a.jsonl", '{"text": 5, "label": 1}\n')
        rejected(path, "line 1: column 'text' holds 5", "not a string")
        path = write("a.jsonl", '{"text": null, "label": 1}\n')
        rejected(path, "line 1: column 'text' holds None", "not a string")
        path = write("a.jsonl", '{"text": "a", "label": [1]}\n')
        rejected(path, "line 1: column 'label' holds [1]", "not a label")

    def test_messages_are_short(self, write):
        path = write("a.tsv", "\t".join(["x" * 1000] * 1000) + "\n")
        with pytest.raises(DataError) as error:
            read_table(path, text="text")
        assert len(str(error.value)) < 2000


class TestLabels:
    def table(self, write, *labels):
        rows = "".join(f"some text\t{label}\n" for label in labels)
        path = write("a.tsv", "text\tlabel\n" + rows)
        return read_table(path, text="text", label="label")

    def test_vocabulary(self):
        assert label_vocabulary(["10", "0", "1", "0"]) == ["0", "1", "10"]
        assert label_vocabulary(["0.5", "-1", "3", "-10"]) == ["-10", "-1", "0.5", "3"]
        labels = ["no", "inf", "yes", "10", "9", "nan"]
        assert label_vocabulary(labels) == ["9", "10", "inf", "nan", "no", "yes"]
        assert label_vocabulary([]) == []

    @settings(deadline=None)
    @given(st.lists(st.text()), st.randoms())
    def test_vocabulary_does_not_depend_on_order(self, labels, random):
        vocabulary = label_vocabulary(labels)
        assert set(vocabulary) == set(labels)
        assert len(vocabulary) == len(set(labels))
        random.shuffle(labels)
        assert label_vocabulary(labels) == vocabulary

    def test_encode_labels(self, write):
        labels = encode_labels(self.table(write, "b", "a", "b"), ["a", "b"])
        assert labels.dtype == "int32"
        np.testing.assert_array_equal(labels, [1, 0, 1])

    def test_unknown_label(self, write):
        table = self.table(write, "a", "c", "b", "c", "d")
        with pytest.raises(DataError) as error:
            encode_labels(table, ["a", "b"])
        message = str(error.value)
        assert f"{table.path}: column 'label' has labels" in message
        assert "['c', 'd'], in 3 lines (3, 5, 6)" in message
        assert "known labels are ['a', 'b']" in message

    def test_encode_targets(self, write):
        targets = encode_targets(self.table(write, "3.8", "-1", "1e3"))
        assert targets.dtype == "float32"
        np.testing.assert_array_equal(targets, np.array([3.8, -1, 1000], "float32"))

    @pytest.mark.parametrize("label", ["good", "nan", "inf", "-inf", "1e39", "3,8"])
    def test_targets_that_are_no_numbers(self, write, label):
        table = self.table(write, "1", label, "2")
        with pytest.raises(DataError) as error:
            encode_targets(table)
        assert "column 'label' is not a finite number in line 3" in str(error.value)
        assert repr(label) in str(error.value)

    def test_no_labels(self, write):
        table = read_table(write("a.csv", "text\na\n"), text="text")
        for encode in (encode_targets, lambda table: encode_labels(table, ["a"])):
            with pytest.raises(DataError, match="Name the label column"):
                encode(table)


class TestWriteTable:
    @pytest.mark.parametrize("suffix", ["csv", "jsonl"])
    @settings(deadline=None)
    @given(rows=st.lists(st.tuples(texts, texts), min_size=1))
    def test_round_trip(self, tmp_path_factory, suffix, rows):
        path = tmp_path_factory.getbasetemp() / f"round_trip.{suffix}"
        first, second = map(list, zip(*rows, strict=True))
        write_table(path, {"b": second, "a": first})
        table = read_table(path, text="a", text_pair="b")
        assert (table.texts, table.text_pairs) == (first, second)

    @settings(deadline=None)
    @given(rows=st.lists(st.tuples(texts, texts), min_size=1))
    def test_round_trip_of_tsv(self, tmp_path_factory, rows):
        path = tmp_path_factory.getbasetemp() / "round_trip.tsv"
        first, second = map(list, zip(*rows, strict=True))
        write_table(path, {"b": second, "a": first})
        table = read_table(path, text="a", text_pair="b")
        spaces = str.maketrans("\t\n\r", "   ")
        assert table.texts == [text.translate(spaces) for text in first]
        assert table.text_pairs == [text.translate(spaces) for text in second]

    def test_numbers(self, tmp_path):
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

    def test_whole_or_not_at_all(self, tmp_path):
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

    def test_unknown_format(self, tmp_path):
        with pytest.raises(DataError, match="'xlsx', not one of"):
            write_table(tmp_path / "a.xlsx", {"text": ["a"]})
        write_table(tmp_path / "a.txt", {"text": ["a"]}, file_format="csv")
        assert (tmp_path / "a.txt").read_text() == '"text"\n"a"\n'


@pytest.mark.skipif(not GLUE.exists(), reason="needs the GLUE files")
class TestGLUE:
    @pytest.mark.parametrize(
        "file, columns, kwargs, rows",
        [
            (
                "CoLA/train.tsv",
                ("sentence", None, "label"),
                {"column_names": COLA},
                8551,
            ),
            ("CoLA/dev.tsv", ("sentence", None, "label"), {"column_names": COLA}, 1043),
            ("CoLA/test.tsv", ("sentence", None, None), {}, 1063),
            ("SST-2/train.tsv", ("sentence", None, "label"), {}, 67349),
            ("SST-2/dev.tsv", ("sentence", None, "label"), {}, 872),
            ("MRPC/train.tsv", ("#1 String", "#2 String", "Quality"), {}, 3667),
            ("MRPC/dev.tsv", ("#1 String", "#2 String", "Quality"), {}, 408),
            ("RTE/train.tsv", ("sentence1", "sentence2", "label"), {}, 2490),
            ("QNLI/dev.tsv", ("question", "sentence", "label"), {}, 5463),
        ],
    )
    def test_classification(self, file, columns, kwargs, rows):
        table = read_table(GLUE / file, *columns, **kwargs)
        assert len(table) == rows
        if table.labels is not None:
            classes = label_vocabulary(table.labels)
            assert classes in (["0", "1"], ["entailment", "not_entailment"])
            assert encode_labels(table, classes).shape == (rows,)

    @pytest.mark.parametrize("file, rows", [("train.tsv", 5749), ("dev.tsv", 1500)])
    def test_regression(self, file, rows):
        path = GLUE / "STS-B" / file
        table = read_table(path, "sentence1", "sentence2", "score")
        targets = encode_targets(table)
        assert targets.shape == (rows,)
        assert 0 == targets.min() < targets.max() == 5
