"""TSV, CSV and JSONL files that are read, and those that are refused."""

import csv
import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from keras_bigs.data.tables import class_names
from keras_bigs.data.tables import encode_labels
from keras_bigs.data.tables import encode_targets
from keras_bigs.data.tables import read_table
from keras_bigs.data.tables import write_table
from keras_bigs.errors import DataError

pytestmark = pytest.mark.without_backend

GLUE = Path(__file__).parents[4] / "shared" / "data" / "glue"
COLA = ("source", "label", "mark", "sentence")


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

    @pytest.mark.parametrize("suffix", ["tsv", "csv", "jsonl"])
    def test_compressed_by_gzip(self, write, suffix):
        content = {"jsonl": '{"text": "é"}\n'}.get(suffix, "text\né\n")
        path = write(f"a.{suffix}.gz", gzip.compress(content.encode()))
        assert read_table(path, text="text").texts == ["é"]

    def test_columns_are_left_out_unless_asked_for(self, write):
        path = write("a.tsv", "id\ttext\n1\ta\n")
        assert read_table(path, text="text").columns is None

    def test_all_columns(self, write):
        path = write("a.csv", "id,text,note\n07, a ,\n8,b,x\n")
        table = read_table(path, text="text", all_columns=True)
        expected = {"id": ["07", "8"], "text": [" a ", "b"], "note": ["", "x"]}
        assert table.columns == expected
        assert list(table.columns) == ["id", "text", "note"]

    def test_all_columns_of_json(self, write):
        """Types are kept, and an object may lack what others have."""
        lines = [
            {"id": 7, "text": "a", "more": {"x": [1, None]}},
            {"id": 8, "text": "b", "late": True},
        ]
        path = write("a.jsonl", "\n".join(map(json.dumps, lines)))
        table = read_table(path, text="text", all_columns=True)
        assert table.columns == {
            "id": [7, 8],
            "text": ["a", "b"],
            "more": [{"x": [1, None]}, None],
            "late": [None, True],
        }

    def test_all_columns_must_have_those_that_are_read(self, write, rejected):
        path = write("a.tsv", "texts\tid\nfine\t1\n")
        for all_columns in (True, False):
            rejected(
                path,
                "no column 'text'",
                "Did you mean 'texts'",
                label=None,
                all_columns=all_columns,
            )

    def test_all_columns_must_have_names_of_their_own(self, write, rejected):
        path = write("a.csv", "id,text,id\n1,a,2\n")
        rejected(path, "2 columns are named 'id'", label=None, all_columns=True)
        path = write("a.jsonl", '{"text": "a", "id": ["\\ud83d"]}')
        rejected(path, "column 'id' holds '\\ud83d'", label=None, all_columns=True)


class TestBadFiles:
    def test_missing_file(self, tmp_path, rejected):
        rejected(tmp_path / "a.tsv", "No such file", "Give a file")

    def test_directory(self, tmp_path, rejected):
        rejected(tmp_path, "Is a directory", "Give a file")

    def test_unknown_format(self, write, rejected):
        path = write("a.txt", "text\n")
        rejected(path, "'txt'", "'tsv', 'csv', 'jsonl'", "Rename the file")
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
        rejected(path, "text in UTF-16", "iconv -f UTF-16")

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


# The official layouts: file, columns of text and label, options, content.
LAYOUTS = {
    "CoLA": (
        ("sentence", None, "label"),
        {"column_names": COLA},
        'gj04\t1\t\tThey left.\ngj04\t0\t*\tThey "leaved.\n',
    ),
    "SST-2": (
        ("sentence", None, "label"),
        {},
        'sentence\tlabel\nhide new secretions \t0\n" lovely \t1\n',
    ),
    "MRPC": (
        ("#1 String", "#2 String", "Quality"),
        {},
        "\ufeffQuality\t#1 ID\t#2 ID\t#1 String\t#2 String\n"
        '1\t7\t8\t"No," he said.\tHe said "no.\n0\t9\t10\tA man\tA dog\n',
    ),
    "QNLI": (
        ("question", "sentence", "label"),
        {},
        "index\tquestion\tsentence\tlabel\n"
        "0\tWhat?\tThat.\tentailment\n1\tWho?\tAn ox.\tnot_entailment\n",
    ),
    "STS-B": (
        ("sentence1", "sentence2", "score"),
        {},
        "index\tgenre\tfilename\tyear\told_index\tsource1\tsource2\tsentence1\t"
        "sentence2\tscore\n"
        "0\tmain\tMSRvid\t2012\t1\tnone\tnone\tA plane.\tAn aeroplane.\t5.000\n"
        "1\tmain\tMSRvid\t2012\t4\tnone\tnone\tA man.\tA flute.\t0.400\n",
    ),
}


class TestGLUE:
    @pytest.mark.parametrize("task", LAYOUTS)
    def test_official_layouts(self, write, task):
        columns, options, content = LAYOUTS[task]
        table = read_table(write("train.tsv", content), *columns, **options)
        lines = content.rstrip("\n").split("\n")
        rows = [line.split("\t") for line in lines]
        names = options.get("column_names")
        if names is None:
            names = [name.removeprefix("\ufeff") for name in rows.pop(0)]
        cells = dict(zip(names, zip(*rows, strict=True), strict=True))
        text, text_pair, label = columns
        assert table.texts == list(cells[text])
        assert table.labels == list(cells[label])
        if text_pair is not None:
            assert table.text_pairs == list(cells[text_pair])
        if task == "STS-B":
            np.testing.assert_array_equal(
                encode_targets(table), np.array([5, 0.4], "float32")
            )
        else:
            labels = encode_labels(table, class_names(table))
            assert sorted(labels) == [0, 1]

    @pytest.mark.skipif(not GLUE.exists(), reason="needs ../shared/data/glue")
    @pytest.mark.parametrize(
        ("task", "split", "rows"),
        [
            ("CoLA", "train", 8551),
            ("SST-2", "dev", 872),
            ("MRPC", "train", 3667),
            ("QNLI", "dev", 5463),
            ("STS-B", "train", 5749),
        ],
    )
    def test_official_files(self, task, split, rows):
        columns, options, _ = LAYOUTS[task]
        table = read_table(GLUE / task / f"{split}.tsv", *columns, **options)
        assert len(table) == rows
        if task == "STS-B":
            with pytest.raises(DataError, match="are scores, not classes"):
                class_names(table)
            targets = encode_targets(table)
            assert 0 == targets.min() < targets.max() == 5
        else:
            assert class_names(table) in (["0", "1"], ["entailment", "not_entailment"])
