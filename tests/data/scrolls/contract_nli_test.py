"""ContractNLI in its own format and in SCROLLS's."""

import collections
import copy
import gzip
import json
import pathlib

import pytest

from keras_bigs.data import tables
from keras_bigs.data.scrolls import CONTRACT_NLI_CLASSES
from keras_bigs.data.scrolls import CONTRACT_NLI_TEXTS
from keras_bigs.data.scrolls import read_contract_nli
from keras_bigs.errors import DataError

pytestmark = pytest.mark.without_backend
SHARED = pathlib.Path(__file__).parents[4] / "shared/data/scrolls/contract_nli"


def document(document_id, text, **choices):
    annotations = {
        key.replace("_", "-"): {"choice": choice, "spans": [0]}
        for key, choice in choices.items()
    }
    sets = [{"annotations": annotations}]
    return {"id": document_id, "text": text, "spans": [], "annotation_sets": sets}


CONTENT = {
    "documents": [
        document(3, "AGREEMENT\nMay.", nda_1="NotMentioned", nda_11="Entailment"),
        document("7b", "It shall not.", nda_11="Contradiction", nda_1="Entailment"),
    ],
    "labels": {
        "nda-11": {"short_description": "Copies", "hypothesis": "May copy."},
        "nda-1": {"short_description": "Marking", "hypothesis": "Is marked."},
    },
}
ROWS = [
    {
        "id": "3_nda-11",
        "pid": "3_nda-11_0",
        "input": "May copy.\n\nAGREEMENT\n\nMay.",
        "output": "Not mentioned",
    },
    {
        "id": "3_nda-1",
        "pid": "3_nda-1_0",
        "input": "Is marked.\n\nAGREEMENT\n\nMay.",
        "output": "Contradiction",
    },
]


def write(folder, content, name="dev.json"):
    path = folder / name
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def write_rows(folder, rows, name="validation.jsonl"):
    path = folder / name
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return path


def test_official_format(tmp_path):
    path = write(tmp_path, CONTENT)
    table = read_contract_nli(path)
    # Hypotheses in the order of `labels`, whatever that of the annotations.
    assert table.columns == {"id": ["3_nda-11", "3_nda-1", "7b_nda-11", "7b_nda-1"]}
    assert table.texts == ["AGREEMENT\nMay."] * 2 + ["It shall not."] * 2
    assert table.text_pairs == ["May copy.", "Is marked."] * 2
    assert table.labels == ["Entailment", "NotMentioned", "Contradiction", "Entailment"]
    assert table.line_numbers == [1, 2, 3, 4]
    assert (table.path, table.label_column) == (path, "choice")
    labels = tables.encode_labels(table, CONTRACT_NLI_CLASSES)
    assert list(labels) == [0, 2, 1, 0]


def test_official_format_compressed(tmp_path):
    path = tmp_path / "dev.json.gz"
    path.write_bytes(gzip.compress(json.dumps(CONTENT).encode()))
    assert len(read_contract_nli(path)) == 4


def test_scrolls_format(tmp_path):
    table = read_contract_nli(write_rows(tmp_path, ROWS))
    assert table.texts == ["AGREEMENT\n\nMay."] * 2
    assert table.text_pairs == ["May copy.", "Is marked."]
    assert table.labels == ["NotMentioned", "Contradiction"]
    assert table.columns == {"id": ["3_nda-11", "3_nda-1"]}
    assert (table.line_numbers, table.label_column) == ([1, 2], "output")


def test_scrolls_test_set_has_no_labels(tmp_path):
    rows = [{**row, "output": None} for row in ROWS]
    table = read_contract_nli(write_rows(tmp_path, rows, "test.jsonl"))
    assert (table.labels, table.label_column, len(table)) == (None, None, 2)


def test_texts_name_all_classes():
    assert tuple(CONTRACT_NLI_TEXTS) == CONTRACT_NLI_CLASSES


def at(content, *keys):
    for key in keys:
        content = content[key]
    return content


FIRST = ("documents", 0)
ANNOTATIONS = (*FIRST, "annotation_sets", 0, "annotations")


