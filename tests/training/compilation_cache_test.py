"""Compiled programs that the next process finds."""

import os
import subprocess
import sys

import keras
import pytest

from keras_bigs import training

PROGRAM = """
import jax
from keras_bigs.training import use_compilation_cache

use_compilation_cache()
use_compilation_cache()
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
events = []
jax.monitoring.register_event_listener(lambda name, **kwargs: events.append(name))
jax.jit(lambda x: x @ x + 1)(jax.numpy.ones((8, 8)))
print(events.count("/jax/compilation_cache/cache_hits") > 0)
"""


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="JAX compiles")
def test_the_next_process_reads_what_this_one_compiled(tmp_path):
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    del environment["JAX_COMPILATION_CACHE_DIR"]
    outputs = [
        subprocess.run(
            [sys.executable, "-c", PROGRAM],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for _ in range(2)
    ]
    directory = tmp_path / "keras_bigs/jax"
    said = f"Compiled programs are kept in {directory} (not with "
    for output, is_found in zip(outputs, ("False", "True"), strict=True):
        first, last = output.splitlines()
        assert first.startswith(said)  # once
        assert last == is_found
    assert list(directory.iterdir())


@pytest.mark.skipif(keras.backend.backend() == "jax", reason="JAX has a cache")
def test_other_backends_have_none():
    assert training.use_compilation_cache() is None
