"""One process, several and Apache Beam; and how the work ends before it is done."""

import contextlib
import dataclasses
import multiprocessing
import os
import pathlib
import re
import resource
import runpy
import signal
import subprocess
import sys
import time

import pytest

from keras_bigs.data.corpus import runners
from keras_bigs.data.corpus.interruption import explain_interruptions
from keras_bigs.data.corpus.job import has_shards
from keras_bigs.data.corpus.job import hold
from keras_bigs.errors import ConfigError
from keras_bigs.errors import DataError
from keras_bigs.errors import PreemptedError
from tests.data.corpus.preparing import VOCABULARY
from tests.data.corpus.preparing import digests
from tests.data.corpus.preparing import plan
from tests.data.corpus.preparing import prepare

pytestmark = pytest.mark.without_backend


def test_processes_make_the_same_bytes(tmp_path, source, monkeypatch):
    prepare(tmp_path / "one", [source])
    monkeypatch.setattr(runners, "BYTES_PER_PROCESS", 1000)
    prepare(tmp_path / "two", [source], runner=runners.local_runner(2))
    assert digests(tmp_path / "one") == digests(tmp_path / "two")


def process_id(job, number):
    path = pathlib.Path(job.directory) / f"{number}.pid"
    path.write_text(f"{os.getpid()} {len(job.chunks)}")


def kill(job, number):
    os.kill(os.getpid(), signal.SIGKILL)


def test_processes_start_once_and_get_the_job_once(tmp_path, source, monkeypatch):
    """Not for each chunk, or time would be quadratic in the number of chunks."""
    monkeypatch.setattr(runners, "BYTES_PER_PROCESS", 1000)
    job = plan(tmp_path, [source], chunk_bytes=200)
    pickled = []
    monkeypatch.setattr(
        type(job),
        "__reduce__",
        lambda self: pickled.append(1) or (Work, (str(tmp_path),)),
    )
    with runners.local_runner(2)(job) as for_each:
        processes = set()
        for numbers in (range(9), range(9, 30)):
            for_each(process_id, numbers, "Once")
            processes |= set(multiprocessing.active_children())
    assert len(pickled) == len(processes) == 2
    ids = {(tmp_path / f"{i}.pid").read_text() for i in range(30)}
    assert ids <= {f"{process.pid} 0" for process in processes}


@dataclasses.dataclass
class Work:
    """What is sent in place of a job."""

    directory: str
    chunks = ()


def test_little_text_is_not_worth_a_process(tmp_path, source):
    job = plan(tmp_path, [source], chunk_bytes=200)
    with runners.local_runner(2)(job) as for_each:
        for_each(process_id, [0], "Here")
    assert (tmp_path / "0.pid").read_text().split()[0] == str(os.getpid())


def test_a_killed_worker_is_explained(tmp_path, source, monkeypatch):
    """As Linux kills one for lack of memory."""
    monkeypatch.setattr(runners, "BYTES_PER_PROCESS", 1000)
    job = plan(tmp_path, [source])
    with (
        pytest.raises(DataError, match="One of 2 worker .* fewer `processes`"),
        runners.local_runner(2)(job) as for_each,
    ):
        for_each(kill, range(3), "Killed")


def test_cores_where_only_their_count_is_known(monkeypatch, tmp_path, source):
    """As on macOS."""
    monkeypatch.setattr(runners, "BYTES_PER_PROCESS", 1000)
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    done, job = [], plan(tmp_path, [source])
    with runners.local_runner()(job) as for_each:
        for_each(lambda job, number: done.append(number), [3, 4], "In this process")
    assert done == [3, 4]


@pytest.mark.slow  # for Apache Beam to start
def test_beam_makes_the_same_bytes(tmp_path, source):
    pytest.importorskip("apache_beam")
    prepare(tmp_path / "local", [source])
    flags = ["--runner=DirectRunner", "--direct_num_workers=1"]
    prepare(tmp_path / "beam", [source], runner=runners.beam_runner(flags))
    assert digests(tmp_path / "local") == digests(tmp_path / "beam")


