"""`recipes.export`, from a preset to files."""

import dataclasses
import json

import keras
import numpy as np
import pytest

import keras_bigs
from keras_bigs import training
from keras_bigs.errors import ConfigError
from keras_bigs.models.export import formats
from recipes import export
from tests.export.exported import need
from tests.export.package_test import TEXTS
from tests.export.package_test import make_classifier
from tests.recipes.commands import read_json

# Also of quantized models.
FORMAT = "torch" if keras.backend.backend() == "torch" else "tf_saved_model"
CLASSES = ["bad", "good", "none"]


@pytest.fixture(scope="module")
def preset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("export") / "preset"
    keras.utils.set_random_seed(0)
    make_classifier().save_to_preset(folder)
    (folder / "classes.json").write_text(json.dumps(CLASSES))
    return folder


def test_a_quantized_classifier_is_measured_and_exported(preset, tmp_path, capsys):
    need(FORMAT)
    model = keras_bigs.models.load_task(preset)
    labels = model.predict(TEXTS, verbose=0).argmax(1)
    labels[0] = (labels[0] + 1) % 3
    rows = [f"{t}\t{CLASSES[i]}" for t, i in zip(TEXTS, labels, strict=True)]
    (tmp_path / "dev.tsv").write_text("text\tlabel\n" + "\n".join(rows) + "\n")
    (tmp_path / "texts.txt").write_text("\n".join(TEXTS))
    config = export.Config(
        preset=str(preset),
        format=FORMAT,
        output=tmp_path / "out",
        quantize="int8",
        eval=tmp_path / "dev.tsv",
        texts=tmp_path / "texts.txt",
    )
    export.main(config)
    metrics = read_json(tmp_path / "out" / "results.json")
    assert metrics["before"]["accuracy"] == pytest.approx(2 / 3)
    assert set(metrics) == {"before", "int8"}
    assert (tmp_path / "out" / "usage.py").exists()
    assert "32 tokens: largest difference" in capsys.readouterr().out


@pytest.mark.parametrize("activation", [None, "linear", "sigmoid"])
def test_labels_of_what_classify_leaves(activation, tmp_path):
    """Numbers, or any number of names a text, of logits or of probabilities."""
    multi_label = activation is not None
    options = {"num_classes": 2, "multi_label": True, "activation": activation}
    options = options if multi_label else {}
    model = keras_bigs.models.BiGSTextClassifier.from_preset(
        "bigs_mini_en_uncased", **{"num_classes": 1, **options}
    )
    model.save_to_preset(str(tmp_path / "preset"))
    if multi_label:
        (tmp_path / "preset" / "classes.json").write_text('["x", "y"]')
    labels = ["x|y", "", "y"] if multi_label else ["1.5", "2", "0.5"]
    rows = [f"{t}\t{label}" for t, label in zip(TEXTS, labels, strict=True)]
    (tmp_path / "dev.tsv").write_text("\n".join(rows) + "\n")
    config = export.Config(
        preset=str(tmp_path / "preset"),
        format=FORMAT,
        output=tmp_path / "out",
        eval=tmp_path / "dev.tsv",
        column_names=("text", "label"),
    )
    batches = export.evaluation_batches(config, model)
    expected = [[1, 1], [0, 0], [0, 1]] if multi_label else [1.5, 2, 0.5]
    np.testing.assert_array_equal(batches.labels, expected)
    outputs = model.predict(TEXTS, verbose=0)
    if multi_label:
        threshold = 0.5 if activation == "sigmoid" else 0.0
        metrics = training.multi_label_metrics(expected, outputs >= threshold)
    else:
        metrics = training.regression_metrics(expected, outputs[:, 0])
    assert export.evaluate(model, batches) == pytest.approx(metrics, rel=1e-4)


def test_a_quantized_preset_loads(preset, tmp_path):
    config = export.Config(
        preset=str(preset), format="preset", output=tmp_path / "out", quantize="int8"
    )
    export.main(config)
    model = keras_bigs.models.load_task(tmp_path / "out")
    before = keras_bigs.models.load_task(preset).predict(TEXTS, verbose=0)
    after = model.predict(TEXTS, verbose=0)
    assert 0 < np.abs(after - before).max() < 0.1 * np.abs(before).max()


def test_what_is_wrong_is_said_first(preset, tmp_path):
    (tmp_path / "old").write_text("")
    config = export.Config(preset="nowhere", format=FORMAT, output=tmp_path)
    with pytest.raises(ConfigError, match="not empty"):
        export.main(config)
    other = next(
        name
        for name, format in formats.FORMATS.items()
        if keras.backend.backend() not in format.backends
    )
    # Before the preset is looked for.
    config = export.Config(preset="nowhere", format=other, output=tmp_path / "out")
    with pytest.raises(ValueError, match="load it under `KERAS_BACKEND="):
        export.main(config)
    config = export.Config(
        preset="bigs_mini_en_uncased",
        format=FORMAT,
        output=tmp_path / "out",
        eval=tmp_path / "dev.tsv",
    )
    with pytest.raises(ConfigError, match="`--eval` is for classifiers .*MaskedLM"):
        export.main(config)
    (preset / "classes.json").rename(preset / "classes")
    config = dataclasses.replace(config, preset=str(preset))
    with pytest.raises(ConfigError, match=r"`--eval` needs .*classes\.json"):
        export.main(config)
    (preset / "classes").rename(preset / "classes.json")
    for options in ({"length": 8}, {"texts": tmp_path / "texts.txt"}):
        config = dataclasses.replace(config, format="preset", **options)
        with pytest.raises(ConfigError, match="--length and --texts are for files"):
            export.main(config)
    assert not (tmp_path / "out").exists()
