"""QuALITY in each of its formats."""

import dataclasses
import gzip
import json
import pathlib

import pytest

from keras_bigs.data.scrolls import ChoiceExample
from keras_bigs.data.scrolls import read_quality
from keras_bigs.errors import DataError

pytestmark = pytest.mark.without_backend
SHARED = pathlib.Path(__file__).parents[4] / "shared/data/scrolls"
OPTIONS = ["Nobody.", "Ada, the first.", "Bob. ", "Eve."]


def question(number, **fields):
    return {
        "question": f"Who is {number}?",
        "question_unique_id": f"52845_AB_{number}",
        "options": OPTIONS,
        "gold_label": 2,
        "difficult": 1,
        **fields,
    }


# One line of each format.
OFFICIAL = {
    "article_id": "52845",
    "set_unique_id": "52845_AB",
    "title": "Ada",
    "article": "Ada was first.\n\nThen came Bob < Eve.",
    "questions": [question(1), question(4, gold_label=4, difficult=0)],
}
FLAT = {
    "article_id": 52845,
    "unique_id": "52845_AB",
    "article": ["<p>\n", "  Ada.\n", "</p>\n"],
    "question1": "Who?",
    **{f"question1option{i}": option for i, option in enumerate(OPTIONS, 1)},
    "question1_gold_label": 2,
    "question2": "Why?",
    "question2option1": "For fun.",
    "question2option2": "For no reason.",
    "question2_gold_label": 1,
}
SINGLE = {
    "id": "a1",
    "protocol": "crowd",
    "article": "Ada was first.",
    "question": "Who was?",
    "options": ["Ada", "Bob", "Ada"],
    "label": 2,
}
APART = {"article_id": 7, "question": "Who?", "options": ["Ada", "Bob"], "label": 0}
INPUT = (
    "Who was first?\n\n (A) Nobody.\n (B) Ada,  the first. \n (C) No (D)\nnor (E). \n"
    " (D) Eve\nor so.\n\n\nAda was first.\n\n(A) was she.\n\nThen came Bob."
)
SCROLLS = {
    "id": "52845_AB_1",
    "pid": "52845_AB_1_0",
    "input": INPUT,
    "output": "Ada, the first. ",
}


def write(folder, *rows, name="quality.jsonl"):
    path = folder / name
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return path


def read(folder, *rows):
    return read_quality(write(folder, *rows))


def test_official_format(tmp_path):
    path = write(tmp_path, OFFICIAL, name="QuALITY.v1.0.1.htmlstripped.dev")
    first, second = read_quality(path)
    assert first == ChoiceExample(
        id="52845_AB_1",
        article=OFFICIAL["article"],
        question="Who is 1?",
        options=tuple(OPTIONS),
        label=1,
        is_hard=True,
        where=f"{path}, line 1, questions[0]",
    )
    assert (second.id, second.label, second.is_hard) == ("52845_AB_4", 3, False)
    with pytest.raises(dataclasses.FrozenInstanceError):
        first.label = 2


def test_official_test_set(tmp_path):
    hidden = {k: question(3)[k] for k in ("question", "options")}
    row = OFFICIAL | {"questions": [hidden, hidden]}
    examples = read(tmp_path, row)
    assert [(e.id, e.label, e.is_hard) for e in examples] == [
        ("52845_AB_1", None, None),
        ("52845_AB_2", None, None),
    ]


def test_html(tmp_path):
    page = (
        '<!DOCTYPE html>\n<html lang="en"><head><title>Not me</title>\n'
        "<style>p {color: red}</style></head><body>\n <h1>\n  ADA &amp; BOB\n </h1>\n"
        " <hr/><p>\n  Ada was <i>the\n  first</i>,\n  and 1 < 2.<br/>Second line.\n"
        " <p>Open <!-- no --> paragraph.</p><p></p>\n <div>By<br/><br/>Eve</div></body>"
    )
    text = (
        "ADA & BOB\n\nAda was the first, and 1 < 2.\nSecond line.\n\n"
        "Open paragraph.\n\nBy\n\nEve"
    )
    lines = page.splitlines()
    for article in (page, lines, page.splitlines(keepends=True)):
        assert read(tmp_path, OFFICIAL | {"article": article})[0].article == text


def test_lines_of_plain_text(tmp_path):
    lines = ["Ada.\n", "\n", "Bob", "and Eve."]
    article = read(tmp_path, SINGLE | {"article": lines})[0].article
    assert article == "Ada.\n\nBob\nand Eve.\n"


