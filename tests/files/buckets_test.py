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


def test_copies_are_known_by_where_they_come_from(monkeypatch, tmp_path):
    """So that work goes on on a machine whose caches are elsewhere."""
    for home in (tmp_path / "a", tmp_path / "b"):
        monkeypatch.setenv("XDG_CACHE_HOME", str(home))
        copy = files.cache_directory("buckets") / "bucket" / "preset"
        assert files.location_of(copy) == "gs://bucket/preset"
        options = {"model": [f"BiGS={copy},{copy}"], "steps": 3, "data": copy}
        files.claim(tmp_path / "run", options, lambda: True)
    with pytest.raises(ConfigError, match="other options or data: data"):
        files.claim(tmp_path / "run", options | {"data": tmp_path}, lambda: True)


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
from keras_bigs.files import leases
leases.INTERVAL = {interval}
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
    first = run(LOCK.format(seconds=60, interval=2), wait=False)
    assert first.stdout.readline() == "held\n"
    waiting, refused, exists = run(LOCK.format(seconds=0, interval=2)).splitlines()
    assert f"whether process {first.pid} on" in waiting
    assert refused.startswith(
        f"--output gs://bucket/run is being written by process {first.pid} on"
    )
    assert exists == "True"
    first.kill()
    first.wait()
    waiting, held, exists = run(LOCK.format(seconds=0, interval=2)).splitlines()
    assert f"whether process {first.pid} on" in waiting
    assert (held, exists) == ("held", "False")


def test_of_two_that_start_at_once_one_has_it(run):
    both = [run(LOCK.format(seconds=12, interval=3), wait=False) for _ in range(2)]
    outputs = [process.communicate(timeout=60)[0] for process in both]
    assert sum("held" in output for output in outputs) == 1
    assert sum("is being written by" in output for output in outputs) == 1


TAKEN = """
import time
from keras_bigs.files import leases
leases.INTERVAL = 0.2
lock = files.as_path(bucket) / "taken" / ".lock"
try:
    with files.lock(bucket + "/taken"):
        lock.write_text('{"owner": "another", "token": "x", "count": 7}')
        time.sleep(60)
except KeyboardInterrupt:
    print("interrupted", lock.read_text())
lock.write_text("process 3 on a disk")
with files.lock(bucket + "/taken"):
    print("held")
"""


def test_an_owner_that_was_taken_for_dead_is_interrupted(run):
    """And leaves the lock to the new owner. One copied from a disk is nobody's."""
    taken, interrupted, held = run(TAKEN).splitlines()
    assert taken == "gs://bucket/taken has been taken over by another."
    assert interrupted == ('interrupted {"owner": "another", "token": "x", "count": 7}')
    assert held == "held"


MIRROR = """
import pathlib, sys, time
from keras_bigs.files import leases, mirrors
leases.INTERVAL = 0.5
mirrors.INTERVAL = 0.1

def main(arguments):
    _, option, texts, model = (word.rpartition("=")[2] for word in arguments)
    print(sorted(path.name for path in pathlib.Path(texts).iterdir()), model)
    output = pathlib.Path(option)
    files.write_text(output / "best" / "step 1", "one")
    if (output / "ledger").exists():
        print((output / "ledger").read_text(), (output / "old").exists())
        (output / "old").unlink()
        (output / "best" / "step 1").unlink()
        files.write_text(output / "best" / "step 2", "two")
        (output / ".7.half").write_text("half")
    else:
        files.write_text(output / "ledger", "row")
        files.write_text(output / "old", "")
    {then}

where = files.as_path(bucket) / "mirrored"
files.write_text(bucket + "/texts/a.txt", "one")
arguments = ["--output", str(where), bucket + "/texts", "--model=BiGS=/here"]
try:
    files.on_disk(main)(arguments)
except RuntimeError:
    print("failed")
print(sorted(n for n, _ in mirrors.files_in(where)), (where / "ledger").read_text())
"""


def test_a_command_writes_into_a_bucket_by_way_of_this_machine(run, tmp_path):
    """Killed, it goes on elsewhere with what was copied; after an error all is."""
    waits = 'print("written", flush=True); time.sleep(60)'
    first = run(MIRROR.format(then=waits), wait=False, XDG_CACHE_HOME=str(tmp_path))
    local = tmp_path / "keras_bigs" / "outputs" / "bucket" / "mirrored"
    assert [first.stdout.readline() for _ in range(3)] == [
        f"gs://bucket/mirrored is written by way of {local}.\n",
        "['a.txt'] /here\n",
        "written\n",
    ]
    see = 'print((files.as_path(bucket) / "mirrored" / ".contents.json").read_text())'
    while "ledger" not in run(see):
        assert first.poll() is None
    first.kill()
    first.wait()
    elsewhere = {"XDG_CACHE_HOME": str(tmp_path / "elsewhere")}
    lines = run(MIRROR.format(then="raise RuntimeError"), **elsewhere).splitlines()
    assert lines[0].startswith("Waiting to see whether")
    names = ["best/step 2", "ledger"]
    assert lines[3:] == [
        "row True",
        "failed",
        f"{['.contents.json', *names]} row",
    ]
    # It went on elsewhere, so what only this machine has is put aside.
    (local / "more").write_text("")
    back = run(OPEN.format(then=""), XDG_CACHE_HOME=str(tmp_path)).splitlines()
    assert back[0].startswith("What only this machine had is in")
    assert back[2] == str(names)
    (aside,) = local.parent.glob("mirrored.*")
    assert (aside / "more").exists()


