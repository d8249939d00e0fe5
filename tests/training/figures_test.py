"""Figures that Matplotlib draws."""

import pathlib

import pytest

from keras_bigs.training.figures import figure
from keras_bigs.training.figures import pictures


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
