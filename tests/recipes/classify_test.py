"""The classification recipe on small files of its own."""

import json
import pathlib
import subprocess
import sys

import numpy as np
import pytest
from rich.console import Console
from sklearn.metrics import accuracy_score

from keras_bigs import errors
from keras_bigs import files
from keras_bigs import models
from keras_bigs import training
from keras_bigs.data import tables
from keras_bigs.training.fine_tuning_config import EncoderConfig
from recipes import classify
from tests.backend import fast_on_torch
from tests.recipes.commands import read_results
from tests.recipes.commands import to_arguments

GOOD, BAD = ["fine", "lovely", "bright"], ["dull", "dreary", "poor"]


def write(path, rows, header="id\tsentence\tlabel"):
    lines = ["\t".join(map(str, row)) for row in rows]
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return path


def write_vocabulary(path):
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    words = ["the", "film", "is", "and", "very", "long"]
    path.write_text("\n".join([*special, *GOOD, *BAD, *words]))
    return path


def rows(n, seed):
    """Sentences whose adjective decides the class."""
    rng = np.random.default_rng(seed)
    for i in range(n):
        label = int(rng.integers(2))
        word = (BAD, GOOD)[label][rng.integers(3)]
        yield i, f"the film is {word} and {'very ' * rng.integers(3)}long", label


def parse(folder, **changes):
    """The configuration that a command has, with some options changed."""
    options = {
        "train": folder / "train.tsv",
        "eval": folder / "dev.tsv",
        "text": "sentence",
        "label": "label",
        "output": folder / "run",
        "model": "toy",
        "epochs": 4,
        "batch_size": 20,
        "learning_rate": 5e-3,
        "sequence_length": 16,
        "vocabulary_size": 200,
        "dropout": 0.0,
        **changes,
    }
    return classify.parse(to_arguments(options))


@pytest.fixture
def folder(tmp_path):
    write(tmp_path / "train.tsv", rows(200, 0))
    write(tmp_path / "dev.tsv", rows(60, 1))
    return tmp_path


@pytest.fixture(scope="module")
def from_scratch(tmp_path_factory):
    """A finished run."""
    folder = tmp_path_factory.mktemp("classify")
    write(folder / "train.tsv", rows(200, 0))
    write(folder / "dev.tsv", rows(60, 1))
    write(folder / "new.tsv", rows(20, 2), "id\tsentence\ttruth")
    config = parse(folder, predict=folder / "new.tsv")
    with pytest.MonkeyPatch.context() as patch:
        lines = []
        patch.setattr(Console, "print", lambda self, line: lines.append(line))
        classify.main(config)
    return folder, config, lines


def test_from_scratch(from_scratch):
    _, config, lines = from_scratch
    results = read_results(config)
    assert results["metrics"]["accuracy"] > 0.95
    assert results["epochs"] == len(results["history"]) <= 4
    best = results["history"][results["best_epoch"] - 1]
    assert best["val_accuracy"] == results["metrics"]["accuracy"]
    assert {path.name for path in config.output.iterdir()} == {
        ".lock",
        "command.txt",
        "config.json",
        "confusion_matrix.png",
        "learning_curve.png",
        "predictions.tsv",
        "preset",
        "results.json",
    }


def test_predictions_stand_beside_all_columns(from_scratch):
    folder, config, _ = from_scratch
    given = (folder / "new.tsv").read_text().splitlines()
    written = (config.output / "predictions.tsv").read_text().splitlines()
    assert [line.rsplit("\t", 2)[0] for line in written] == given
    assert written[0].endswith("\tprediction\tprobability")
    truth = [line.split("\t")[2] for line in written[1:]]
    predictions = [line.split("\t")[3] for line in written[1:]]
    assert accuracy_score(truth, predictions) >= 0.9
    assert all(0.5 <= float(line.split("\t")[4]) <= 1 for line in written[1:])


def test_the_preset_is_a_whole_task(from_scratch):
    """The same labels on raw strings."""
    _, config, _ = from_scratch
    preset = config.output / "preset"
    table = tables.read_table(
        config.output / "predictions.tsv", text="sentence", label="prediction"
    )
    classifier = models.BiGSTextClassifier.from_preset(str(preset))
    classes = json.loads((preset / "classes.json").read_text())
    again = classifier.predict(table.texts, verbose=0).argmax(-1)
    assert [classes[i] for i in again] == table.labels


