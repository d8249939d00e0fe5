"""Whole or not at all."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

from keras_bigs.errors import ConfigError
from keras_bigs.files import atomic_write
from keras_bigs.files import claim
from keras_bigs.files import lock
from keras_bigs.files import require_new
from keras_bigs.files import sha256

pytestmark = pytest.mark.without_backend

ROOT = pathlib.Path(__file__).parents[2]


def test_a_file_is_replaced(tmp_path):
    path = tmp_path / "new" / "a.json"
    for text in ("first", "second"):
        with atomic_write(path) as temporary:
            assert temporary.suffix == ".json"
            temporary.write_text(text)
        assert path.read_text() == text
    assert list(path.parent.iterdir()) == [path]


def test_a_directory_is_renamed(tmp_path):
    with atomic_write(tmp_path / "a") as temporary:
        temporary.mkdir()
        (temporary / "b").write_text("c")
    assert (tmp_path / "a" / "b").read_text() == "c"
    assert list(tmp_path.iterdir()) == [tmp_path / "a"]


def test_what_cannot_be_renamed_is_kept(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "other").touch()
    with (
        pytest.raises(OSError, match="is kept in the former"),
        atomic_write(tmp_path / "a") as t,
    ):
        t.mkdir()
        (t / "b").write_text("c")
    assert (t / "b").read_text() == "c"
    with (
        pytest.raises(OSError, match=r"Cannot rename .*: No such file or directory\.$"),
        atomic_write(tmp_path / "never"),
    ):
        pass


def test_two_writers_of_one_process_number(tmp_path):
    """As in containers: neither takes the other's file for its own."""
    with atomic_write(tmp_path / "a") as one, atomic_write(tmp_path / "a") as other:
        one.write_text("one")
        other.write_text("other")
    assert (tmp_path / "a").read_text() == "one"


@pytest.mark.parametrize("directory", [False, True])
def test_an_error_leaves_what_was_there(tmp_path, directory):
    path = tmp_path / "a"
    path.write_text("before")
    with pytest.raises(RuntimeError), atomic_write(path) as temporary:
        if directory:
            temporary.mkdir()
        else:
            temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_directory_with_something_in_it_is_not_new(tmp_path):
    require_new(tmp_path / "a")
    (tmp_path / "a").mkdir()
    require_new(tmp_path / "a")
    (tmp_path / "a" / "b").touch()
    with pytest.raises(ConfigError, match="a is not empty"):
        require_new(tmp_path / "a")
    with pytest.raises(ConfigError, match="b is a file"):
        require_new(tmp_path / "a" / "b")


def test_the_hash_of_a_file_is_that_of_its_text(tmp_path):
    (tmp_path / "a").write_text("abc")
    # From FIPS 180-2, appendix B.1.
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert sha256("abc") == sha256(tmp_path / "a") == expected


def test_a_claim_binds_once_there_are_results(tmp_path):
    directory, results = tmp_path / "run", []
    options = {"steps": 3, "keep": 1}

    def begin(**changes):
        claim(directory, options | changes, lambda: bool(results), free=("keep",))

    begin()
    begin(steps=4)  # nothing made yet
    assert json.loads((directory / "config.json").read_text())["steps"] == 4
    results.append("checkpoint")
    begin(steps=4, keep=2)
    with pytest.raises(ConfigError, match="other options or data: steps;"):
        begin(steps=5)
    assert json.loads((directory / "config.json").read_text())["steps"] == 4


def test_a_claim_leaves_other_work_alone(tmp_path):
    (tmp_path / "a").touch()
    with pytest.raises(ConfigError, match="is not empty"):
        claim(tmp_path, {}, lambda: False)
    with pytest.raises(ConfigError, match="Cannot write to --output"):
        claim(tmp_path / "a", {}, lambda: False)
    for content in ("{", "[1]", "null"):
        (tmp_path / "config.json").write_text(content)
        with pytest.raises(ConfigError, match="is not empty"):
            claim(tmp_path, {"steps": 3}, lambda: True)
    # A preset, say.
    (tmp_path / "config.json").write_text('{"module": "keras_hub", "config": {}}')
    for has_results in (False, True):
        with pytest.raises(ConfigError, match="is not empty"):
            claim(tmp_path, {"steps": 3}, lambda found=has_results: found)


def test_one_process_holds_a_directory(tmp_path):
    code = (
        "import sys, time; from keras_bigs.files import lock\n"
        "with lock(sys.argv[1]): print('held', flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, cwd=ROOT, env=os.environ | {"PYTHONPATH": "."}
    ) as other:
        assert other.stdout.readline() == b"held\n"
        with (
            pytest.raises(ConfigError, match=f"written by process {other.pid} on"),
            lock(tmp_path),
        ):
            pass
        other.kill()
    # However the process ended, its lock is gone; and a claim does not mind the file.
    with lock(tmp_path):
        claim(tmp_path, {"steps": 1}, lambda: False)
