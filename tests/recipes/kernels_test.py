"""The recipe of kernels writes what `keras_bigs.analysis` computes."""

import csv

import numpy as np
import pytest

from keras_bigs import analysis
from keras_bigs import errors
from keras_bigs import models
from recipes import kernels
from tests.backend import fast_on_torch
from tests.recipes.commands import read_json
from tests.recipes.commands import to_arguments

SIZES = {"hidden_dim": 4, "intermediate_dim": 8, "state_dim": 4}


@pytest.fixture(scope="module")
def presets(tmp_path_factory):
    """Two BiGS, a STACK/SSM of more layers as a task, and attention, by name."""
    folder = tmp_path_factory.mktemp("presets")
    backbones = {
        "before": models.BiGSBackbone(20, 2, **SIZES),
        "after": models.BiGSBackbone(20, 2, **SIZES),
        "attention": models.BiGSBackbone(20, 2, **SIZES, routing="attention"),
    }
    deeper = models.BiGSBackbone(20, 3, **SIZES, block="stack")
    backbones["task"] = models.BiGSTextClassifier(deeper, 2)
    for name, model in backbones.items():
        model.save_to_preset(str(folder / name))
    return {name: str(folder / name) for name in backbones}


def run(**options):
    config = kernels.parse(to_arguments(options))
    kernels.main(config)
    return config.output


@fast_on_torch
def test_kernels(presets, tmp_path, capsys):
    output = run(
        preset=[presets["before"], f"stack={presets['task']}"],
        before=presets["before"],
        after=presets["after"],
        length=20,
        radius=3,
        changed=1,
        output=tmp_path / "out",
    )
    taps = {
        name: analysis.routing_kernels(presets[preset], 20)
        for name, preset in (
            ("before", "before"),
            ("stack", "task"),
            ("after", "after"),
        )
    }
    summary = read_json(output / "summary.json")
    assert list(summary["models"]) == ["before", "stack"]
    assert [row["mass_radius"] for row in summary["models"]["stack"]] == list(
        analysis.mass_radius(taps["stack"]).flat
    )
    change = analysis.kernel_change(taps["before"], taps["after"])
    np.testing.assert_allclose(summary["change"], change)
    assert summary["most_changed"] == analysis.most_changed(change).tolist()
    with open(output / "kernels.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * 2 * 20 + 3 * 2 * 20
    last = rows[-1]
    assert (last["model"], last["layer"], last["position"]) == ("stack", "2", "19")
    np.testing.assert_allclose(float(last["tap"]), taps["stack"][2, 1, 19], rtol=1e-6)
    for name in ("kernel_map", "kernels", "kernel_change"):
        assert (output / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert (output / f"{name}.svg").stat().st_size < 200_000
    printed = capsys.readouterr().out
    assert "Distances that kernels reach" in printed and "Change of kernels" in printed
    # The same again, and not something else in its place.
    same = {"length": 20, "radius": 3, "output": output}
    with pytest.raises(errors.ConfigError, match="results of other options"):
        run(preset=[presets["before"]], **same)


@fast_on_torch
def test_options(presets, tmp_path):
    output = tmp_path / "out"
    with pytest.raises(errors.ConfigError, match="go together"):
        run(before=presets["before"], output=output)
    with pytest.raises(errors.ConfigError, match="--radius 8 must be from 0 to 7"):
        run(radius=8, length=8, output=output)
    with pytest.raises(errors.ConfigError, match="--changed 0"):
        run(changed=0, output=output)
    assert not output.exists()
    with pytest.raises(errors.ConfigError, match="its routing is SelfAttention"):
        run(preset=[presets["attention"]], output=output)
    with pytest.raises(errors.ConfigError, match="as many layers"):
        run(
            preset=[presets["before"]],
            before=presets["before"],
            after=presets["task"],
            output=output,
        )
