"""Every command in `benchmarks/` can be asked what it does."""

import importlib
import pathlib

import numpy as np
import pytest
from rich.console import Console

import benchmarks
from benchmarks import peers
from benchmarks.peer_sides import Case

FOLDER = pathlib.Path(benchmarks.__file__).parent
NAMES = sorted(
    path.stem
    for path in FOLDER.glob("*.py")
    # That one is started by `peers`.
    if "__main__" in path.read_text("utf-8") and path.stem != "peer_sides"
)


@pytest.mark.parametrize("name", NAMES)
def test_it_can_be_imported_and_says_how_it_is_run(name):
    module = importlib.import_module(f"benchmarks.{name}")
    assert f"python -m benchmarks.{name}" in module.__doc__


@pytest.mark.without_backend
def test_a_side_may_lack_a_task(monkeypatch, capsys):
    """Then it has no row; and each task has a first call of its own."""
    seconds = {"train": 9.0, "encode": 2.0}

    class Process:
        def __init__(self, side, case):
            self.side, self.asked = side, []

        def ask(self, question):
            self.asked.append(question)
            if question in ("parameters", "memory"):
                return 1000
            if (self.side, question) == ("fnet:jax", "train"):
                return None
            is_first = self.asked.count(question) == 1
            return seconds[question] if is_first else seconds[question] / 10

        def end(self):
            pass

    monkeypatch.setattr(peers, "Process", Process)
    sides = ("fnet:jax", "hf_bert")
    config = peers.Config(
        sides=sides, references=("hf_bert",), tasks=("train", "encode"), repeats=2
    )
    case = Case(
        **{"length": 8, "batch": 2, "dtype": "float32", "dim": 8, "layers": 1},
        **{"vocabulary_size": 100, "dropout": 0.0},
    )
    times, first, facts = peers.measure(config, case)
    np.testing.assert_allclose(times["hf_bert", "train"], [0.9, 0.9])
    assert ("fnet:jax", "train") not in times
    train, encode = peers.tables(config, case, times, first, facts)
    assert len(train.rows) == 1 and len(encode.rows) == 2
    Console(width=140).print(train, encode)
    printed = capsys.readouterr().out
    assert "9.0" in printed and "2.0" in printed
