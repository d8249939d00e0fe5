"""From a toy pretraining run to the figure of loss and accuracy."""

import shutil

import numpy as np
import pytest
from matplotlib import pyplot as plt

from keras_bigs import analysis
from keras_bigs import errors
from keras_bigs import models
from keras_bigs import training
from keras_bigs.analysis import checkpoint_transfer
from keras_bigs.training.benchmarks import glue as benchmark
from keras_bigs.training.fine_tuning_config import EncoderConfig
from keras_bigs.training.masked_lm import takes_tokens
from keras_bigs.training.run_checkpoints import evenly_chosen
from recipes import transfer
from tests.backend import fast_on_torch
from tests.recipes.commands import read_json
from tests.recipes.commands import to_arguments
from tests.recipes.shards import toy_shards


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Shards of 16 tokens."""
    return toy_shards(tmp_path_factory.mktemp("texts"), words=40)


@pytest.fixture(scope="module")
def run(folder, tmp_path_factory):
    """A finished run whose checkpoints at the ends of its epochs are all kept."""
    directory = tmp_path_factory.mktemp("run")
    tokenizer = models.BiGSTokenizer(folder.vocabulary)
    sizes = {"num_layers": 1, "hidden_dim": 8, "intermediate_dim": 16}
    backbone = models.BiGSBackbone(
        len(folder.vocabulary), **sizes, routing="convolution", max_sequence_length=16
    )
    preprocessor = models.BiGSMaskedLMPreprocessor(tokenizer, sequence_length=16)
    training.pretrain_masked_lm(
        models.BiGSMaskedLM(backbone, preprocessor),
        folder.batches("train", 4, folder.masking),
        folder.batches("validation", 4, folder.masking, seed=0),
        optimizer=training.adamw(1e-2, total_steps=6, accumulation_steps=2),
        directory=directory,
        steps=6,
        steps_per_epoch=2,
        save_every=2,
        keep=10,
        validation_examples=16,
    )
    return directory


def test_presets_of_checkpoints(folder, run, tmp_path):
    """They have the losses that were measured in training; the last is the run's."""
    points = training.checkpoints_as_presets(run, tmp_path / "presets")
    assert [point.step for point in points] == [2, 4, 6]
    validation = folder.batches("validation", 4, folder.masking, seed=0)
    for point in points:
        task = models.BiGSMaskedLM.from_preset(str(point.preset))
        with takes_tokens(task):
            task.compile()
            loss, *_ = task.evaluate(validation.dataset(0, 4), verbose=0)
        np.testing.assert_allclose(loss, point.loss, rtol=1e-5)
    assert len({point.loss for point in points}) == 3
    last = models.BiGSMaskedLM.from_preset(str(run / "preset"))
    for a, b in zip(last.get_weights(), task.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    chosen = training.checkpoints_as_presets(run, tmp_path / "presets", number=2)
    assert [point.step for point in chosen] == [2, 6]
    with pytest.raises(errors.ConfigError, match="is not the directory of a finished"):
        training.checkpoints_as_presets(tmp_path, tmp_path)
    other = shutil.copytree(run, tmp_path / "other")
    history = (other / "history.csv").read_text(encoding="utf-8")
    (other / "history.csv").write_text(history + "\n", encoding="utf-8")
    with pytest.raises(errors.ConfigError, match="history_sha256"):
        training.checkpoints_as_presets(other, tmp_path / "presets")


@pytest.mark.without_backend
def test_evenly_chosen():
    assert evenly_chosen([1, 2, 3, 4, 5], 3) == [1, 3, 5]
    assert evenly_chosen([1, 2, 3], 1) == [3]
    assert evenly_chosen([1, 2], 9) == evenly_chosen([1, 2]) == [1, 2]


def write_cola(folder):
    rng = np.random.default_rng(0)
    for split, n in (("train", 24), ("dev", 12)):
        path = folder / "CoLA" / f"{split}.tsv"
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = (
            f"s\t{label}\t\tthe film is {'dull' if label else 'lovely'}\n"
            for label in rng.permutation([0, 1] * (n // 2))
        )
        path.write_text("".join(lines), encoding="utf-8")


@fast_on_torch
def test_recipe(run, tmp_path, monkeypatch):
    """A point a checkpoint, with a score a seed; nothing is computed twice."""
    write_cola(tmp_path)
    options = {
        "run": [f"GATED/CNN={run}"],
        "task": "cola",
        "data_dir": tmp_path,
        "checkpoints": 2,
        "epochs": 1,
        "seeds": [0, 1],
        "output": tmp_path / "out",
    }
    config = transfer.parse(to_arguments(options))
    transfer.main(config)
    results = read_json(config.output / "results.json")
    points = results["GATED/CNN"]
    history = {e["step"]: e for e in training.report.read_history(run)}
    assert [point["step"] for point in points] == [2, 6]
    for point in points:
        assert point["loss"] == history[point["step"]]["val_loss"]
        assert point["tokens"] == history[point["step"]]["tokens"]
        np.testing.assert_allclose(point["mean"], np.mean(point["scores"]))
        assert len(point["scores"]) == 2
    assert plt.imread(config.output / "transfer.png").std() > 0.01
    assert (config.output / "transfer.svg").stat().st_size < 200_000

    def fine_tune(*args, **kwargs):
        raise AssertionError("A run is repeated.")

    monkeypatch.setattr(benchmark, "fine_tune_glue", fine_tune)
    transfer.main(config)
    assert read_json(config.output / "results.json") == results

    # What cannot be done is said before any fine-tuning.
    options["output"] = tmp_path / "new"
    for change, message in (
        ({"run": [f"first={run}", f"second={tmp_path}"]}, "of a finished pretraining"),
        ({"run": [f"a/b={run}", f"a-b={run}"]}, "would share a directory"),
        ({"task": "all"}, "a figure is of one task"),
        ({"checkpoints": 0}, "--checkpoints must be at least 1"),
    ):
        with pytest.raises(errors.ConfigError, match=message):
            transfer.main(transfer.parse(to_arguments(options | change)))


@pytest.mark.without_backend
def test_a_checkpoint_from_which_all_diverged(tmp_path, monkeypatch, capsys):
    """It has no score, which is said."""
    rows = [{"settings": {"seed": 0}, "result": {"diverged": "The loss is nan."}}]
    monkeypatch.setattr(checkpoint_transfer, "glue_grid", lambda *args: rows)
    checkpoint = training.run_checkpoints.RunCheckpoint(9, 99, 5.0, tmp_path / "p")
    points = analysis.transfer(
        [checkpoint], tmp_path, "cola", None, EncoderConfig(), []
    )
    assert points == []
    assert "all 1 runs from it diverged" in capsys.readouterr().out


@pytest.mark.without_backend
def test_figure_has_berts_of_six_sizes(tmp_path, monkeypatch):
    """On tasks that their paper has."""
    drawn = []
    monkeypatch.setattr(
        plt.Axes, "plot", lambda self, x, y, *args, **kwargs: drawn.append((x, y))
    )
    point = analysis.TransferPoint(10, 1000, 2.0, 0.5, 0.1, (0.4, 0.6))
    for task in ("mnli", "cola"):
        analysis.plot_transfer([tmp_path / "a.png"], {"a": [point]}, task)
    ((losses, scores),) = drawn
    np.testing.assert_allclose(np.exp(losses[0]), 5.84)
    assert scores[0] == 77.9