def test_a_finished_run_is_left_alone(from_scratch, monkeypatch, capsys):
    _, config, _ = from_scratch
    monkeypatch.setattr(EncoderConfig, "build", None)
    classify.main(config)
    assert f"finished: see {config.output}/results.json\n" in capsys.readouterr().out
    other = parse(from_scratch[0], predict=config.files.predict, seed=1)
    with pytest.raises(errors.ConfigError, match="results of other options.*: seed"):
        classify.main(other)


def test_from_the_preset_and_without_matplotlib(
    from_scratch, tmp_path, monkeypatch, capsys
):
    folder, config, _ = from_scratch
    for name in [n for n in sys.modules if n.partition(".")[0] == "matplotlib"]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    tuned = parse(
        folder,
        model=config.output / "preset",
        output=tmp_path / "tuned",
        epochs=3,
        sequence_length=None,
    )
    classify.main(tuned)
    assert read_results(tuned)["metrics"]["accuracy"] > 0.95
    assert not list(tuned.output.glob("*.png"))
    output = capsys.readouterr().out.splitlines()
    hints = [line for line in output if "pip install '.[plot]'" in line]
    assert len(hints) == 1


class Killed(BaseException):
    pass


@fast_on_torch
def test_regression_killed_in_the_second_epoch(folder, monkeypatch):
    for name, seed in (("train.tsv", 3), ("dev.tsv", 4)):
        scored = [(i, text, 1.5 + 2 * label) for i, text, label in rows(60, seed)]
        write(folder / name, scored)
    options = {"regression": True, "epochs": 6, "patience": 6, "learning_rate": 2e-2}
    # Learnt once is enough.
    options["vocabulary"] = write_vocabulary(folder / "vocab.txt")
    config = parse(folder, **options)
    save = training.Checkpoints.save

    def save_and_die(self, model, progress):
        save(self, model, progress)
        self.wait()
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(training.Checkpoints, "save", save_and_die)
        classify.main(config)
    with pytest.raises(errors.ConfigError, match="of other options.*: learning_rate"):
        classify.main(parse(folder, **{**options, "learning_rate": 1e-3}))
    classify.main(config)
    results = read_results(config)
    assert [epoch["step"] for epoch in results["history"]] == [3, 6, 9, 12, 15, 18]
    assert results["metrics"]["pearson"] > 0.9
    assert (config.output / "scatter.png").exists()


@fast_on_torch
def test_any_number_of_labels(folder):
    """The adjective is one label, "very" another; a text may have none."""
    rng = np.random.default_rng(0)

    def labelled(n):
        for i in range(n):
            good, very = rng.integers(2, size=2)
            word = GOOD[0] if good else BAD[0]
            labels = ["good"] * good + ["strong"] * very
            yield i, f"the film is {'very ' * very}{word}", "|".join(labels)

    write(folder / "train.tsv", labelled(200))
    write(folder / "dev.tsv", labelled(60))
    new = list(labelled(20))
    write(folder / "new.tsv", new, "id\tsentence\ttruth")
    vocabulary = write_vocabulary(folder / "vocab.txt")
    config = parse(
        folder, multi_label=True, predict=folder / "new.tsv", vocabulary=vocabulary
    )
    classify.main(config)
    results = read_results(config)
    assert results["metrics"]["f1_micro"] > 0.95
    assert results["metrics_at_thresholds"]["f1_micro"] > 0.95
    lines = (config.output / "predictions.tsv").read_text().splitlines()
    header = "id\tsentence\ttruth\tprediction\tprobability_good\tprobability_strong"
    assert lines[0] == header
    right = [line.split("\t")[2] == line.split("\t")[3] for line in lines[1:]]
    assert np.mean(right) > 0.9
    preset = config.output / "preset"
    assert json.loads((preset / "classes.json").read_text()) == ["good", "strong"]
    thresholds = json.loads((preset / "thresholds.json").read_text())
    assert thresholds == results["thresholds"]
    assert (config.output / "label_scores.png").exists()


