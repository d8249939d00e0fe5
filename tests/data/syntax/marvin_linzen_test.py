"""The stimuli of Marvin and Linzen (2018), and the paper's table 5."""

import collections
import gzip
import pathlib

import pytest

from keras_bigs.data.syntax import MARVIN_LINZEN_ROWS
from keras_bigs.data.syntax import TABLE_5
from keras_bigs.data.syntax import read_marvin_linzen
from keras_bigs.errors import DataError

pytestmark = pytest.mark.without_backend
SHARED = pathlib.Path(__file__).parents[4] / "shared"
STIMULI = SHARED / "data/syntax/marvin_linzen_emnlp2018.tsv.gz"
PAPER = SHARED / "paper/pretraining_without_attention.txt"

HEADER = "case\tcondition\tgood\tbad\tbad2"
LINES = [
    "prep_inanim\tsing\tthe film by the fans is old\tthe film by the fans are old\t",
    "simple_npi_anim\tpast\tno boys have ever run\tthe boys have ever run\t"
    "most boys have ever run",
    "simple_agrmt\tsing\tthe author laughs\tthe author laugh\t",
    "prep_anim\tsing\tthe boy near the cars runs\tthe boy near the cars run\t",
]


def write(folder, *lines):
    path = folder / "stimuli.tsv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_reading(tmp_path):
    path = write(tmp_path, HEADER, *LINES)
    pairs = read_marvin_linzen(path)
    # In the order of the table; both kinds of subjects are one row.
    assert [(pair.group, pair.good) for pair in pairs] == [
        ("Simple", "the author laughs ."),
        ("Across a prepositional phrase", "the film by the fans is old ."),
        ("Across a prepositional phrase", "the boy near the cars runs ."),
        ("NPI: simple, no or most", "no boys have ever run ."),
        ("NPI: simple, no or the", "no boys have ever run ."),
    ]
    assert [pair.bad for pair in pairs[3:]] == [
        "most boys have ever run .",
        "the boys have ever run .",
    ]
    assert pairs[0].bad == "the author laugh ."
    assert pairs[0].where == f"{path}, line 4"
    compressed = tmp_path / "stimuli.tsv.gz"
    compressed.write_bytes(gzip.compress(path.read_bytes()))
    assert [p[:3] for p in read_marvin_linzen(compressed)] == [p[:3] for p in pairs]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([], "the file is empty"),
        ([HEADER], "no pairs follow"),
        (LINES, "line 1: there is no column 'case'"),
        ([HEADER, "simple\tx\ta b\ta c\t"], "line 2: the case 'simple' is none of"),
        ([HEADER, "vp_coord\tx\ta b\t\t"], "line 2: column 'bad' is empty"),
        ([HEADER, "simple_npi_anim\tx\ta b\ta c\t "], "line 2: column 'bad2' is em"),
        ([HEADER, "vp_coord\tx\ta b\ta c"], "line 2: 4 fields where the header has 5"),
    ],
)
def test_what_is_refused(lines, message, tmp_path):
    with pytest.raises(DataError, match=message):
        read_marvin_linzen(write(tmp_path, *lines))


def test_rows_of_the_paper():
    rows = list(MARVIN_LINZEN_ROWS)[:13]
    assert all(list(scores) == rows for scores in TABLE_5.values())
    cases = [case for cases in MARVIN_LINZEN_ROWS.values() for case in cases]
    assert len(cases) == len(set(cases)) == 22


@pytest.mark.skipif(not PAPER.exists(), reason="the paper is not on this machine")
def test_values_are_those_of_the_paper():
    lines = [line.split("\t") for line in PAPER.read_text("utf-8").splitlines()]
    start = lines.index(["SUBJECT-VERB:", "", "", ""])
    table = [cells[1:] for cells in lines[start : start + 15] if cells[1]]
    columns = zip(*table, strict=True)
    for model, column in zip(("BiGS", "BERT", "LSTM"), columns, strict=True):
        assert list(TABLE_5[model].values()) == list(map(float, column))


@pytest.mark.skipif(not STIMULI.exists(), reason="the stimuli are not on this machine")
def test_real_file():
    pairs = read_marvin_linzen(STIMULI)
    counts = collections.Counter(pair.group for pair in pairs)
    agreement = [140, 1680, 840, 400, 22400, 11200, 22400, 22400, 22400, 22400]
    reflexives = [280, 3360, 22400]
    npi = [264, 264, 10560, 10560]
    assert list(counts.values()) == agreement + reflexives + npi
    # Each line is a pair; those of negative polarity items are two.
    assert sum(counts.values()) == 163_124 + 264 + 10_560
    assert all(pair.good != pair.bad for pair in pairs)
