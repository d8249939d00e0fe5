"""The recipe of losses by position, on shards that the suite makes."""

import numpy as np
import pytest

from keras_bigs import analysis
from keras_bigs import data
from keras_bigs import errors
from keras_bigs import models
from recipes import positions
from tests.backend import fast_on_torch
from tests.recipes.commands import to_arguments
from tests.recipes.shards import toy_shards


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Shards of 16 tokens."""
    return toy_shards(tmp_path_factory.mktemp("texts"), words=60)


@pytest.fixture(scope="module")
def presets(folder, tmp_path_factory):
    path = tmp_path_factory.mktemp("presets")
    for name, pieces, length in (
        ("own", folder.vocabulary, 16),
        ("other", other(folder), 16),
        ("short", folder.vocabulary, 8),
    ):
        tokenizer = models.BiGSTokenizer(pieces)
        backbone = models.BiGSBackbone(
            len(pieces),
            1,
            hidden_dim=4,
            intermediate_dim=8,
            max_sequence_length=length,
        )
        preprocessor = models.BiGSMaskedLMPreprocessor(
            tokenizer, sequence_length=length
        )
        task = models.BiGSMaskedLM(backbone, preprocessor)
        task.save_to_preset(str(path / name))
    return path


def other(folder):
    return [*folder.vocabulary[:-2], *folder.vocabulary[:-3:-1]]


def run(**options):
    config = positions.parse(to_arguments(options))
    positions.main(config)
    return config.output


@fast_on_torch
def test_positions(folder, presets, tmp_path, capsys):
    options = {"data": folder.path, "parts": 2, "batch_size": 3}
    preset = [f"first={presets / 'own'}", f"again={presets / 'own'}"]
    output = run(preset=preset, output=tmp_path / "out", **options)
    table = data.tables.read_table(output / "positions.csv", text="model", label="loss")
    assert table.x == ["first", "first", "again", "again"]

    batch = folder.batches("validation", 1, folder.masking)
    everything = folder.batches("validation", batch.num_examples, folder.masking)
    masked_lm = models.BiGSMaskedLM.from_preset(str(presets / "own"))
    expected = analysis.loss_by_position(masked_lm, everything.batch(0), parts=2)
    losses = [float(loss) for loss in table.labels]
    np.testing.assert_allclose(losses[:2], [part.loss for part in expected], rtol=1e-5)
    assert losses[:2] == losses[2:]
    assert (output / "positions.svg").exists()
    assert "8 to 15" in capsys.readouterr().out


@fast_on_torch
def test_what_cannot_be_done_is_said_before_any_work(
    folder, presets, tmp_path, monkeypatch
):
    def never(*args, **kwargs):
        raise AssertionError("Nothing shall be computed.")

    monkeypatch.setattr(analysis, "loss_by_position", never)
    options = {"data": folder.path, "output": tmp_path / "out"}
    preset = [presets / name for name in ("own", "other", "short")]
    with pytest.raises(errors.ConfigError, match="is not that of --preset"):
        run(preset=preset[:2], **options)
    with pytest.raises(errors.ConfigError, match="have 16 tokens, and short takes 8"):
        run(preset=[preset[0], preset[2]], **options)
    for option in ("examples", "parts", "batch_size"):
        with pytest.raises(errors.ConfigError, match=f"--{option} 0: at least 1"):
            run(preset=preset[0], **{option: 0}, **options)
