"""The recipe of operations by length."""

import csv

import pytest

from keras_bigs import analysis
from keras_bigs import errors
from keras_bigs import models
from recipes import flops
from tests.recipes.commands import read_json


def test_flops(tmp_path, capsys):
    output = tmp_path / "[flops]"
    flops.main(flops.parse(["--lengths", "128", "200", "--output", str(output)]))
    printed = capsys.readouterr().out
    # The paper's beside ours, and nothing where it has none.
    assert "│ gated │ ssm, fft       │ 8.10e+10 │" in printed
    assert "│ paper │ BiGS           │  8.1e+10 │          │" in printed
    records = read_json(output / "flops.json")
    assert len(records) == 2 * 2 * (4 + 5)
    record = next(
        r for r in records if r["algorithm"] == "fft" and r["architecture"] == "BiGS"
    )
    count = analysis.flops(models.CONFIGS["large"], 128, "fft")
    assert record["total"] == count.total
    assert {name: record[name] for name in count.terms} == count.terms
    with open(output / "flops.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["total"]) for row in rows] == [r["total"] for r in records]
    terms = ("block dense", "routing dense", "mixing", "gates", "kernel")
    for row in rows:
        assert sum(int(row[name]) for name in terms) == int(row["total"])
    for name in ("flops.png", "flops.svg"):
        assert 1_000 < (output / name).stat().st_size < 200_000
    assert "| gated | ssm, fft | 8.10e+10 |" in (output / "flops.md").read_text()


def test_the_paper_is_beside_what_it_counts(tmp_path, capsys):
    for option in (["--size", "tiny"], ["--training"], ["--masked", "0.1"]):
        output = tmp_path / option[0]
        command = [*option, "--lengths", "128", "--output", str(output)]
        flops.main(flops.parse(command))
        assert "│ paper │" not in capsys.readouterr().out


def test_other_options_are_refused(tmp_path):
    for option in ([], ["--training"]):
        command = ["--size", "tiny", "--lengths", "16", "--output", str(tmp_path)]
        config = flops.parse([*command, *option])
        if option:
            with pytest.raises(errors.ConfigError, match="results of other options"):
                flops.main(config)
        else:
            flops.main(config)


def test_nothing_is_written_for_a_wrong_option(tmp_path):
    command = ["--size", "huge", "--output", str(tmp_path / "out")]
    with pytest.raises(errors.ConfigError, match="--size huge is not one of"):
        flops.main(flops.parse(command))
    assert not (tmp_path / "out").exists()
