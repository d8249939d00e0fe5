"""The ledger, and what its runs come to."""

import json
import statistics

import pytest

from keras_bigs.errors import DataError
from keras_bigs.training.benchmarks import Ledger
from keras_bigs.training.benchmarks import paper
from keras_bigs.training.benchmarks import summarize

pytestmark = pytest.mark.without_backend


def test_what_is_added_is_found_by_the_next_process(tmp_path):
    ledger = Ledger(tmp_path / "runs/ledger.jsonl")
    # A path and a tuple are a string and a list in JSON.
    settings = {"task": "cola", "seeds": (0, 1), "data": tmp_path}
    assert ledger.find(settings) is None
    row = ledger.add(settings, {"metrics": {"f1": 0.5}})
    again = Ledger(tmp_path / "runs/ledger.jsonl")
    assert again.find(settings) == row
    assert again.find({**settings, "task": "rte"}) is None
    again.add({"task": "rte"}, {"note": "ends\u2028of\x85lines"})
    third = Ledger(again.path)
    assert third.rows == again.rows and len(third.rows) == 2


@pytest.mark.parametrize("line", ["", "{", "[]", '{"settings": {}}', "null"])
def test_a_line_that_is_no_result(tmp_path, line):
    path = tmp_path / "ledger.jsonl"
    good = json.dumps({"settings": {}, "result": {}})
    path.write_text(f"{good}\n{line}\n{good}\n")
    with pytest.raises(DataError, match="line 2: no result of a run"):
        Ledger(path)


def test_summary_by_hand():
    scores = {(1e-3, 0): 0.5, (1e-3, 1): 0.7, (1e-4, 0): 0.8, (1e-4, 1): 0.2}
    rows = [
        {
            "settings": {"learning_rate": rate, "seed": seed},
            "result": {"metrics": {"f1": score}},
        }
        for (rate, seed), score in scores.items()
    ]
    first, second = summarize(rows, "f1")
    assert first["settings"] == {"learning_rate": 1e-3}
    assert first["mean"] == pytest.approx(0.6)
    assert first["deviation"] == pytest.approx(statistics.stdev([0.5, 0.7]))
    assert (first["best"], first["seeds"]) == (0.7, [0, 1])
    assert (second["mean"], second["best"]) == (0.5, 0.8)
    (single,) = summarize(rows[:1], "f1")
    assert single["deviation"] == 0.0


def test_averages_of_the_papers_table():
    """As its last column has them."""
    averages = {
        name: statistics.fmean(scores.values()) for name, scores in paper.GLUE.items()
    }
    assert averages == pytest.approx(
        {
            "BERT, 11B": 83.3,
            "STACK/SSM, 11B": 77.2,
            "GATED/ATT, 11B": 81.8,
            "BiGS, 11B": 83.3,
            "BERT, 29B": 84.8,
            "STACK/SSM, 29B": 79.8,
            "GATED/ATT, 29B": 82.9,
            "BiGS, 29B": 84.8,
            "BiGS, 97B": 85.8,
        },
        abs=0.0501,
    )
