"""The recipe of long texts on small files of its own."""

import json

import numpy as np
import pytest

from keras_bigs import errors
from keras_bigs import models
from recipes import scrolls
from tests.backend import fast_on_torch
from tests.recipes.commands import read_json
from tests.recipes.commands import to_arguments

LENGTH = 24
FILLER = ["the", "party", "shall", "keep", "all", "of", "it", "for", "a", "year"]
HYPOTHESES = {"nda-11": "It may copy it", "nda-2": "It may share it for a year"}
# What a contract says decides on both hypotheses.
CHOICES = {
    "Entailment": "allowed",
    "Contradiction": "forbidden",
    "NotMentioned": "signed",
}
# In SCROLLS's files.
TEXTS = {"Entailment": "Entailment", "Contradiction": "Contradiction"}
TEXTS["NotMentioned"] = "Not mentioned"
QUESTION = "Who did it"
RIGHT = ["ada", "alan", "grace", "kurt", "emmy"]
WRONG = ["nobody", "somebody", "anyone", "none", "he", "she"]
# In `dev` these have a wrong option for the right one, and all of them are hard.
ODD = range(0, 30, 6)


def write_vocabulary(path):
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    words = [*FILLER, *CHOICES.values(), *RIGHT, *WRONG]
    words += ["may", "copy", "share", "who", "did", "by", "chance"]
    path.write_text("\n".join([*special, *words]))
    return path


def text(rng, *words):
    """So many words, others among them, of as many tokens."""
    others = list(rng.choice(FILLER, rng.integers(5, 30)))
    for word in words:
        others.insert(rng.integers(4), word)  # near the start, so never cut off
    return " ".join(others)


def contracts(n, seed):
    """ContractNLI as its release has it."""
    rng = np.random.default_rng(seed)
    documents = []
    for i in range(n):
        choice = list(CHOICES)[rng.integers(3)]
        annotations = {key: {"choice": choice, "spans": []} for key in HYPOTHESES}
        documents.append(
            {
                "id": i,
                "text": text(rng, *3 * [CHOICES[choice]]),
                "annotation_sets": [{"annotations": annotations}],
            }
        )
    labels = {key: {"hypothesis": value} for key, value in HYPOTHESES.items()}
    return {"documents": documents, "labels": labels}


def questions(n, seed, odd=()):
    """QuALITY with a question a row; three options or four, of which one is a name."""
    rng = np.random.default_rng(seed)
    for i in range(n):
        num_options = 3 + i % 2
        label = int(rng.integers(num_options))
        # Of several words, since the longest option counts for the length.
        names = [WRONG[rng.integers(len(WRONG))] for _ in range(num_options)]
        names[label] = RIGHT[rng.integers(len(RIGHT))]
        options = [name + " by chance" * int(rng.integers(2)) for name in names]
        yield {
            "id": f"q{i}",
            "article": text(rng),
            "question": QUESTION,
            "options": options,
            "label": (label + (i in odd)) % num_options,
        }


def released(rows):
    """The same as QuALITY's release has it, every third question marked as hard."""
    for i, row in enumerate(rows):
        question = {
            "question_unique_id": row["id"],
            "question": row["question"],
            "options": row["options"],
            "gold_label": row["label"] + 1,
            "difficult": int(i % 3 == 0),
        }
        yield {"article": row["article"], "questions": [question]}


def write(path, rows):
    """JSON, or JSONL for a list of rows."""
    if isinstance(rows, dict):
        path.write_text(json.dumps(rows), encoding="utf-8")
    else:
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        path.write_text(lines, encoding="utf-8")
    return path


def write_contracts(folder):
    write(folder / "train.json", contracts(60, 0))
    write(folder / "dev.json", contracts(20, 1))
    write_vocabulary(folder / "vocab.txt")
    return folder


def write_questions(folder):
    rows = list(questions(80, 0))
    articles = {f"a{i}": row.pop("article") for i, row in enumerate(rows)}
    write(folder / "articles.json", articles)
    ids = [{"article_id": article_id} for article_id in articles]
    write(folder / "train.jsonl", map(dict.__or__, rows, ids))
    write(folder / "dev.jsonl", released(questions(30, 1, ODD)))
    write_vocabulary(folder / "vocab.txt")
    return folder


