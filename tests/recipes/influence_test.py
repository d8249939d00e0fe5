"""The recipe of influence writes what `keras_bigs.analysis` computes."""

import csv

import numpy as np
import pytest

from keras_bigs import analysis
from keras_bigs import errors
from keras_bigs import models
from recipes import influence
from tests.backend import fast_on_torch
from tests.recipes.commands import read_json
from tests.recipes.commands import to_arguments

PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "fox", "runs", "."]


@pytest.fixture(scope="module")
def presets(tmp_path_factory):
    """BiGS and attention, as masked language models of half precision."""
    folder = tmp_path_factory.mktemp("presets")
    tokenizer = models.BiGSTokenizer(PIECES)
    preprocessor = models.BiGSMaskedLMPreprocessor(tokenizer, sequence_length=8)
    for routing, num_layers in (("ssm", 2), ("attention", 3)):
        backbone = models.BiGSBackbone(
            len(PIECES),
            num_layers,
            hidden_dim=4,
            intermediate_dim=8,
            state_dim=4,
            routing=routing,
            max_sequence_length=8,
            dtype="mixed_bfloat16",
        )
        masked_lm = models.BiGSMaskedLM(backbone, preprocessor)
        masked_lm.save_to_preset(str(folder / routing))
    return [f"{name}={folder / name}" for name in ("ssm", "attention")]


def run(**options):
    config = influence.parse(to_arguments(options))
    influence.main(config)
    return config.output


@fast_on_torch
def test_influence(presets, tmp_path, capsys):
    text = "the [MASK] runs ."
    output = run(preset=presets, text=text, output=tmp_path / "out")
    results = read_json(output / "results.json")
    tokens = ["[CLS]", "the", "[MASK]", "runs", ".", "[SEP]"]
    assert results["tokens"] == {"ssm": tokens, "attention": tokens}
    parts = [(row["model"], row["kind"], row["part"]) for row in results["maps"]]
    layers = {"ssm": [0, 1], "attention": [0, 1, 2]}
    kinds = {"ssm": "taps", "attention": "attention"}
    expected = []
    for name, numbers in layers.items():
        names = [f"layer {i}" for i in numbers]
        expected += [(name, "influence", part) for part in (*names, "encoder")]
        expected += [(name, kinds[name], part) for part in names]
    assert parts == expected
    with open(output / "influence.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(parts) * 36
    # In single precision.
    encoder = models.load_encoder(presets[0].split("=")[1], dtype="float32")
    tokenizer = models.BiGSTokenizer(PIECES, special_tokens_in_strings=True)
    _, inputs = analysis.token_inputs(tokenizer, text, 8)
    matrix = analysis.influence(encoder, inputs, layer=1)
    found = [
        float(row["value"])
        for row in rows
        if (row["model"], row["kind"], row["part"]) == ("ssm", "influence", "layer 1")
    ]
    np.testing.assert_allclose(found, matrix.flatten(), rtol=1e-5)
    for name in ("influence", "by_position"):
        assert (output / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert (output / f"{name}.svg").stat().st_size < 200_000
    assert "What moves a token" in capsys.readouterr().out


@fast_on_torch
def test_pair_and_layers(presets, tmp_path):
    options = {"preset": presets[:1], "text": "the fox", "output": tmp_path / "out"}
    output = run(pair="runs .", layers=[1], **options)
    results = read_json(output / "results.json")
    expected = ["[CLS]", "the", "fox", "[SEP]", "runs", ".", "[SEP]"]
    assert results["tokens"]["ssm"] == expected
    assert {row["part"] for row in results["maps"]} == {"layer 1", "encoder"}


@fast_on_torch
def test_all_is_checked_before_the_work(presets, tmp_path, monkeypatch):
    def compute(*args):
        raise AssertionError("Work has begun.")

    monkeypatch.setattr(analysis, "influence_maps", compute)
    output = tmp_path / "out"
    with pytest.raises(errors.ConfigError, match="--layers 2: ssm has layers from 0"):
        run(preset=presets[::-1], text="the fox", layers=[0, 2], output=output)
    with pytest.raises(errors.DataError, match="has 9 tokens"):
        run(preset=presets, text="the fox runs " * 2 + ".", output=output)
