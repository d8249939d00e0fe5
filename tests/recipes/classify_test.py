"""The classification recipe on small files of its own."""

import dataclasses
import json

import keras
import numpy as np
import pytest
from rich.console import Console

from keras_bigs import errors
from keras_bigs import models
from keras_bigs.data import tables
from recipes import classify

GOOD, BAD = ["fine", "lovely", "bright"], ["dull", "dreary", "poor"]


def write(path, rows, header="sentence\tlabel"):
    lines = ["\t".join(map(str, row)) for row in rows]
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return path


def rows(n, seed):
    """Sentences whose adjective decides the class."""
    rng = np.random.default_rng(seed)
    for _ in range(n):
        label = int(rng.integers(2))
        word = (BAD, GOOD)[label][rng.integers(3)]
        yield f"the film is {word} and {'very ' * rng.integers(3)}long", label


@pytest.fixture
def config(tmp_path, monkeypatch):
    sizes = {"num_layers": 1, "hidden_dim": 32, "intermediate_dim": 96, "state_dim": 8}
    monkeypatch.setitem(models.CONFIGS, "toy", sizes)
    return classify.Config(
        train=write(tmp_path / "train.tsv", rows(400, 0)),
        eval=write(tmp_path / "dev.tsv", rows(60, 1)),
        predict=write(tmp_path / "new.tsv", rows(10, 2)),
        text="sentence",
        label="label",
        output=tmp_path / "run",
        model="toy",
        epochs=4,
        learning_rate=5e-3,
        sequence_length=24,
        vocabulary_size=200,
        dropout=0.0,
    )


def test_from_scratch_then_from_the_preset(config, tmp_path):
    classify.main(config)
    results = json.loads((config.output / "results.json").read_text())
    assert results["metrics"]["accuracy"] > 0.95
    assert (config.output / "confusion_matrix.png").stat().st_size > 5_000
    predictions = tables.read_table(
        config.output / "predictions.tsv", text="sentence", label="prediction"
    )
    expected = [str(label) for _, label in rows(10, 2)]
    agreement = np.mean(np.array(predictions.labels) == expected)
    assert agreement >= 0.9
    # The preset is a whole task: the same labels on raw strings.
    preset = config.output / "preset"
    classifier = models.BiGSTextClassifier.from_preset(str(preset))
    classes = json.loads((preset / "classes.json").read_text())
    again = classifier.predict(predictions.texts, verbose=0).argmax(-1)
    assert [classes[i] for i in again] == predictions.labels
    # A preset is a place to start from, too.
    tuned = dataclasses.replace(
        config, model=str(preset), output=tmp_path / "tuned", epochs=1, predict=None
    )
    classify.main(tuned)
    results = json.loads((tuned.output / "results.json").read_text())
    assert results["metrics"]["accuracy"] > 0.95


def test_from_the_preset_of_the_package(config):
    config.model = "bigs_mini_en_uncased"
    data = classify.load(config)
    classifier = classify.build(config, data, Console())
    masked_lm = models.BiGSMaskedLM.from_preset(config.model)
    np.testing.assert_array_equal(
        keras.ops.convert_to_numpy(classifier.backbone.token_embedding.embeddings),
        keras.ops.convert_to_numpy(masked_lm.backbone.token_embedding.embeddings),
    )
    assert classifier.predict(data.eval.texts[:3], verbose=0).shape == (3, 2)


def test_regression(config, tmp_path):
    scored = [(text, 1.5 + 2 * label) for text, label in rows(200, 3)]
    config = dataclasses.replace(
        config,
        train=write(tmp_path / "train.tsv", scored),
        eval=write(tmp_path / "dev.tsv", scored[:50]),
        regression=True,
        epochs=6,
    )
    classify.main(config)
    results = json.loads((config.output / "results.json").read_text())
    assert results["metrics"]["pearson"] > 0.9
    assert (config.output / "scatter.png").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"text": "sentense"}, "sentense"),
        ({"metric": "pearson"}, "--metric pearson does not fit"),
        ({"model": "enormous"}, "--model enormous is neither"),
        ({"regression": True, "metric": "f1"}, "--metric f1 does not fit"),
    ],
)
def test_errors_come_before_the_work(config, change, message, monkeypatch):
    monkeypatch.setattr(classify, "build", None)
    with pytest.raises(errors.DataError, match=message):
        classify.main(dataclasses.replace(config, **change))
    assert not config.output.exists()


def test_label_that_training_never_saw(config):
    write(config.eval, [("the film is fine", "2")])
    with pytest.raises(errors.DataError, match="labels that training did not see"):
        classify.main(config)


def test_one_class_only(config):
    write(config.train, [("the film is fine", "1")])
    with pytest.raises(errors.DataError, match="one label only"):
        classify.main(config)


def test_output_is_not_overwritten(config):
    config.output.mkdir()
    (config.output / "kept").touch()
    with pytest.raises(errors.DataError, match="is not empty"):
        classify.main(config)


def test_output_that_cannot_be_written(config, monkeypatch):
    monkeypatch.setattr(classify, "build", None)
    config.output.touch()
    with pytest.raises(errors.DataError, match="Cannot write to --output"):
        classify.main(config)


def test_constant_targets(config):
    write(config.eval, [("the film is fine", 1.5)] * 3)
    config.regression = True
    with pytest.raises(errors.DataError, match="two different numbers"):
        classify.main(config)


def test_columns_of_predictions_must_not_clash(config):
    for name in ("train", "eval", "predict"):
        path = write(getattr(config, name), rows(4, 0), "prediction\tlabel")
        setattr(config, name, path)
    config.text = "prediction"
    with pytest.raises(errors.DataError, match="column 'prediction' of its own"):
        classify.main(config)
