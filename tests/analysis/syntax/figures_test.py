"""Figures of minimal pairs: what is in them."""

import numpy as np
import pytest

from keras_bigs import analysis
from keras_bigs.analysis.syntax import figures
from tests.analysis.drawn import record
from tests.analysis.syntax.tables_test import PAPER
from tests.analysis.syntax.tables_test import RESULTS

pytestmark = pytest.mark.without_backend


@pytest.fixture
def drawn(monkeypatch):
    """The axes of each figure."""
    return record(monkeypatch, figures)


def points(axes):
    """Of each line with error bars: its name, points, and the ends of the bars."""
    for container in axes.containers:
        line, _, (bars,) = container
        yield container.get_label(), line.get_xydata(), np.array(bars.get_segments())


def test_dots(tmp_path, drawn):
    paths = [tmp_path / "a.png", tmp_path / "a.svg"]
    analysis.plot_pairs(paths, RESULTS, "title", PAPER)
    assert paths[0].read_bytes().startswith(b"\x89PNG")
    assert b"<svg" in paths[1].read_bytes()
    left, right = drawn[0]
    (name, mini, bars), (_, other, _) = points(left)
    # No dot where there are no pairs.
    assert name == "mini" and len(mini) == 1 and mini[0][0] == pytest.approx(90)
    np.testing.assert_allclose(bars[0, :, 0], [59.6, 98.2], atol=0.05)
    np.testing.assert_allclose(other[:, 0], [25, 100])
    # The second model is below the first, and both near the place of their group.
    assert 0 > mini[0][1] > -0.5 and 0 < other[0][1] < 0.5
    ((_, all_pairs, _), _) = points(right)
    np.testing.assert_allclose(all_pairs[:, 0], [75, 0])
    assert [label.get_text() for label in left.get_yticklabels()] == ["1", "2"]
    (paper,) = (line for line in left.lines if line.get_label() == "BiGS (paper)")
    np.testing.assert_allclose(paper.get_xydata(), [[88.6, 0]])


def test_attractors(tmp_path, drawn):
    analysis.plot_attractors([tmp_path / "a.png"], RESULTS, "title")
    left, right = drawn[0]
    (_, mini, _), (_, other, bars) = points(left)
    np.testing.assert_allclose(mini[:, 1], [90])
    np.testing.assert_allclose(other[:, 1], [25, 100])
    np.testing.assert_allclose(other[:, 0], [1, 2], atol=0.1)
    np.testing.assert_allclose(bars[0, :, 1], [11.2, 46.9], atol=0.05)
    assert list(left.get_xticks()) == [1, 2]
    assert [len(line) for _, line, _ in points(right)] == [2, 2]
