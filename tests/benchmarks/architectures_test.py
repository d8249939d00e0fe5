"""Which runs of the comparison are to be made, and what is kept of them."""

import dataclasses
import json
import pathlib

import pytest

from benchmarks.architectures import __main__ as benchmark
from benchmarks.architectures import records
from benchmarks.architectures import report
from benchmarks.architectures import runs
from keras_bigs import errors

pytestmark = pytest.mark.without_backend


@pytest.fixture
def config(tmp_path):
    return benchmark.Config(
        "report", output=tmp_path / "runs", records=tmp_path, seeds=(0, 1)
    )


def finish(directory, steps, **options):
    """What `recipes.pretrain` leaves at the end."""
    directory.mkdir(parents=True)
    options = {"steps": steps, "learning_rate": 1e-3, **options}
    (directory / "config.json").write_text(json.dumps(options))
    (directory / "results.json").write_text(json.dumps({"val_loss": 5.25}))
    (directory / "history.csv").write_text(
        "step,tokens,learning_rate,loss,val_loss,val_accuracy\n"
        "440,1000,1e-4,7.0,6.5,0.1\n880,2000,0.0,6.0,5.25,0.2\n"
    )


def names(made):
    return [run.directory.name for run in made]


def test_what_is_recorded_is_not_made_again(config):
    config.architectures, config.learning_rates = ("BiGS", "BERT"), (1e-3, 3e-3)
    everything = ["bigs-0.001", "bert-0.001", "bigs-0.003", "bert-0.003"]
    assert names(runs.search(config)) == everything
    for name in everything:
        finish(config.output / "search" / name, config.search_steps)
    # Not of as many updates: not of this comparison.
    finish(config.output / "search" / "bigs-0.01", 5)
    assert all(run.is_finished for run in runs.search(config))
    report.write(config)
    assert runs.search(config) == []
    assert set(records.searched(config.records).values()) == {5.25}
    assert ("BiGS", 0.01) not in records.searched(config.records)

    assert names(runs.train(config)) == [
        *("bigs-seed0", "bert-seed0", "bigs-seed1", "bert-seed1")
    ]
    finish(config.output / "train" / "bigs-seed1", config.steps)
    report.write(config)
    assert names(runs.train(config)) == ["bigs-seed0", "bert-seed0", "bert-seed1"]
    (run,) = records.trained(config.records).items()
    assert run[0] == ("BiGS", 1)
    assert [epoch["val_loss"] for epoch in run[1]] == [6.5, 5.25]
    assert {epoch["learning_rate"] for epoch in run[1]} == {1e-3}


def test_the_rate_of_the_least_loss_is_taken(config):
    losses = {("BiGS", 1e-3): 5.6, ("BiGS", 3e-3): 5.3, ("BERT", 1e-3): 6.5}
    assert runs.best_rates(losses) == {"BiGS": 3e-3, "BERT": 1e-3}
    with pytest.raises(errors.ConfigError, match="No short run of BERT, .* `search`"):
        runs.train(config)


def test_each_measure_is_taken_once(config):
    """One that is recorded says nothing of the others; one that diverged is none."""
    finish(config.output / "train" / "bigs-seed0", config.steps)
    measures = ["linzen", "agreement", "cola", "sst2"]
    assert names(runs.evaluate(config)) == measures
    evaluated = config.output / "evaluate" / "bigs-seed0"
    (evaluated / "agreement").mkdir(parents=True)
    groups = {"0": {"all": {"accuracy": 0.5}}, "4": {"all": {"accuracy": 0.25}}}
    (evaluated / "agreement" / "results.json").write_text(
        json.dumps({"models": {"BiGS": groups}})
    )
    rows = [{"settings": {"task": "cola"}, "result": {"diverged": "NaN"}}]
    (evaluated / "cola").mkdir()
    (evaluated / "cola" / "ledger.jsonl").write_text(
        "".join(json.dumps(row) + "\n" for row in rows)
    )
    report.write(config)
    assert records.scored(config.records) == {
        ("BiGS", 0, "agreement 0"): 0.5,
        ("BiGS", 0, "agreement 4"): 0.25,
    }
    assert names(runs.evaluate(config)) == ["linzen", "cola", "sst2"]


def test_tokens_to_a_loss_lie_on_the_line_between_evaluations():
    history = [{"tokens": 100, "val_loss": 6.0}, {"tokens": 200, "val_loss": 5.0}]
    assert report.tokens_to(history, 5.25) == 175
    assert report.tokens_to(history, 6.5) == 100
    assert report.tokens_to(history, 4.0) is None
    assert report.spread([1.0, 2.0, 3.0], 1) == "2.0 ± 1.0"


def test_a_run_that_fails_ends_the_others(config, monkeypatch):
    config.output.mkdir()
    script = config.output / "script.py"
    script.write_text(
        "import sys, time\ntime.sleep(int(sys.argv[1]))\nsys.exit(int(sys.argv[2]))"
    )
    made = [
        runs.Run(config.output / name, "none", ("script", *arguments))
        for name, arguments in (("long", ("60", "0")), ("failing", ("0", "3")))
    ]
    monkeypatch.setattr(runs, "search", lambda config: made)
    monkeypatch.setenv("PYTHONPATH", str(config.output))
    config = dataclasses.replace(config, action="search", jobs=2)
    with pytest.raises(errors.ConfigError, match="script 0 3 failed"):
        benchmark.main(config)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"jobs": 0}, "--jobs 0"),
        ({"architectures": ("RNN",)}, "--architectures RNN: choose among"),
        ({"steps": 5, "records": benchmark.HERE}, "--steps: .* another folder"),
    ],
)
def test_options_that_do_not_go_together(config, options, message):
    with pytest.raises(errors.ConfigError, match=message):
        benchmark.main(dataclasses.replace(config, **options))


def test_the_records_are_of_this_comparison():
    """They are read, and are of the architectures that are named."""
    here = pathlib.Path(benchmark.HERE)
    named = set(runs.ARCHITECTURES)
    assert {name for name, _ in records.searched(here)} <= named
    histories = records.trained(here)
    assert histories and {name for name, _ in histories} <= named
    for history in histories.values():
        assert history[-1]["step"] == benchmark.Config.steps
