"""Figures that Matplotlib draws."""

import pathlib

import pytest

from keras_bigs.training.figures import figure
from keras_bigs.training.figures import pictures
from keras_bigs.training.fine_tuning_report import plot_confusion_matrix


@pytest.mark.without_backend
def test_the_same_figure_is_the_same_file(tmp_path, monkeypatch):
    """At whatever time it is drawn; otherwise each drawing were a change to commit."""
    pytest.importorskip("matplotlib")
    drawings = []
    for time in ("0", "1000000000"):
        # Matplotlib's clock.
        monkeypatch.setenv("SOURCE_DATE_EPOCH", time)
        paths = pictures(tmp_path / time)
        with figure(*paths) as axes:
            axes.plot([3.1, 2.4, 2.2], label="loss")
            axes.legend()
        drawings.append([pathlib.Path(path).read_bytes() for path in paths])
    assert drawings[0] == drawings[1]


@pytest.mark.without_backend
def test_names_with_dollar_signs_are_no_formulas(tmp_path):
    """Those that are none would end the run that is drawn."""
    pytest.importorskip("matplotlib")
    names = ["$0_$9", "$10_$99"]
    path = tmp_path / "matrix.svg"
    plot_confusion_matrix(path, [0, 1, 1], [0, 1, 0], names)
    matrix = path.read_text(encoding="utf-8")
    with figure(tmp_path / "legend.svg") as axes:
        for name in names:
            axes.plot([1, 2], label=name)
        axes.figure.legend()
    legend = (tmp_path / "legend.svg").read_text(encoding="utf-8")
    for name in names:
        assert name in matrix and name in legend
