"""The examples of docstrings run."""

import inspect
import re

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_bigs
from keras_bigs import training


@pytest.mark.parametrize("function", [training.adamw, training.resumable_fit])
def test_examples_run(function, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {"keras": keras, "keras_bigs": keras_bigs, "np": np, "tf": tf}
    (code,) = re.findall(r"```python\n(.*?)```", inspect.getdoc(function), re.DOTALL)
    exec(code, names)
    if function is training.resumable_fit:
        assert [epoch["step"] for epoch in names["history"]] == [5, 10]
        assert (tmp_path / "checkpoints" / "10").exists()
