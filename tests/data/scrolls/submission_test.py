"""The predictions that SCROLLS's evaluator and leaderboard take."""

import csv
import json

import pytest

from keras_bigs.data.scrolls import CONTRACT_NLI_TEXTS
from keras_bigs.data.scrolls import write_scrolls_predictions
from keras_bigs.data.scrolls import write_scrolls_submission

pytestmark = pytest.mark.without_backend
QUALITY = {
    "72790_5Q_4": 'No, he said "work".',
    "72790_5Q_5": "Two\nlines — “so”",
    "72790_5Q_6": "a\rb",
}
CONTRACTS = {"3_nda-11": CONTRACT_NLI_TEXTS["NotMentioned"], "3_nda-1": "Entailment"}


def test_predictions(tmp_path):
    path = tmp_path / "quality.json"
    write_scrolls_predictions(path, QUALITY)
    assert json.loads(path.read_text("utf-8")) == QUALITY
    assert "—" in path.read_text("utf-8")


def test_submission(tmp_path):
    path = tmp_path / "submission.csv"
    missing = write_scrolls_submission(
        path, {"quality": QUALITY, "contract_nli": CONTRACTS}
    )
    assert missing == [
        "gov_report",
        "summ_screen_fd",
        "qmsum",
        "narrative_qa",
        "qasper",
    ]
    with open(path, encoding="utf-8", newline="") as file:
        text = file.read()
        file.seek(0)
        rows = list(csv.reader(file, strict=True))
    assert text.startswith("Task,ID,Prediction\r\n")
    assert 'quality,72790_5Q_4,"No, he said ""work""."\r\n' in text
    assert text.endswith("contract_nli,3_nda-1,Entailment\r\n")
    assert rows == [
        ["Task", "ID", "Prediction"],
        *(["quality", *item] for item in QUALITY.items()),
        ["contract_nli", "3_nda-11", "Not mentioned"],
        ["contract_nli", "3_nda-1", "Entailment"],
    ]


@pytest.mark.parametrize(
    ("predictions", "message"),
    [
        ({"quality_hard": QUALITY}, "names 'quality_hard', not of"),
        ({"quality": {"a": 2}}, r"predictions\['quality'\]` must map strings to .* 2"),
        ({"quality": {7: "Ada"}}, "must map strings to strings. Received: 7: 'Ada'"),
        (
            {"contract_nli": {"3_nda-1": "NotMentioned"}},
            r"\['3_nda-1'\]` must be one of .*'Not mentioned'\]. Received: 'NotMent",
        ),
    ],
)
def test_what_is_refused_of_a_submission(predictions, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        write_scrolls_submission(tmp_path / "submission.csv", predictions)
    assert not list(tmp_path.iterdir())


def test_what_is_refused_of_predictions(tmp_path):
    with pytest.raises(ValueError, match="`predictions` must map strings to strings"):
        write_scrolls_predictions(tmp_path / "quality.json", {"a": None})
    assert not list(tmp_path.iterdir())
