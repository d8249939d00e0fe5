"""Imports point one way, and private ones stay in one room; see CONTRIBUTING.md."""

import pathlib
import re
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


def test_private_imports_are_in_compat():
    root = pathlib.Path(__file__).parents[1]
    for folder in ("keras_bigs", "recipes", "benchmarks"):
        for path in (root / folder).rglob("*.py"):
            if path.parent.name != "compat":
                private = re.search(r"keras(_hub)?\.src", path.read_text("utf-8"))
                assert private is None, f"{path} uses {private[0]}"
