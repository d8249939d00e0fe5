"""The SQuAD recipe on small files of its own."""

import copy
import json

import numpy as np
import pytest

import keras_bigs
from keras_bigs import errors
from keras_bigs import models
from keras_bigs import training
from keras_bigs.training.fine_tuning_config import EncoderConfig
from recipes import squad
from tests.backend import fast_on_torch
from tests.recipes.commands import read_json
from tests.recipes.commands import read_results
from tests.recipes.commands import to_arguments

FIRST_NAMES = ["ada", "alan", "grace", "kurt"]
LAST_NAMES = ["lovelace", "turing", "hopper", "goedel"]
WORDS = ["the", "old", "green", "garden", "is", "near", "a", "quiet", "lake"]
QUESTION = "Who sings here?"  # 4 tokens
# 12 tokens fit into the 19 - 3 special ones - 4 of the question. Of long contexts the
# windows are [0, 12) and [8, 20).
LENGTH, SHORT, LONG, STRIDE = 19, 9, 20, 8
MAX_ANSWER_LENGTH, N_BEST = 3, 4


def write_vocabulary(path):
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    words = [*FIRST_NAMES, *LAST_NAMES, *WORDS, "who", "sings", "here", "?"]
    path.write_text("\n".join([*special, *words]))
    return path


def content(n, seed, prefix="", shorter=()):
    """Contexts with one name, which is the answer; every second one is long.

    Answers in `shorter` have the last name only.
    """
    rng = np.random.default_rng(seed)
    paragraphs = []
    for i in range(n):
        words = list(rng.choice(WORDS, (SHORT, LONG)[i % 2]))
        name = [FIRST_NAMES[rng.integers(4)], LAST_NAMES[rng.integers(4)]]
        place = rng.integers(len(words) - 1)
        words[place : place + 2] = name
        context, text = " ".join(words), " ".join(name[i in shorter :])
        answer = {"text": text, "answer_start": context.index(text)}
        qa = {"id": f"{prefix}{i}", "question": QUESTION, "answers": [answer]}
        paragraphs.append({"context": context, "qas": [qa]})
    half = n // 2
    articles = [
        {"title": "A", "paragraphs": paragraphs[:half]},
        {"title": "B", "paragraphs": paragraphs[half:]},
    ]
    return {"version": "1.1", "data": articles}


def write(path, value):
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


def write_files(folder):
    write(folder / "train.json", content(80, seed=0))
    write(folder / "dev.json", content(24, 1, "dev", shorter=range(0, 24, 4)))
    write_vocabulary(folder / "vocab.txt")
    return folder


def parse(folder, **changes):
    """The configuration that a command has, with some options changed."""
    options = {
        "train": folder / "train.json",
        "dev": folder / "dev.json",
        "output": folder / "run",
        "model": "toy",
        "vocabulary": folder / "vocab.txt",
        "epochs": 6,
        "batch_size": 16,
        "learning_rate": 1e-3,
        "sequence_length": LENGTH,
        "dropout": 0.1,
        "stride": STRIDE,
        "max_answer_length": MAX_ANSWER_LENGTH,
        "n_best": N_BEST,
        **changes,
    }
    return squad.parse(to_arguments(options))


@pytest.fixture
def folder(tmp_path):
    return write_files(tmp_path)


