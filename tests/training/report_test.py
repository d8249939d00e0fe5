"""The reports of a pretraining run."""

import sys

import pytest

from keras_bigs.training import report

pytestmark = pytest.mark.without_backend
HISTORY = [
    {"step": 2, "tokens": 96, "loss": 3.5},
    {"step": 4, "tokens": 192, "loss": 3},
]


def test_table_picture_and_log(tmp_path):
    report.report(HISTORY, tmp_path)
    assert (tmp_path / "history.csv").read_text().splitlines() == [
        "step,tokens,loss",
        "2,96,3.5",
        "4,192,3",
    ]
    assert report.read_history(tmp_path) == HISTORY
    assert (tmp_path / "loss.png").read_bytes().startswith(b"\x89PNG")
    assert any((tmp_path / "tensorboard").glob("events.*"))


@pytest.mark.parametrize("missing", ["matplotlib", "tensorboard"])
def test_a_plain_installation_has_the_table(missing, tmp_path, monkeypatch, capsys):
    for name in list(sys.modules):
        if name.partition(".")[0] == missing:
            monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, missing, None)
    report.report(HISTORY[:1], tmp_path)
    report.report(HISTORY, tmp_path)
    assert len((tmp_path / "history.csv").read_text().splitlines()) == 3
    assert capsys.readouterr().out.count("The only report is history.csv") == 1


def test_runs_without_a_history(tmp_path):
    assert report.read_history(tmp_path) == []
    (tmp_path / "history.csv").write_text("step,loss\n2,3.5\n")  # of version 0.1
    assert report.read_history(tmp_path) == []
