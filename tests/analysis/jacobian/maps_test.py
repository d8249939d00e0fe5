"""Maps of influence: numbers, table, file and figures."""

import csv

import numpy as np
import pytest

from keras_bigs import analysis
from keras_bigs.analysis.jacobian import figures as influence_figures
from tests.analysis.drawn import record
from tests.analysis.jacobian.influences_test import build
from tests.analysis.jacobian.influences_test import text
from tests.backend import fast_on_torch

TOKENS = list("abcde")


@fast_on_torch
def test_maps_of_ssm_and_attention():
    bigs, attention, convolution = (
        build(routing=name, num_layers=3)
        for name in ("ssm", "attention", "convolution")
    )
    maps = list(analysis.influence_maps("x", bigs, TOKENS, text(), [0, 2]))
    kinds = [(each.kind, each.part) for each in maps]
    of_influence = [("influence", f"layer {i}") for i in (0, 2)]
    of_influence.append(("influence", "encoder"))
    assert kinds == [*of_influence, ("taps", "layer 0"), ("taps", "layer 2")]
    np.testing.assert_array_equal(maps[1].matrix, analysis.influence(bigs, text(), 2))
    np.testing.assert_array_equal(maps[2].matrix, analysis.influence(bigs, text()))
    taps = analysis.routing_kernels(bigs, 5)
    np.testing.assert_array_equal(maps[4].matrix, analysis.tap_matrix(taps)[2])
    maps = list(analysis.influence_maps("x", attention, TOKENS, text(), [1]))
    assert (maps[-1].kind, maps[-1].part) == ("attention", "layer 1")
    heads = analysis.attention_maps(attention, text())
    np.testing.assert_array_equal(maps[-1].matrix, heads[1].mean(0))
    maps = list(analysis.influence_maps("x", convolution, TOKENS, text(), [1]))
    assert [each.kind for each in maps] == ["influence"] * 2


def each(model="a", kind="influence", part="encoder", matrix=((3, 1), (0, 2))):
    matrix = np.array(matrix, "float64")
    return analysis.InfluenceMap(model, kind, part, TOKENS[: len(matrix)], matrix)


@pytest.mark.without_backend
def test_measures():
    matrix = [[3, 1, 0], [0, 2, 2], [0, 0, 0]]
    shares = [[0.75, 0.25, 0], [0, 0.5, 0.5], [0, 0, 0]]
    np.testing.assert_array_equal(analysis.influence_shares(matrix), shares)
    field = analysis.influence_by_position(matrix)
    np.testing.assert_allclose(field, [0, 0, 5 / 3, 1.5, 0])
    assert analysis.mean_influence_distance(matrix) == pytest.approx(0.75 / 3)
    assert analysis.mean_influence_distance(np.ones((3, 3))) == pytest.approx(8 / 9)


@pytest.mark.without_backend
def test_summary_and_table():
    maps = [each(), each("b", part="layer 0"), each("b", matrix=np.eye(2))]
    rows = analysis.influence_summary(maps)
    assert rows[0] == {
        "model": "a",
        "kind": "influence",
        "part": "encoder",
        "own": (0.75 + 1) / 2,
        "distance": 0.125,
    }
    table = analysis.influence_table(rows)
    cells = list(zip(*(column.cells for column in table.columns), strict=True))
    assert cells == [
        ("encoder", "influence", "87.5%", "0.12", "100.0%", "0.00"),
        ("layer 0", "influence", "", "", "87.5%", "0.12"),
    ]


@pytest.mark.without_backend
def test_file(tmp_path):
    analysis.write_influence(tmp_path / "x.csv", [each(), each("b")])
    with open(tmp_path / "x.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 8
    assert rows[5] == {
        "model": "b",
        "kind": "influence",
        "part": "encoder",
        "output": "0",
        "input": "1",
        "output_token": "a",
        "input_token": "b",
        "value": "1.0",
    }


@pytest.mark.without_backend
def test_figures(tmp_path, monkeypatch):
    drawn = record(monkeypatch, influence_figures)
    maps = [
        each(part="layer 0"),
        each(),
        each(kind="taps", part="layer 0"),
        each("b", matrix=np.eye(3)),
    ]
    paths = [tmp_path / "x.png", tmp_path / "x.svg"]
    analysis.plot_influence(paths, maps)
    assert paths[0].read_bytes().startswith(b"\x89PNG")
    assert b"<svg" in paths[1].read_bytes()
    (panels,) = drawn
    assert panels.shape == (3, 2)
    for panel, expected in (
        (panels[0, 1], [[0.75, 0.25], [0, 1]]),
        (panels[2, 0], np.eye(3)),
    ):
        np.testing.assert_array_equal(panel.images[0].get_array(), expected)
    # Inputs below, once for the rows of one text; outputs at the left.
    labels = [
        [label.get_text() for label in panel.get_xticklabels()]
        for panel in panels.flat
        if panel.axison
    ]
    assert labels == [[], ["a", "b"], ["a", "b"], ["a", "b", "c"]]
    rows = [label.get_text() for label in panels[2, 0].get_yticklabels()]
    assert rows == ["a", "b", "c"]
    assert [panel.axison for panel in panels.flat] == [1, 1, 1, 0, 1, 0]

    analysis.plot_influence_by_position(paths, maps)
    lines = drawn[1].lines
    assert [line.get_label() for line in lines] == ["a", "b"]
    np.testing.assert_array_equal(lines[0].get_xdata(), [-1, 0, 1])
    np.testing.assert_array_equal(lines[0].get_ydata(), [0, 0.875, 0.25])
