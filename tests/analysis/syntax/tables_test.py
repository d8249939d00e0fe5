"""Tables of minimal pairs: what is in them."""

import csv
import json

import pytest

from keras_bigs import analysis
from keras_bigs.analysis import PairResult
from keras_bigs.analysis import PairScore
from keras_bigs.analysis import Proportion
from keras_bigs.data.syntax import MinimalPair

pytestmark = pytest.mark.without_backend

NONE = Proportion(0, 0)
RESULTS = {
    "mini": {
        "1": PairResult(Proportion(9, 10), Proportion(15, 20), {"equal": 2}),
        "2": PairResult(NONE, Proportion(0, 4)),
    },
    "other": {
        "1": PairResult(Proportion(5, 20), Proportion(5, 20), {"too long": 2}),
        "2": PairResult(Proportion(4, 4), Proportion(4, 4)),
    },
}
PAPER = {"BiGS (paper)": {"1": 88.6}}


def test_table():
    table = analysis.pair_table("title", RESULTS, PAPER)
    rows = list(zip(*(column.cells for column in table.columns), strict=True))
    # Intervals of Wilson: 9 of 10 is [59.6, 98.2].
    assert rows[0] == (
        *("1", "22", "90.0 [59.6, 98.2]", "50%", "75.0 [53.1, 88.8]"),
        *("25.0 [11.2, 46.9]", "100%", "25.0 [11.2, 46.9]", "88.6"),
    )
    assert rows[1][:5] == ("2", "4", "-", "0%", "0.0 [0.0, 49.0]")
    assert rows[1][-1] == ""
    # Each pair counts once.
    assert rows[2][0] == "All groups" and rows[2][4].startswith("62.5 [")
    assert len(rows) == 3
    one = {"mini": {"1": RESULTS["mini"]["1"]}}
    assert analysis.pair_table("title", one).row_count == 1


def test_left_out():
    table = analysis.left_out_table(RESULTS)
    rows = list(zip(*(column.cells for column in table.columns), strict=True))
    assert rows == [
        ("mini", "0", "2", "0", "0", "24"),
        ("other", "0", "0", "2", "0", "24"),
    ]
    scored = {"other": {"2": RESULTS["other"]["2"]}}
    assert analysis.left_out_table(scored) is None


def test_files(tmp_path):
    pairs = [MinimalPair("a", "b", "1", "f, line 1"), MinimalPair("", "b", "1", "f")]
    scores = {
        "mini": [PairScore(-1.0, -2.0, "masked word"), PairScore(left_out="empty")]
    }
    results = {"mini": analysis.pair_results(pairs, scores["mini"])}
    analysis.write_pairs(tmp_path, results, pairs, scores, PAPER)
    content = json.loads((tmp_path / "results.json").read_text("utf-8"))
    assert content["models"]["mini"]["1"]["masked_word"]["accuracy"] == 1
    assert content["all_groups"]["mini"]["left_out"] == {"empty": 1}
    assert content["paper"] == PAPER
    with open(tmp_path / "results.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["measure"] for row in rows] == [
        "one word piece, masked",
        "all pairs",
        "one word piece, masked",
    ]
    assert rows[0] | {"low": "", "high": ""} == {
        "model": "mini",
        "group": "1",
        "measure": "one word piece, masked",
        "correct": "1",
        "count": "1",
        "accuracy": "1.0",
        "low": "",
        "high": "",
    }
    assert float(rows[0]["low"]) == pytest.approx(1 / (1 + 1.959964**2), abs=1e-6)
    assert (rows[2]["model"], float(rows[2]["accuracy"])) == ("BiGS (paper)", 0.886)
    with open(tmp_path / "left_out.csv", encoding="utf-8", newline="") as file:
        assert list(csv.reader(file)) == [
            ["model", "reason", "group", "where", "good", "bad"],
            ["mini", "empty", "1", "f", "", "b"],
        ]
