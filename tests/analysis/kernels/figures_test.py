"""Figures and tables have what the arrays have."""

import csv

import numpy as np
import pytest

from keras_bigs import analysis
from keras_bigs.analysis.kernels import figures as kernel_figures
from keras_bigs.errors import ConfigError
from tests.analysis.drawn import record

pytestmark = pytest.mark.without_backend

# One layer: forward and backward.
TAPS = np.array([[[2.0, -4.0, 1.0, 0.0], [-1.0, 3.0, 5.0, 2.0]]])
LONG = np.zeros((3, 2, 40))
LONG[..., 0] = 1
LONG[1, :, 30] = 1  # the one that reaches farthest


@pytest.fixture
def drawn(monkeypatch):
    """The panels of each figure, when it is written."""
    return record(monkeypatch, kernel_figures)


def both(path):
    return [path / "figure.png", path / "figure.svg"]


def check(paths):
    png, svg = paths
    assert png.read_bytes().startswith(b"\x89PNG")
    assert b"<svg" in svg.read_bytes()


def test_kernel_map(tmp_path, drawn):
    several = np.stack([TAPS, TAPS[:, ::-1]], axis=2)
    kernels = {"one": TAPS, "two": several}
    analysis.plot_kernel_map(both(tmp_path), kernels, radius=2)
    check(both(tmp_path))
    panels = drawn[0][0]
    images = [panel.images[0] for panel in panels]
    np.testing.assert_allclose(images[0].get_array(), [[0.25, 1.0, 0.5]])
    np.testing.assert_allclose(images[1].get_array(), [[0.0, 0.5, 1.0]])
    # A row a kernel, each pixel around its relative position.
    expected = [[0.25, 1.0, 0.5], [1.0, 0.5, 0.0]]
    np.testing.assert_allclose(images[2].get_array(), expected)
    assert images[0].get_extent()[:2] == [-2.5, 0.5]
    assert images[1].get_extent()[:2] == [-0.5, 2.5]
    labels = [[t.get_text() for t in panel.get_yticklabels()] for panel in panels]
    assert labels[0] == ["0"] and labels[2] == ["0.0", "0.1"]
    # Rows of models beside each other are level.
    assert len({panel.get_ylim() for panel in panels}) == 1


def test_lines_of_kernels(tmp_path, drawn):
    analysis.plot_kernels(both(tmp_path), {"a": TAPS, "b": LONG}, number=2)
    check(both(tmp_path))
    panels = drawn[0]
    line = panels[0, 0].lines[0]
    np.testing.assert_array_equal(line.get_xdata(), [-3, -2, -1, 0, 0, 1, 2, 3])
    np.testing.assert_array_equal(line.get_ydata(), [0, 1, -4, 2, -1, 3, 5, 2])
    titles = [panel.get_title() for panel in panels[:, 1]]
    assert titles == ["b, layer 0", "b, layer 1"]
    # Up to 10 tokens, and as far as the kernel goes.
    assert panels[0, 1].lines[0].get_xdata().max() == 10
    assert panels[1, 1].lines[0].get_xdata().max() == 30


def test_lines_of_change(tmp_path, drawn):
    kernels = {"before": LONG, "after": 2 * LONG}
    analysis.plot_kernel_change(both(tmp_path), kernels, [1, 0])
    check(both(tmp_path))
    first, second = drawn[0][:, 0]
    assert (first.get_title(), second.get_title()) == ("layer 1", "layer 0")
    before, after = first.lines[:2]
    assert before.get_color() != after.get_color()
    np.testing.assert_array_equal(after.get_ydata(), 2 * before.get_ydata())
    labels = [text.get_text() for text in first.get_legend().get_texts()]
    assert labels == ["before", "after"]
    with pytest.raises(ConfigError, match="as many layers"):
        analysis.plot_kernel_change([], {"before": LONG, "after": TAPS}, [0])


def rows_of(table):
    """The words of each row, cell by cell."""
    cells = (column.cells for column in table.columns)
    return [[cell.split() for cell in row] for row in zip(*cells, strict=True)]


def test_tables():
    """Models of different depths side by side."""
    summaries = {
        name: analysis.kernel_summary(taps, np.full((len(taps), 2, 1), 2.5))
        for name, taps in {"a": TAPS, "b": LONG}.items()
    }
    rows = rows_of(analysis.kernel_table(summaries))
    assert len(rows) == 6
    numbers = [["2", "3", "1.7", "2.5"], ["0", "0", "0.0", "2.5"]]
    assert rows[1] == [["0"], ["backward"], *numbers]
    assert rows[2] == [["1"], ["forward"], [], ["0", "30", "15.0", "2.5"]]

    after = LONG.copy()
    after[2, 1, 5] = 2
    change = analysis.kernel_change(LONG, after)
    rows = rows_of(analysis.kernel_change_table(LONG, after, change, [2, 0]))
    assert [row[0] for row in rows] == [["2"], ["0"]]
    assert rows[0][1:] == [["0.0%"], ["0"], ["0"], ["200.0%"], ["0"], ["5"]]


def test_file_of_taps(tmp_path):
    several = np.stack([TAPS, 2 * TAPS], axis=2).astype("float32")
    path = tmp_path / "kernels.csv"
    analysis.write_kernels(path, {"a": TAPS, "b": several})
    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 8 + 16
    found = {
        tuple(row[name] for name in ("model", "direction", "kernel", "position")): row
        for row in rows
    }
    assert float(found["a", "forward", "0", "-1"]["tap"]) == -4
    assert float(found["b", "backward", "1", "2"]["tap"]) == 10
