"""The recipe of CoLA by length and by phenomenon, on presets and predictions."""

import json

import numpy as np
import pytest
from sklearn.metrics import matthews_corrcoef

from keras_bigs import errors
from keras_bigs import models
from recipes import cola_analysis
from tests.backend import fast_on_torch
from tests.data.syntax.cola_annotations_test import write_annotations
from tests.recipes.commands import read_json
from tests.recipes.commands import to_arguments

ROWS = [
    (f"{who} {verb} {what} {'now ' * (i % 4)}.", i % 2, features)
    for i, (who, verb, what, features) in enumerate(
        [
            ("she", "sees", "him", ["Modal"]),
            ("who", "sees", "him", ["Matrix Q"]),
            ("she", "run", "them", ["Infl/Agr Violation"]),
            ("see", "him", "run", ["Imperative"]),
        ]
        * 8
    )
]


def write_preset(path, classes):
    words = sorted({word for text, _, _ in ROWS for word in text.split()})
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer = models.BiGSTokenizer([*special, *words])
    backbone = models.BiGSBackbone(
        tokenizer.vocabulary_size(), **models.CONFIGS["toy"], max_sequence_length=16
    )
    preprocessor = models.BiGSTextClassifierPreprocessor(tokenizer, sequence_length=16)
    task = models.BiGSTextClassifier(backbone, len(classes), preprocessor)
    task.save_to_preset(str(path))
    (path / "classes.json").write_text(json.dumps(classes))
    return task


def parse(folder, *model, **options):
    options = {
        "annotations": write_annotations(folder / "annotations", ROWS),
        "model": model,
        "bins": (1, 5),
        "resamples": 50,
        "output": folder / "[out]",
        **options,
    }
    return cola_analysis.parse(to_arguments(options))


def write_predictions(path, predictions):
    lines = ["sentence\tprediction"]
    for (sentence, _, _), value in zip(ROWS, predictions, strict=True):
        lines.append(f"{sentence}\t{value}")
    path.write_text("\n".join(dict.fromkeys(lines)) + "\n", encoding="utf-8")
    return path


@fast_on_torch
def test_presets_beside_predictions(tmp_path, capsys):
    task = write_preset(tmp_path / "first", ["0", "1"])
    # The same, with its classes the other way round.
    write_preset(tmp_path / "second", ["1", "0"])
    right = write_predictions(tmp_path / "right.tsv", [label for _, label, _ in ROWS])
    config = parse(
        tmp_path,
        f"toy={tmp_path / 'first'},{tmp_path / 'second'}",
        f"[right]={right},{right}",
    )
    cola_analysis.main(config)
    printed = capsys.readouterr().out
    assert "[right] (95%)" in printed and "undefined" in printed
    results = read_json(config.output / "results.json")
    assert results["left_out"] == 0
    scores = {(x["part"], x["group"], x["model"]): x for x in results["scores"]}
    assert scores["all", "all", "[right]"]["matthews"] == 1
    assert scores["all", "all", "toy"]["sentences"] == len(ROWS)
    texts, labels, _ = zip(*ROWS, strict=True)
    predicted = np.argmax(task.predict(list(texts), verbose=0), -1)
    expected = matthews_corrcoef(labels, predicted)
    assert scores["all", "all", "toy"]["seeds"][0] == pytest.approx(expected)
    assert scores["major feature", "Violations", "toy"]["matthews"] is None
    for name in ("by_length.png", "by_phenomenon.png", "by_feature.svg", "scores.csv"):
        assert 1_000 < (config.output / name).stat().st_size < 200_000
    assert (config.output / "by_length.svg").exists()


@pytest.mark.without_backend
def test_options_are_checked_before_the_work(tmp_path, monkeypatch):
    def predict(*args):
        raise AssertionError("Work has begun.")

    monkeypatch.setattr("keras_bigs.analysis.cola_predictions", predict, raising=False)
    for options, message in (
        ({"resamples": 0}, "--resamples must be at least 1"),
        ({"bins": (5, 3)}, "--bins must ascend"),
        ({"model": ("a=x,y", "b=z")}, "--model has 2 of a, 1 of b. To be compared"),
        ({"model": ("a=x", "a=y")}, "two are called a"),
    ):
        config = parse(tmp_path, "a=x", **options)
        with pytest.raises(errors.ConfigError, match=message):
            cola_analysis.main(config)
    assert not config.output.exists()


@pytest.mark.without_backend
def test_a_classifier_of_something_else(tmp_path):
    config = parse(tmp_path, "a=b")
    with pytest.raises(errors.ConfigError, match="b is no preset"):
        cola_analysis.main(config)


@fast_on_torch
def test_a_preset_of_three_classes(tmp_path):
    write_preset(tmp_path / "nli", ["0", "1", "2"])
    config = parse(tmp_path, f"a={tmp_path / 'nli'}")
    with pytest.raises(errors.ConfigError, match=r"a classifier of \['0', '1', '2'\]"):
        cola_analysis.main(config)
    (tmp_path / "nli" / "classes.json").unlink()
    with pytest.raises(errors.ConfigError, match="has 3 outputs, and CoLA 2 classes"):
        cola_analysis.main(config)