def parse(folder, task, **changes):
    """The configuration that a command has, with some options changed."""
    suffix = "json" if task == "contract_nli" else "jsonl"
    options = {
        "task": task,
        "train": folder / f"train.{suffix}",
        "dev": folder / f"dev.{suffix}",
        "output": folder / "run",
        "model": "toy",
        "vocabulary": folder / "vocab.txt",
        "epochs": 4,
        "batch_size": 16,
        "learning_rate": 5e-3,
        "sequence_length": LENGTH,
        "dropout": 0.0,
        **changes,
    }
    return scrolls.parse(to_arguments(options))


def count_cut(lengths):
    kept = sum(min(length, LENGTH) for length in lengths)
    return {
        "examples": len(lengths),
        "cut": sum(length > LENGTH for length in lengths),
        "tokens_kept": pytest.approx(kept / sum(lengths)),
    }


@pytest.fixture(scope="module")
def contract_run(tmp_path_factory):
    """The configuration of a finished run, with a test set in SCROLLS's form."""
    folder = write_contracts(tmp_path_factory.mktemp("contracts"))
    new = [
        {"id": f"new{i}", "input": f"It may copy it\n\n{document['text']}"}
        for i, document in enumerate(contracts(20, 2)["documents"])
    ]
    path = write(folder / "test.jsonl", [{**row, "output": None} for row in new])
    config = parse(folder, "contract_nli", predict=path, train_examples=100)
    scrolls.main(config)
    return config


@pytest.fixture(scope="module")
def quality_run(tmp_path_factory):
    """The same, with articles apart."""
    folder = write_questions(tmp_path_factory.mktemp("questions"))
    options = {"articles": folder / "articles.json", "learning_rate": 2e-3}
    config = parse(folder, "quality", **options)
    scrolls.main(config)
    return config


@fast_on_torch
def test_contract_nli(contract_run):
    config = contract_run
    results = read_json(config.output / "results.json")
    # By chance, a third.
    assert results["metrics"]["accuracy"] > 0.8
    assert results["splits"]["dev"] == results["metrics"]
    assert results["epochs"] == len(results["history"]) == 4
    assert results["history"][0]["step"] == np.ceil(100 / 16)
    # A token a word, and three special ones.
    lengths = [
        3 + len(document["text"].split()) + len(hypothesis.split())
        for document in contracts(20, 1)["documents"]
        for hypothesis in HYPOTHESES.values()
    ]
    assert 0 < count_cut(lengths)["cut"] < len(lengths)
    assert results["cut"]["dev"] == count_cut(lengths)
    assert results["cut"]["train"]["examples"] == 100
    assert {path.name for path in config.output.iterdir()} == {
        ".lock",
        "command.txt",
        "config.json",
        "confusion_matrix.png",
        "learning_curve.png",
        "predictions.json",
        "preset",
        "results.json",
    }


@fast_on_torch
def test_predictions_of_a_test_set(contract_run):
    config = contract_run
    predictions = read_json(config.output / "predictions.json")
    truth = {}
    for i, document in enumerate(contracts(20, 2)["documents"]):
        annotations = document["annotation_sets"][0]["annotations"]
        truth[f"new{i}"] = TEXTS[annotations["nda-11"]["choice"]]
    assert "Not mentioned" in truth.values()
    assert list(predictions) == list(truth)
    right = [predictions[x] == truth[x] for x in truth]
    assert np.mean(right) > 0.8


@fast_on_torch
def test_the_preset_of_contracts(contract_run):
    """The same classes, in the words of the release."""
    config = contract_run
    preset = config.output / "preset"
    classes = read_json(preset / "classes.json")
    assert classes == ["Entailment", "Contradiction", "NotMentioned"]
    classifier = models.BiGSTextClassifier.from_preset(str(preset))
    documents = [document["text"] for document in contracts(20, 2)["documents"]]
    outputs = classifier.predict((documents, ["It may copy it"] * 20), verbose=0)
    predictions = read_json(config.output / "predictions.json")
    assert [TEXTS[classes[i]] for i in outputs.argmax(-1)] == list(predictions.values())