def qas(path):
    """The questions of a file, each with its context."""
    return [
        {"context": paragraph["context"], **qa}
        for article in read_json(path)["data"]
        for paragraph in article["paragraphs"]
        for qa in paragraph["qas"]
    ]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A folder with the files, and the configuration of a finished run on them."""
    folder = write_files(tmp_path_factory.mktemp("squad"))
    config = parse(folder)
    squad.main(config)
    return folder, config


@fast_on_torch
def test_a_run(finished):
    folder, config = finished
    results = read_json(config.output / "results.json")
    right = {
        qa["id"]: [x["text"] for x in qa["answers"]] for qa in qas(folder / "dev.json")
    }
    predictions = read_json(config.output / "predictions.json")
    assert list(predictions) == list(right)
    assert results["metrics"] == training.answer_metrics(predictions, right)
    # A model that has learnt to name names cannot know which to shorten: 75 and 92. One
    # that has learnt nothing has 8 and 16.
    assert 60 < results["metrics"]["exact_match"] < 80 < results["metrics"]["f1"] < 95
    # Of 80 contexts half are cut in two.
    assert results["windows"] == 40 + 2 * 40
    assert results["epochs"] == len(results["history"]) == 6
    assert results["history"][0]["step"] == np.ceil(120 / 16)
    best = results["history"][results["best_epoch"] - 1]
    scores = [epoch["val_f1"] for epoch in results["history"]]
    assert best["val_f1"] == results["metrics"]["f1"] == max(scores) > scores[0]


@fast_on_torch
def test_what_is_left_behind(finished):
    _, config = finished
    assert {path.name for path in config.output.iterdir()} == {
        ".lock",
        "command.txt",
        "config.json",
        "learning_curve.png",
        "nbest_predictions.json",
        "predictions.json",
        "preset",
        "results.json",
        "scores.png",
    }


@fast_on_torch
def test_n_best_predictions(finished):
    folder, config = finished
    predictions = read_json(config.output / "predictions.json")
    n_best = read_json(config.output / "nbest_predictions.json")
    assert list(n_best) == list(predictions)
    for qa in qas(folder / "dev.json"):
        answers = n_best[qa["id"]]
        assert len(answers) == N_BEST
        assert answers[0]["text"] == predictions[qa["id"]]
        probabilities = [answer["probability"] for answer in answers]
        assert probabilities == sorted(probabilities, reverse=True)
        assert probabilities[-1] > 0 and sum(probabilities) <= 1 + 1e-6
        for answer in answers:
            assert answer["text"] in qa["context"]
            assert 1 <= len(answer["text"].split()) <= MAX_ANSWER_LENGTH


@fast_on_torch
def test_the_preset_answers_the_same(finished):
    folder, config = finished
    answerer = models.BiGSQuestionAnswerer.from_preset(str(config.output / "preset"))
    questions = qas(folder / "dev.json")
    answers = answerer.answer(
        [qa["question"] for qa in questions],
        [qa["context"] for qa in questions],
        max_answer_length=MAX_ANSWER_LENGTH,
        stride=STRIDE,
    )
    predictions = read_json(config.output / "predictions.json")
    assert [answer["text"] for answer in answers] == list(predictions.values())


@fast_on_torch
def test_a_finished_run_is_left_alone(finished, monkeypatch, capsys):
    folder, config = finished
    monkeypatch.setattr(EncoderConfig, "build", None)
    squad.main(config)
    metrics = read_json(config.output / "results.json")["metrics"]
    # The table has it in percent, beside the paper's.
    row = [x for x in capsys.readouterr().out.splitlines() if "this run" in x]
    assert f"{metrics['f1']:.1f}" in row[0]
    with pytest.raises(errors.ConfigError, match="results of other options.*: stride"):
        squad.main(parse(folder, stride=STRIDE + 1))


class Killed(BaseException):
    pass


@fast_on_torch
def test_killed_in_the_middle(finished, folder, monkeypatch):
    """It goes on from its checkpoint, and ends as the run that was not killed."""
    config = parse(folder, save_every=5)
    save = training.Checkpoints.save
    steps = []

    def save_and_die(self, model, progress):
        save(self, model, progress)
        steps.append(progress.step)
        if progress.step == 10:  # within the second epoch
            self.wait()
            raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(training.Checkpoints, "save", save_and_die)
        squad.main(config)
    assert steps == [5, 8, 10]
    assert not (config.output / "results.json").exists()
    steps.clear()

    def record(self, model, progress):
        steps.append(progress.step)
        save(self, model, progress)

    with monkeypatch.context() as patch:
        patch.setattr(training.Checkpoints, "save", record)
        squad.main(config)
    assert steps[0] == 15
    whole, resumed = read_results(finished[1]), read_results(config)
    assert resumed["history"] == whole["history"]
    for name in ("predictions.json", "nbest_predictions.json"):
        assert read_json(config.output / name) == read_json(finished[1].output / name)


def no_questions(value):
    for paragraph in value["data"][1]["paragraphs"]:
        paragraph["qas"] = []


def answer_elsewhere(value):
    value["data"][1]["paragraphs"][2]["qas"][0]["answers"][0]["answer_start"] += 1


@pytest.mark.parametrize("name", ["train", "dev"])
@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (no_questions, r"{}.json, data\[1\] \(B\): the article has no questions"),
        (
            answer_elsewhere,
            r"{}.json, data\[1\].paragraphs\[2\].* of its context is '.*not the answer",
        ),
    ],
)
def test_bad_files(folder, name, damage, message, nothing_built):
    value = copy.deepcopy(read_json(folder / f"{name}.json"))
    damage(value)
    write(folder / f"{name}.json", value)
    config = parse(folder)
    with pytest.raises(errors.DataError, match=message.format(name)):
        squad.main(config)
    assert not config.output.exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"train_examples": 0}, "`train_examples` must be from 1 to 80"),
        ({"dev_examples": 25}, "`dev_examples` must be from 1 to 24"),
        ({"model": "enormous"}, "--model enormous is neither"),
        ({"stride": 0}, "`stride` must be at least 1"),
        ({"max_answer_length": 0}, "`max_answer_length` must be at least 1"),
        ({"n_best": 0}, "`n_best` must be at least 1"),
        ({"epochs": 0}, "`epochs` must be"),
        ({"sequence_length": 4}, "`sequence_length` must be"),
    ],
)
def test_errors_come_before_the_work(folder, change, message, nothing_built):
    config = parse(folder, **change)
    with pytest.raises(errors.ConfigError, match=message):
        squad.main(config)
    # Nor is there a directory that would refuse the corrected command.
    assert not config.output.exists()


def test_parts_of_tensorflow_datasets(folder, monkeypatch):
    """Without files, its splits; and as many examples of each as are asked for."""
    files = {"train": "train.json", "validation": "dev.json"}

    def read_squad_tfds(split, tfds_dir):
        assert tfds_dir == folder / "tfds"
        return keras_bigs.data.squad.read_squad(folder / files[split])

    given = []

    def fine_tune_squad(directory, train, dev, encoder, options, *more):
        given.append((train, dev))
        raise Killed

    monkeypatch.setattr(keras_bigs.data.squad, "read_squad_tfds", read_squad_tfds)
    module = keras_bigs.training.benchmarks
    monkeypatch.setattr(module, "fine_tune_squad", fine_tune_squad)
    options = {"train": None, "dev": None, "tfds_dir": folder / "tfds"}
    for change in ({}, {}, {"train_examples": 7, "dev_examples": 3}):
        with pytest.raises(Killed):
            squad.main(parse(folder, **options, **change))
    first, second, part = given
    assert first == second
    assert [example.id for example in first[0]] == [
        qa["id"] for qa in qas(folder / "train.json")
    ]
    assert (len(first[0]), len(first[1])) == (80, 24)
    assert (len(part[0]), len(part[1])) == (7, 3)
    assert set(part[0]) < set(first[0]) and set(part[1]) < set(first[1])