@fast_on_torch
def test_a_finished_run_predicts_another_file(from_scratch):
    folder, config, _ = from_scratch
    other = write(folder / "other.tsv", rows(3, 9), "id\tsentence\ttruth")
    before = read_results(config)
    classify.main(parse(folder, predict=other))
    lines = (config.output / "predictions.tsv").read_text().splitlines()
    assert len(lines) == 4
    assert read_results(config) == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"text": "sentense"}, "sentense"),
        ({"metric": "pearson"}, "--metric pearson does not fit"),
        ({"model": "enormous"}, "--model enormous is neither"),
        ({"regression": True, "metric": "f1"}, "--metric f1 does not fit"),
        ({"metric": "f1_micro"}, "--metric f1_micro does not fit"),
        ({"regression": True, "multi_label": True}, "exclude each other"),
        ({"learning_rate": 1e30}, "`learning_rate` must be above 0 and at most 1"),
        ({"epochs": 0}, "`epochs` must be"),
        ({"batch_size": 0}, "`batch_size` must be"),
        ({"patience": 0}, "`patience` must be"),
        ({"dropout": 1.0}, "`dropout` must be"),
        ({"warmup_proportion": -0.1}, "`warmup_proportion` must be"),
        ({"sequence_length": 4}, "`sequence_length` must be"),
        ({"seed": -1}, "`seed` must be"),
    ],
)
def test_errors_come_before_the_work(folder, change, message, nothing_built):
    config = parse(folder, **change)
    with pytest.raises(errors.UserError, match=message):
        classify.main(config)
    # Nor is there a directory that would refuse the corrected command.
    assert not config.output.exists()


def test_label_that_training_never_saw(folder, nothing_built):
    write(folder / "dev.tsv", [(0, "the film is fine", "2")])
    with pytest.raises(errors.DataError, match="labels that training did not see"):
        classify.main(parse(folder))


def test_scores_are_not_taken_for_classes(folder, nothing_built):
    scored = [(i, "the film is fine", f"{i / 7:.3f}") for i in range(30)]
    write(folder / "train.tsv", scored)
    with pytest.raises(errors.DataError, match="30 different numbers.*--regression"):
        classify.main(parse(folder))


def test_constant_targets(folder, nothing_built):
    write(folder / "dev.tsv", [(i, "the film is fine", 1.5) for i in range(3)])
    with pytest.raises(errors.DataError, match="two different numbers"):
        classify.main(parse(folder, regression=True))


def test_columns_of_predictions_must_not_clash(folder, nothing_built):
    new = write(folder / "new.tsv", rows(4, 0), "id\tsentence\tprobability")
    with pytest.raises(errors.DataError, match="named 'probability' already"):
        classify.main(parse(folder, predict=new))
    # Of regression there are none.
    _, table = classify.load(parse(folder, predict=new, regression=True))
    assert "probability" in table.columns


def test_output_of_something_else(folder, monkeypatch):
    config = parse(folder)
    config.output.mkdir(parents=True)
    (config.output / "kept").touch()
    with pytest.raises(errors.ConfigError, match="is not empty"):
        classify.main(config)


def test_output_that_cannot_be_written(folder, monkeypatch):
    config = parse(folder, output=folder / "file")
    config.output.touch()
    with pytest.raises(errors.ConfigError, match="Cannot write to --output"):
        classify.main(config)


def test_output_that_another_process_writes(folder, monkeypatch):
    config = parse(folder)
    with (
        files.lock(config.output),
        pytest.raises(errors.ConfigError, match="is being written by"),
    ):
        classify.main(config)


@pytest.mark.without_backend
def test_help_does_not_wait_for_keras():
    """And it shows the names of options as they are documented."""
    code = """
import sys
from recipes import classify, quickstart
slow = {"keras", "tensorflow", "matplotlib", "sklearn"} & sys.modules.keys()
assert not slow, slow
for recipe in (quickstart, classify):
    try:
        recipe.parse(["--help"])
    except SystemExit:
        pass
"""
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=pathlib.Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "--sequence_length" in result.stdout
    assert "--learning-rate" not in result.stdout