def test_plain_text_is_no_html(tmp_path):
    text = "See <www.example.org/p>:\n  a <w> and a <b>.\n"
    assert read(tmp_path, SINGLE | {"article": text})[0].article == text


def test_flat_format(tmp_path):
    first, second = read(tmp_path, FLAT)
    assert (first.id, first.article, first.label) == ("52845_AB_1", "Ada.", 1)
    assert (first.question, first.options) == ("Who?", tuple(OPTIONS))
    assert (second.id, second.question, second.label) == ("52845_AB_2", "Why?", 0)
    assert second.options == ("For fun.", "For no reason.")
    assert second.is_hard is None


def test_one_question_a_line(tmp_path):
    unnamed = {k: v for k, v in SINGLE.items() if k not in ("id", "label")}
    named, other, apart = read(
        tmp_path, SINGLE, unnamed, unnamed | {"article_id": "x", "label": None}
    )
    assert (named.id, named.label, named.is_hard) == ("a1", 2, None)
    # Two options may say the same.
    assert named.options == ("Ada", "Bob", "Ada")
    assert (other.id, other.label) == ("2", None)
    assert (apart.id, apart.label) == ("x_3", None)


def test_articles_in_a_file_of_their_own(tmp_path):
    articles = tmp_path / "articles.json"
    articles.write_text(json.dumps({"7": "<p>Ada.<p>Bob.", "8": "None."}))
    path = tmp_path / "questions.jsonl.gz"
    lines = (json.dumps(APART | {"article_id": i}) for i in (7, "8", 7))
    path.write_bytes(gzip.compress("\n".join(lines).encode()))
    examples = read_quality(path, articles=articles)
    assert [e.article for e in examples] == ["Ada.\n\nBob.", "None.", "Ada.\n\nBob."]
    assert [e.id for e in examples] == ["7_1", "8_2", "7_3"]

    with pytest.raises(DataError, match="line 1: there is no 'article'. .* `articles`"):
        read_quality(path)
    articles.write_text(json.dumps({"7": "Ada."}))
    with pytest.raises(DataError, match="line 2: .* '8', and .*articles.json has no s"):
        read_quality(path, articles=articles)
    articles.write_text("[]")
    with pytest.raises(DataError, match="articles.json must be an object of articles"):
        read_quality(path, articles=articles)
    articles.write_text("{")
    with pytest.raises(DataError, match="articles.json is not JSON"):
        read_quality(path, articles=articles)


def test_scrolls_format(tmp_path):
    hidden = {"id": "52845_AB_2", "output": None, "is_hard": True}
    first, second = read(tmp_path, SCROLLS, SCROLLS | hidden)
    assert first.question == "Who was first?"
    assert first.options == (
        "Nobody.",
        "Ada,  the first.",
        "No (D)\nnor (E).",
        "Eve\nor so.",
    )
    assert first.article == "Ada was first.\n\n(A) was she.\n\nThen came Bob."
    assert (first.id, first.label, first.is_hard) == ("52845_AB_1", 1, None)
    assert (second.label, second.is_hard) == (None, True)