def test_the_recipe_needs_beam_first(tmp_path, source, monkeypatch):
    """Before a vocabulary is learnt."""
    monkeypatch.setitem(sys.modules, "apache_beam", None)
    options = ["--output", str(tmp_path / "shards"), "--beam", "runner=DirectRunner"]
    monkeypatch.setattr("sys.argv", ["prepare", source, *options])
    with pytest.raises(SystemExit, match=r"error: .*pip install '.\[beam\]'"):
        runpy.run_module("recipes.prepare", run_name="__main__")
    assert not (tmp_path / "shards").exists()


def test_the_recipe_tells_errors_of_files(tmp_path, source, monkeypatch):
    """A file in place of a folder: a line, no traceback."""
    output = f"{source}/shards"
    monkeypatch.setattr("sys.argv", ["prepare", source, "--output", output])
    with pytest.raises(SystemExit, match="error: .*Not a directory"):
        runpy.run_module("recipes.prepare", run_name="__main__")


def lines(output):
    """Of what a command printed, without the bars of its progress."""
    return [
        line
        for line in output.splitlines()
        if line.strip() and not line.startswith(("Deduplicating", "Making shards"))
    ]


def start(directory, source, *options, limit=-1):
    """The recipe, on a text that takes a while, in a process group of its own."""
    text = pathlib.Path(source).read_text() + "\n\n"
    path = pathlib.Path(source).with_name("long.txt")
    path.write_text("".join(f"Part {i}. {text}" for i in range(2500)))
    command = [*(sys.executable, "-m", "recipes.prepare", path), "--output", directory]
    command += ["--vocabulary", directory.parent / "pieces.txt", *options]
    (directory.parent / "pieces.txt").write_text("\n".join(VOCABULARY))
    return subprocess.Popen(
        [*map(str, command), "--chunk_bytes", "1000000"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, -1)),
    )


def test_an_interruption_whose_error_is_lost(tmp_path, source):
    """As Python does where a signal comes while it collects garbage."""
    job, done = plan(tmp_path / "shards", [source]), []

    def work(job, number):
        done.append(number)
        with contextlib.suppress(PreemptedError):
            signal.raise_signal(signal.SIGINT)

    with (
        pytest.raises(PreemptedError),
        explain_interruptions(),
        runners.local_runner(1)(job) as for_each,
    ):
        for_each(work, range(3), "Working")
    assert done == [0]
    with explain_interruptions(), runners.local_runner(1)(job) as for_each:
        for_each(lambda job, number: None, range(3), "Working again")


@pytest.mark.parametrize("processes", ["1", "2"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_is_one_line(tmp_path, source, processes, number):
    """To all processes of a terminal or of a scheduler's job."""
    process = start(tmp_path / "shards", source, "--processes", processes)
    while not list((tmp_path / "shards").glob("train-*.hdf5")):
        assert process.poll() is None, process.stdout.read()
        time.sleep(0.05)
    os.killpg(process.pid, number)
    output = process.communicate(timeout=60)[0]
    assert process.returncode == 128 + number, output
    (line,) = lines(output)
    assert line.endswith("run the same command again to go on.")


@pytest.mark.parametrize("processes", ["1", "2"])
def test_a_full_disk_is_one_line(tmp_path, source, processes):
    """A limit on the size of a file stands for it."""
    process = start(tmp_path / "shards", source, "--processes", processes, limit=10**5)
    output = process.communicate(timeout=60)[0]
    assert process.returncode == 1
    (line,) = lines(output)
    assert re.search("shards: File too large. .* run the same command again", line)
    assert not list((tmp_path / "shards").glob(".*.hdf5"))


def test_what_was_half_written_is_removed(tmp_path, source):
    """It is no data, and no reason to refuse the directory to other texts."""
    shards = tmp_path / "shards"
    for name in (
        ".0123456789ab.train-00-00000.hdf5",
        "parts/.0123456789ab.kept-00000.npz",
    ):
        (shards / name).parent.mkdir(parents=True, exist_ok=True)
        (shards / name).write_bytes(b"half")
    (shards / ".mine").touch()
    assert not has_shards(shards)
    with hold(shards):
        prepare(shards, [source])
        with (
            pytest.raises(ConfigError, match="is being written by process"),
            hold(shards),
        ):
            pass
    assert {path.name for path in shards.rglob(".*")} == {".mine", ".lock"}