@fast_on_torch
def test_quality(quality_run):
    config = quality_run
    results = read_json(config.output / "results.json")
    dev = list(questions(30, 1, ODD))
    predictions = read_json(config.output / "predictions.json")
    assert list(predictions) == [row["id"] for row in dev]
    labels = np.array([row["label"] for row in dev])
    right = np.array(
        [predictions[row["id"]] == row["options"][row["label"]] for row in dev]
    )
    # At best 25 of 30, and by chance less than a third.
    assert results["metrics"]["accuracy"] == pytest.approx(right.mean())
    assert 0.7 < results["metrics"]["accuracy"] < 0.9
    # Every third is hard; of these 5 of 10.
    assert results["hard"]["accuracy"] == pytest.approx(right[::3].mean())
    assert results["hard"]["accuracy"] < 0.7
    assert results["always_first"] == pytest.approx((labels == 0).mean())
    assert {path.name for path in config.output.iterdir()} == {
        ".lock",
        "command.txt",
        "config.json",
        "confusion_matrix.png",
        "learning_curve.png",
        "predictions.json",
        "preset",
        "results.json",
    }


@fast_on_torch
def test_cut_articles(quality_run):
    config = quality_run
    results = read_json(config.output / "results.json")
    for split, examples in (
        ("train", questions(80, 0)),
        ("dev", questions(30, 1, ODD)),
    ):
        lengths = [
            3
            + len(row["article"].split())
            + len(QUESTION.split())
            + max(len(option.split()) for option in row["options"])
            for row in examples
        ]
        assert 0 < count_cut(lengths)["cut"] < len(lengths)
        assert results["cut"][split] == count_cut(lengths)


@fast_on_torch
def test_the_preset_chooses_the_same(quality_run):
    config = quality_run
    chooser = models.BiGSMultipleChoice.from_preset(str(config.output / "preset"))
    dev = list(questions(30, 1, ODD))
    x = tuple([row[name] for row in dev] for name in ("article", "question", "options"))
    chosen = chooser.predict(x, verbose=0).argmax(-1)
    predictions = read_json(config.output / "predictions.json")
    assert predictions == {
        row["id"]: row["options"][i] for row, i in zip(dev, chosen, strict=True)
    }


@pytest.mark.parametrize("name", ["train", "dev"])
def test_contracts_without_labels(tmp_path, name, nothing_built):
    write_contracts(tmp_path)
    row = {"id": "a", "input": "It may copy it\n\nall of it", "output": None}
    path = write(tmp_path / "bare.jsonl", [row])
    config = parse(tmp_path, "contract_nli", **{name: path})
    with pytest.raises(errors.DataError, match="bare.jsonl.*label"):
        scrolls.main(config)
    assert not config.output.exists()


@pytest.mark.parametrize("name", ["train", "dev"])
def test_questions_without_labels(tmp_path, name, nothing_built):
    write_questions(tmp_path)
    rows = list(questions(4, 0))
    rows[2]["label"] = None
    path = write(tmp_path / "bare.jsonl", rows)
    options = {"articles": tmp_path / "articles.json", name: path}
    config = parse(tmp_path, "quality", **options)
    with pytest.raises(
        errors.DataError, match="bare.jsonl, line 3: .* no right option"
    ):
        scrolls.main(config)
    assert not config.output.exists()


@pytest.mark.parametrize(
    ("task", "change", "message"),
    [
        (
            "contract_nli",
            {"train_examples": 0},
            "`train_examples` must be from 1 to 120",
        ),
        ("quality", {"train_examples": 81}, "`train_examples` must be from 1 to 80"),
        ("quality", {"articles": None}, "line 1: there is no 'article'"),
        (
            "contract_nli",
            {"train_examples": 121},
            "`train_examples` must be from 1 to 120",
        ),
        ("contract_nli", {"articles": "a.json"}, "--articles is for --task quality"),
        ("quality", {"model": "enormous"}, "--model enormous is neither"),
        ("quality", {"sequence_length": 4}, "`sequence_length` must be"),
        ("contract_nli", {"train": "{}/train.jsonl"}, "line 1: there is no column 'in"),
        ("quality", {"train": "{}/train.json"}, "train.json, line 1: there is none of"),
    ],
)
def test_errors_come_before_the_work(tmp_path, task, change, message, nothing_built):
    write_contracts(tmp_path)
    write_questions(tmp_path)
    change = {
        name: value.format(tmp_path) if isinstance(value, str) else value
        for name, value in change.items()
    }
    articles = {"articles": tmp_path / "articles.json"} if task == "quality" else {}
    config = parse(tmp_path, task, **articles | change)
    with pytest.raises(errors.UserError, match=message):
        scrolls.main(config)
    assert not config.output.exists()