def without(row, name):
    return {key: value for key, value in row.items() if key != name}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"text": "a"}, r"line 2: there is none of 'questions', .* are \['text'\]"),
        # Articles
        (without(OFFICIAL, "article"), "line 2: there is no 'article'"),
        (OFFICIAL | {"article": " \n"}, "line 2: 'article' is empty"),
        (OFFICIAL | {"article": "<p>\n</p>"}, "line 2: 'article' is empty"),
        (FLAT | {"article": ["a", 3]}, "line 2: 'article' must be a string or a list"),
        # Ids
        (SINGLE | {"id": "first"}, "line 2: .* 'first', and so has the one of .* 1"),
        (SINGLE | {"id": True}, "line 2: 'id' must be a string. Received: True"),
        (without(FLAT, "unique_id"), "line 2: 'unique_id' must be a string"),
        (SINGLE | {"article": "A \ud800."}, "'article' holds '.ud800'"),
        # Questions and options
        (OFFICIAL | {"questions": []}, "line 2: 'questions' is empty"),
        (OFFICIAL | {"questions": ["a"]}, r"questions\[0\]: must be an object"),
        (
            OFFICIAL | {"questions": [question(1), question(2, question="")]},
            r"line 2, questions\[1\]: 'question' is empty",
        ),
        (SINGLE | {"question": 3}, "line 2: 'question' must be a string. Received: 3"),
        (FLAT | {"question2": " "}, "line 2, question2: 'question' is empty"),
        (SINGLE | {"options": ["a"], "label": 0}, "there must be two options or more"),
        (SINGLE | {"options": "ab"}, "line 2: 'options' must be a list"),
        (SINGLE | {"options": ["a", "b", " "]}, "line 2: 'option 3' is empty"),
        (FLAT | {"question1option3": None}, "'option 3' must be a string"),
        (without(FLAT, "question2option2"), "question2: there must be two options"),
        # Labels
        (SINGLE | {"label": 3}, "'label' is 3, and the 3 options .* from 0 to 2"),
        (SINGLE | {"label": -1}, "'label' is -1"),
        (SINGLE | {"label": True}, "'label' is True"),
        (SINGLE | {"label": "1"}, "'label' is '1'"),
        (
            OFFICIAL | {"questions": [question(1, gold_label=0)]},
            r"questions\[0\]: 'gold_label' is 0, and the 4 options .* from 1 to 4",
        ),
        (FLAT | {"question1_gold_label": 5}, "'question1_gold_label' is 5"),
        (
            OFFICIAL | {"questions": [question(1, difficult=2)]},
            "'difficult' must be 0 or 1. Received: 2",
        ),
        # SCROLLS
        (SCROLLS | {"input": "Who?\n\nAda."}, "line 2: 'input' must be a question, a"),
        (
            SCROLLS | {"input": INPUT.replace("\n (D)", "\n (F)")},
            "'input' must be a questi",
        ),
        (SCROLLS | {"input": INPUT.replace("Nobody.", "")}, "'option 1' is empty"),
        (SCROLLS | {"input": INPUT.replace("Who was first?", "")}, "'question' is em"),
        (SCROLLS | {"input": INPUT.split("\n\n\n")[0] + "\n\n"}, "'article' is empty"),
        (SCROLLS | {"output": "ada"}, "line 2: 'output' is 'ada', which is none of"),
        (SCROLLS | {"output": " "}, "line 2: 'output' is empty"),
        (SCROLLS | {"is_hard": "no"}, "'is_hard' must be 0 or 1"),
        (without(SCROLLS, "id"), "line 2: 'id' must be a string"),
    ],
)
def test_what_is_refused(row, message, tmp_path):
    with pytest.raises(DataError, match=message):
        read(tmp_path, SINGLE | {"id": "first"}, row)


def test_a_long_line_that_is_no_input(tmp_path):
    """Refused in time that does not grow with a power of its length."""
    text = "Who?" + "\n(A) x\n(B) y\n(C) z" * 500 + "\n\nAn article."
    with pytest.raises(DataError, match="must be a question, a line each"):
        read(tmp_path, {**SCROLLS, "input": text})


def test_no_json_lines(tmp_path):
    path = tmp_path / "quality.jsonl"
    path.write_text("\n")
    with pytest.raises(DataError, match="quality.jsonl: the file has no questions"):
        read_quality(path)
    path.write_text("Ada")
    with pytest.raises(DataError, match="quality.jsonl, line 1: not JSON"):
        read_quality(path)


@pytest.mark.skipif(not SHARED.exists(), reason="QuALITY is not on this machine")
class TestRealFiles:
    def test_leval(self):
        folder = SHARED / "quality"
        examples = read_quality(
            folder / "leval_questions.jsonl", articles=folder / "leval_articles.json"
        )
        assert (len(examples), len({e.article for e in examples})) == (202, 15)
        assert {len(e.options) for e in examples} == {4}
        assert {e.label for e in examples} == {0, 1, 2, 3}
        assert all(2000 < len(e.article.split()) < 7000 for e in examples)

    def test_example_of_the_baselines(self, tmp_path):
        path = SHARED / "quality/quality_example.jsonl"
        # Both of its lines are the same.
        with pytest.raises(DataError, match="line 2, question1: .* '52845_YLZPNNYD_1'"):
            read_quality(path)
        once = tmp_path / path.name
        once.write_text(path.read_text("utf-8").split("\n")[0], encoding="utf-8")
        examples = read_quality(once)
        assert [e.label for e in examples] == [1, 2, 3, 0, 3]
        article = examples[0].article
        assert article.startswith("THE GIRL IN HIS MIND\n\nBy ROBERT F. YOUNG\n\n")
        assert "<" not in article and article.count("\n\n") > 90

    @pytest.mark.parametrize(
        ("name", "number"), [("train", 3720), ("dev", 466), ("test", 464)]
    )
    def test_mcq_crowd(self, name, number):
        examples = read_quality(SHARED / f"mcq_crowd/{name}.jsonl")
        assert len(examples) == number
        assert {e.label for e in examples} == {0, 1, 2, 3}
