"""Imports point one way, as DESIGN.md's house is built."""

import pathlib
import subprocess
import sys

import pytest

pytestmark = pytest.mark.without_backend


def test_import_direction():
    root = pathlib.Path(__file__).parents[1]
    command = pathlib.Path(sys.executable).with_name("lint-imports")
    result = subprocess.run(
        [command, "--no-cache"], cwd=root, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stdout + result.stderr