OPEN = """
from keras_bigs.files import leases, mirrors
leases.INTERVAL = 0.5
mirrors.INTERVAL = 100
with mirrors.mirrored(bucket + "/mirrored") as local:
    print(sorted(mirrors._files(local)))
    {then}
"""


def test_a_machine_goes_on_with_what_it_had_not_copied(run, tmp_path):
    """And what was deleted is deleted there, also if that failed at first."""
    cache = {"XDG_CACHE_HOME": str(tmp_path)}
    write = 'files.write_text(local / "a", "1"); files.write_text(local / "b", "2")'
    run(OPEN.format(then=write).replace("/mirrored", "/ahead"), **cache)
    ended = (
        'files.write_text(local / "c", "3"); (local / "a").unlink(); '
        "import os; os._exit(1)"
    )
    script = OPEN.format(then=ended).replace("/mirrored", "/ahead")
    process = run(script, wait=False, **cache)
    process.communicate(timeout=60)
    fails = (
        "from etils import epath; "
        "mirrors.as_path(bucket).__class__.unlink = lambda *_, **__: 1 / 0"
    )
    script = OPEN.format(then=fails).replace("/mirrored", "/ahead")
    process = run(script, wait=False, **cache)
    output, errors = process.communicate(timeout=60)
    assert "['b', 'c']" in output and "Cannot copy" in output
    assert "Start the same command again, on this machine" in errors
    see = """
print(sorted(name for name, _ in mirrors.files_in(files.as_path(bucket) / "ahead")))
"""
    again = run(
        OPEN.format(then="").replace("/mirrored", "/ahead") + see, **cache
    ).splitlines()
    assert again[-2:] == [
        "gs://bucket/ahead has all of it.",
        "['.contents.json', 'b', 'c']",
    ]


def test_what_others_put_there_is_kept(run, tmp_path):
    """Also where a first start ended before it had copied all of it here."""
    cache = {"XDG_CACHE_HOME": str(tmp_path)}
    put = "".join(
        f'files.write_text(bucket + "/theirs/{name}", "{name}")\n' for name in "abcd"
    )
    fails = """
real, left = mirrors.file_system(), [2]
class Failing:
    def get_file(self, *args):
        left[0] -= 1
        if left[0] < 0:
            raise OSError("the network is down")
        real.get_file(*args)
mirrors.file_system = Failing
"""
    script = OPEN.format(then="").replace("/mirrored", "/theirs")
    head, body = script.split("with ")
    process = run(put + head + fails + "with " + body, wait=False, **cache)
    assert "the network is down" in process.communicate(timeout=60)[1]
    see = """
print(sorted(name for name, _ in mirrors.files_in(files.as_path(bucket) / "theirs")))
"""
    lines = run(script + see, **cache).splitlines()
    assert str(list("abcd")) in lines
    assert lines[-1] == str([".contents.json", *"abcd"])


def test_a_new_owner_keeps_what_it_has(run, tmp_path):
    taken = (
        'files.write_text(local / "late", ""); '
        '(files.as_path(bucket) / "mine" / ".lock").write_text('
        """'{{"owner": "another", "token": "x", "count": 7}}')"""
    )
    script = OPEN.format(then=taken.format()).replace("/mirrored", "/mine")
    process = run(script, wait=False, XDG_CACHE_HOME=str(tmp_path))
    output, errors = process.communicate(timeout=60)
    assert "another process has taken it over" in output
    assert process.returncode != 0
    see = 'print((files.as_path(bucket) / "mine" / "late").exists())'
    assert run(see) == "False\n"


RECIPE = """
import subprocess, sys
command = [sys.executable, "-m", "recipes.flops", "--output", bucket + "/flops"]
subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
print(sorted(path.name for path in (files.as_path(bucket) / "flops").iterdir()))
command = [sys.executable, "-m", "recipes.prepare", "here.txt", "--beam", "--output"]
done = subprocess.run([*command, bucket + "/shards"], capture_output=True, text=True)
print(done.returncode, done.stderr.splitlines()[-1])
"""


def test_recipes_take_buckets(run, tmp_path):
    names, refused = run(RECIPE, XDG_CACHE_HOME=str(tmp_path)).splitlines()
    assert "flops.csv" in names and "config.json" in names
    assert refused.startswith("1 error: --beam: its workers read and write by")


SEEN = (
    """
import subprocess, sys
directory = bucket + "/seen"
files.write_text(directory + "/a.txt", "one")
print(files.local_copy(directory).joinpath("a.txt").read_text())
subprocess.run([sys.executable, "-c", f"""
    + "'''"
    + """
from keras_bigs import files
files.write_text("{directory}/a.txt", "three")
files.write_text("{directory}/b.txt", "new")
import fsspec
fsspec.filesystem("gcs").pipe_file("bucket/seen/", b"")
"""
    + "'''"
    + """], check=True)
copy = files.local_copy(directory)
print(sorted((path.name, path.read_text()) for path in copy.iterdir()))
try:
    files.local_copy(bucket + "/nowhere")
except Exception as error:
    print(error)
"""
)


def test_what_another_process_writes_is_seen(run, tmp_path):
    first, second, third = run(SEEN, XDG_CACHE_HOME=str(tmp_path)).splitlines()
    assert first == "one"
    assert second == "[('a.txt', 'three'), ('b.txt', 'new')]"
    assert third == "gs://bucket/nowhere does not exist, or cannot be read."


def test_what_knows_no_buckets_says_so():
    """A path that another library has made of the location has one slash."""
    with pytest.raises(
        ConfigError, match="gs://bucket/run: this option takes no bucket"
    ):
        files.atomic_write(pathlib.Path("gs://bucket/run")).__enter__()
