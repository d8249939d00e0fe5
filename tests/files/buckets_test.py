"""Buckets: what is written appears whole, is copied when it changes, has one owner."""

import os
import pathlib
import subprocess
import sys

import pytest

from keras_bigs import files
from keras_bigs.errors import ConfigError
from tests.bucket import bucket

pytestmark = pytest.mark.without_backend

ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture(scope="module")
def run():
    """Runs code with `files` and the location of a bucket; returns what it printed."""
    with bucket() as (location, environment):

        def run(code, wait=True, **variables):
            code = f"from keras_bigs import files\nbucket = {location!r}\n{code}"
            process = subprocess.Popen(
                [sys.executable, "-c", code],
                cwd=ROOT,
                env=os.environ | environment | variables,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            if not wait:
                return process
            output, errors = process.communicate(timeout=120)
            assert process.returncode == 0, errors
            return output

        yield run


def test_a_directory_is_written_and_copied(run, tmp_path):
    code = """
directory = files.as_path(bucket) / "preset"
print(files.is_whole(directory))
with files.atomic_write(directory) as temporary:
    (temporary / "assets").mkdir(parents=True)
    (temporary / "assets" / "a.txt").write_text("one")
    (temporary / "b.bin").write_bytes(bytes(1000))
print(files.is_whole(directory), files.sha256(directory / "b.bin"))
copy = files.local_copy(directory)
print(sorted(str(path.relative_to(copy)) for path in copy.rglob("*")))
before = (copy / "b.bin").stat().st_ino
files.write_text(directory / "assets" / "a.txt", "three")
files.write_text(directory / "c.txt", "new")
(files.as_path(str(directory)) / "b.bin").unlink()
copy = files.local_copy(str(directory))
print((copy / "assets" / "a.txt").read_text(), sorted(p.name for p in copy.iterdir()))
with files.adding_to(bucket + "/logs") as local:
    (local / "events").write_text("1")
with files.adding_to(bucket + "/logs") as local:
    (local / "more").write_text("2")
print(sorted(path.name for path in files.as_path(bucket + "/logs").iterdir()))
print(files.local_copy(bucket + "/logs/more").read_text())
try:
    with files.atomic_write(directory / "d.txt") as temporary:
        temporary.write_text("half")
        raise RuntimeError
except RuntimeError:
    print((directory / "d.txt").exists())
"""
    assert run(code, XDG_CACHE_HOME=str(tmp_path)).splitlines() == [
        "False",
        # From `head -c 1000 /dev/zero | sha256sum`.
        "True 541b3e9daa09b20bf85fa273e5cbd3e80185aa4ec298e765db87742b70138a53",
        "['assets', 'assets/a.txt', 'b.bin']",
        "three ['assets', 'c.txt']",
        "['events', 'more']",
        "2",
        "False",
    ]
    copy = tmp_path / "keras_bigs" / "buckets" / "bucket" / "preset"
    assert (copy / "c.txt").read_text() == "new"


def test_a_file_that_has_not_changed_is_not_copied_again(run, tmp_path):
    code = """
files.write_text(bucket + "/same/a.txt", "same")
times = [files.local_copy(bucket + "/same").joinpath("a.txt").stat().st_ctime_ns
         for _ in range(2)]
print(times[0] == times[1])
"""
    assert run(code, XDG_CACHE_HOME=str(tmp_path)) == "True\n"


CLAIM = """
directory = bucket + "/claimed"
def claim(results=True, **options):
    try:
        files.claim(directory, options, lambda: results)
        print("claimed")
    except Exception as error:
        print(error)
claim(steps=1)
claim(steps=1)
claim(steps=2)
claim(results=False, steps=2)
files.write_text(bucket + "/other/file", "")
directory = bucket + "/other"
claim()
"""


def test_a_claim(run):
    first, second, third, fourth, fifth = run(CLAIM).splitlines()
    assert [first, second, fourth] == ["claimed"] * 3
    assert third.startswith("--output gs://bucket/claimed has results of other options")
    assert fifth.startswith("--output gs://bucket/other is not empty")


LOCK = """
import sys, time
from keras_bigs.files import locks
locks.INTERVAL = 0.5
try:
    with files.lock(bucket + "/run"):
        print("held", flush=True)
        time.sleep({seconds})
except Exception as error:
    print(error)
print((files.as_path(bucket) / "run" / ".lock").exists())
"""


def test_one_process_holds_a_directory(run):
    """Until it ends; one that was killed, until others have seen that it is silent."""
    first = run(LOCK.format(seconds=60), wait=False)
    assert first.stdout.readline() == "held\n"
    waiting, refused, exists = run(LOCK.format(seconds=0)).splitlines()
    assert f"whether process {first.pid} on" in waiting
    assert refused.startswith(
        f"--output gs://bucket/run is being written by process {first.pid} on"
    )
    assert exists == "True"
    first.kill()
    first.wait()
    waiting, held, exists = run(LOCK.format(seconds=0)).splitlines()
    assert f"whether process {first.pid} on" in waiting
    assert (held, exists) == ("held", "False")


def test_of_two_that_start_at_once_one_has_it(run):
    both = [run(LOCK.format(seconds=4), wait=False) for _ in range(2)]
    outputs = [process.communicate(timeout=60)[0] for process in both]
    assert sum("held" in output for output in outputs) == 1
    assert sum("is being written by" in output for output in outputs) == 1


def test_what_knows_no_buckets_says_so():
    """A path that another library has made of the location has one slash."""
    with pytest.raises(ConfigError, match="gs://bucket/run: buckets are known to"):
        files.atomic_write(pathlib.Path("gs://bucket/run")).__enter__()
