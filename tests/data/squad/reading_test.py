"""SQuAD 1.1's format: what is read, what is refused, and predictions."""

import copy
import json
import pathlib

import pytest

from keras_bigs.data import squad
from keras_bigs.errors import DataError

pytestmark = pytest.mark.without_backend
SHARED = pathlib.Path(__file__).parents[4] / "shared/data/squad"
CONTEXT = "Ada Lovelace écrit à Paris. Bob lives in Rome."


def qa(question_id, text, start, *more):
    answers = [{"text": text, "answer_start": start}, *more]
    return {"id": question_id, "question": "Who?", "answers": answers}


CONTENT = {
    "version": "1.1",
    "data": [
        {
            "title": "Ada",
            "paragraphs": [
                {
                    "context": CONTEXT,
                    "qas": [
                        qa("a", "Ada Lovelace", 0, {"text": "Ada", "answer_start": 0}),
                        # Characters, not bytes.
                        qa("b", "Bob", 28),
                    ],
                },
                {"context": "Nobody asks.", "qas": []},
            ],
        }
    ],
}


def write(folder, content):
    path = folder / "dev-v1.1.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_official_format(tmp_path):
    first, second = squad.read_squad(write(tmp_path, CONTENT))
    assert first == squad.SquadExample(
        "a", "Who?", CONTEXT, ("Ada Lovelace", "Ada"), (0, 0)
    )
    assert (second.id, second.answers, second.answer_starts) == ("b", ("Bob",), (28,))
    x, y = squad.columns([first, second])
    assert x == (["Who?", "Who?"], [CONTEXT, CONTEXT])
    assert y == {"answer_text": ["Ada Lovelace", "Bob"], "answer_start": [0, 28]}


def test_predictions(tmp_path):
    path = tmp_path / "predictions.json"
    squad.write_predictions(path, {"a": "Ada “Lovelace”", "b": ""})
    assert json.loads(path.read_text("utf-8")) == {"a": "Ada “Lovelace”", "b": ""}


def at(content, *keys):
    for key in keys:
        content = content[key]
    return content


FIRST_QA = ("data", 0, "paragraphs", 0, "qas", 0)


@pytest.mark.parametrize(
    ("where", "change", "message"),
    [
        ((), {"data": {}}, "'data' must be a list"),
        ((), {"data": []}, "has no articles"),
        (("data", 0), {"paragraphs": []}, r"data\[0\] \(Ada\): the article has no q"),
        (("data", 0, "paragraphs", 0), {"context": 3}, "'context' must be a string"),
        (FIRST_QA, {"question": "Who\ud800?"}, r"'question' holds '\\ud800', which is"),
        (FIRST_QA, {"id": "b"}, "another question has the id 'b'"),
        (FIRST_QA, {"question": " "}, r"\(a\): the question is empty"),
        (FIRST_QA, {"answers": []}, r"qas\[0\] \(a\): the question has no answer"),
        (
            (*FIRST_QA, "answers", 0),
            {"answer_start": 1},
            r"\(a\): at character 1 of its context is 'da Lovelace ', not the answer "
            "'Ada Lovelace'",
        ),
        ((*FIRST_QA, "answers", 0), {"answer_start": -12}, "at character -12"),
        ((*FIRST_QA, "answers", 0), {"answer_start": "0"}, "must be a whole number"),
    ],
)
def test_what_is_refused(where, change, message, tmp_path):
    content = copy.deepcopy(CONTENT)
    at(content, *where).update(change)
    with pytest.raises(DataError, match=message):
        squad.read_squad(write(tmp_path, content))


def test_no_json(tmp_path):
    path = tmp_path / "train.json"
    path.write_text("[" * 100_000)
    with pytest.raises(DataError, match="train.json is not JSON"):
        squad.read_squad(path)


@pytest.mark.skipif(not SHARED.exists(), reason="SQuAD is not on this machine")
def test_the_real_files():
    for name, questions, answers in (
        ("train-v1.1.reconstructed.json", 87_599, 87_599),
        ("dev-v1.1.reconstructed.json", 10_570, 34_726),
    ):
        examples = squad.read_squad(SHARED / name)
        assert len(examples) == questions
        assert sum(len(example.answers) for example in examples) == answers