@pytest.mark.parametrize(
    ("where", "change", "message"),
    [
        ((), {"documents": {}}, r"dev\.json: 'documents' must be a list"),
        ((), {"documents": []}, r"dev\.json: the file has no pairs"),
        ((), {"labels": []}, r"dev\.json: 'labels' must be an object"),
        (
            ("labels", "nda-1"),
            {"hypothesis": " "},
            r"labels\['nda-1'\]: 'hypothesis' is empty",
        ),
        ((), {"documents": ["a"]}, r"documents\[0\]: must be an object"),
        (FIRST, {"id": None}, r"documents\[0\]: 'id' must be a string"),
        (FIRST, {"id": "7b"}, r"\(7b\).* the id '7b_nda-11', and so has the one of"),
        (FIRST, {"text": "\n"}, r"documents\[0\] \(3\): 'text' is empty"),
        (FIRST, {"text": None}, r"'text' must be a string. Received: None"),
        (FIRST, {"annotation_sets": []}, "'annotation_sets' is empty"),
        (ANNOTATIONS, {"nda-99": {}}, "an annotation for 'nda-99', which is none of"),
        (
            ANNOTATIONS,
            {"nda-1": {"choice": "Neutral"}},
            r"\(3\), annotations\['nda-1'\]: 'choice' must be one of .* 'Neutral'",
        ),
        (ANNOTATIONS, {"nda-1": {}}, "'choice' must be a string. Received: None"),
        (ANNOTATIONS, {"nda-1": 3}, r"\['nda-1'\]: must be an object. Received: 3"),
    ],
)
def test_what_is_refused_of_the_official_format(where, change, message, tmp_path):
    content = copy.deepcopy(CONTENT)
    at(content, *where).update(change)
    with pytest.raises(DataError, match=message):
        read_contract_nli(write(tmp_path, content))


def test_missing_annotation(tmp_path):
    content = copy.deepcopy(CONTENT)
    del at(content, *ANNOTATIONS)["nda-11"]
    with pytest.raises(DataError, match=r"\(3\): .* no annotation .* 'nda-11'"):
        read_contract_nli(write(tmp_path, content))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"id": "3_nda-11"}, "line 2: the pair has the id '3_nda-11', and so has .* 1"),
        ({"id": None}, "line 2: 'id' must be a string"),
        ({"input": "Is marked.\nMay."}, "line 2: 'input' must be a hypothesis, a bl"),
        ({"input": "\n\nMay."}, "line 2: 'input, before the blank line' is empty"),
        ({"input": "Is marked.\n\n\n"}, "line 2: 'input, after the .* is empty"),
        ({"output": "NotMentioned"}, "line 2: 'output' must be one of .*, or null"),
        ({"output": None}, "line 2: 'output' is null, and that of .*line 1, is not"),
    ],
)
def test_what_is_refused_of_scrolls(change, message, tmp_path):
    with pytest.raises(DataError, match=message):
        read_contract_nli(write_rows(tmp_path, [ROWS[0], ROWS[1] | change]))


def test_scrolls_column_missing(tmp_path):
    rows = [{key: ROWS[0][key] for key in ("id", "input")}]
    with pytest.raises(DataError, match="line 1: there is no column 'output'"):
        read_contract_nli(write_rows(tmp_path, rows))


def test_no_json(tmp_path):
    path = tmp_path / "train.json"
    path.write_text("{")
    with pytest.raises(DataError, match="train.json is not JSON"):
        read_contract_nli(path)


def test_other_suffix(tmp_path):
    with pytest.raises(DataError, match=r"train\.csv: the name ends in '\.csv'"):
        read_contract_nli(tmp_path / "train.csv")


@pytest.mark.skipif(not SHARED.exists(), reason="ContractNLI is not on this machine")
@pytest.mark.parametrize(
    ("name", "num_documents", "counts"),
    [
        ("dev.json", 61, (519, 95, 423)),
        ("test.json", 123, (968, 220, 903)),
    ],
)
def test_the_real_files(name, num_documents, counts):
    table = read_contract_nli(SHARED / name)
    counter = collections.Counter(table.labels)
    assert tuple(counter[c] for c in CONTRACT_NLI_CLASSES) == counts
    assert len(table) == sum(counts) == 17 * num_documents
    assert len(set(table.columns["id"])) == len(table)
    assert len(set(table.text_pairs)) == 17
