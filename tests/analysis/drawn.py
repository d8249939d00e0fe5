"""What figures are made of, before they are closed."""

import contextlib

import pytest

from keras_bigs import training


def record(monkeypatch, module):
    """The axes of each figure that a module writes, in a list that grows."""
    pytest.importorskip("matplotlib")
    panels = []

    @contextlib.contextmanager
    def figure(*paths, **kwargs):
        with training.figure(*paths, **kwargs) as axes:
            yield axes
            panels.append(axes)

    monkeypatch.setattr(module, "figure", figure)
    return panels
