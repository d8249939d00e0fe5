"""Two ways to call functions for every chunk of a corpus.

A runner is called with a `Job` and is a context: `with runner(job) as for_each`. Then
`for_each(function, numbers, description)` returns when `function(job, number)` has run
for all numbers. `function` must be picklable and leaves its results in files.
"""

import contextlib
import functools
import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
from collections.abc import Callable
from concurrent import futures

from rich.progress import track

from keras_bigs.data.corpus.interruption import raise_if_interrupted
from keras_bigs.errors import ConfigError
from keras_bigs.errors import DataError
from keras_bigs.errors import needs_extra

# What a process must have to do to be worth its start, which takes about two seconds.
BYTES_PER_PROCESS = 8 * 2**20


def local_runner(processes: int | None = None) -> Callable:
    """A runner on the cores of this machine, with a progress bar.

    It starts worker processes once, if there is enough text for more than one.

    Args:
        processes: int. The most worker processes; by default one for each core that
            this process may use. 1 runs in this process.

    The runner raises `DataError` if a worker process is killed.
    """

    if processes is not None and processes < 1:
        raise ConfigError(f"`processes` must be at least 1. Received: {processes}")

    @contextlib.contextmanager
    def runner(job):
        num_bytes = sum(chunk.num_bytes for chunk in job.chunks)
        workers = min(
            processes or _cores(), len(job.chunks), num_bytes // BYTES_PER_PROCESS
        )
        if workers > 1:
            with _pool(job, workers) as for_each:
                yield for_each
            return

        def for_each(function, numbers, description):
            for number in track(numbers, description):
                raise_if_interrupted()
                function(job, number)

        yield for_each

    return runner


@contextlib.contextmanager
def _pool(job, workers):
    """Worker processes that have the job, and end with this process or an error."""
    # TensorFlow, which a source may need, does not survive a fork.
    context = multiprocessing.get_context("spawn")
    others = set(multiprocessing.active_children())
    executor = futures.ProcessPoolExecutor(workers, context, _start_worker, (job,))

    def for_each(function, numbers, description):
        with _blocked_signals():
            pending = [executor.submit(_call, function, number) for number in numbers]
        done = futures.as_completed(pending)
        for future in track(done, description, total=len(pending)):
            raise_if_interrupted()
            future.result()

    try:
        yield for_each
        executor.shutdown()
    except BaseException as error:
        executor.shutdown(wait=False, cancel_futures=True)
        for worker in set(multiprocessing.active_children()) - others:
            worker.kill()
        if isinstance(error, futures.BrokenExecutor):
            raise DataError(
                f"One of {workers} worker processes was killed, probably for lack of "
                "memory. Run the same command again with fewer `processes`: it goes "
                "on, and shards that are made are kept. Or name another directory and "
                "smaller `chunk_bytes`."
            ) from error
        raise


@contextlib.contextmanager
def _blocked_signals():
    """Keeps signals from workers that start here, also before they run any Python.

    A terminal's Ctrl-C, and a scheduler's SIGTERM, go to all processes. They are for
    this one, which gets them when it leaves the context, and ends its workers.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start_worker(job):
    global _job
    _job = job
    parent = multiprocessing.parent_process().sentinel
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(sentinel):
    """In a worker process: it does not outlive the one that started it."""
    multiprocessing.connection.wait([sentinel])
    os._exit(1)


def _call(function, number):
    """In a worker process: it has the job, which is sent once only."""
    function(_job, number)


def _cores():
    """How many cores this process may use, or has, where only that is known."""
    if hasattr(os, "sched_getaffinity"):  # on Linux
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def beam_runner(options=None) -> Callable:
    """A runner inside Apache Beam; all workers need the same file system.

    Args:
        options: `apache_beam.options.pipeline_options.PipelineOptions`, or a list of
            its flags, such as `["--runner=DirectRunner"]`.

    Raises:
        ImportError: Apache Beam is not installed.
    """
    with needs_extra("beam"):
        import apache_beam as beam
        from apache_beam.options.pipeline_options import PipelineOptions
    if not isinstance(options, PipelineOptions):
        options = PipelineOptions(options or [])

    @contextlib.contextmanager
    def runner(job):
        def for_each(function, numbers, description):
            with beam.Pipeline(options=options) as pipeline:
                _ = (
                    pipeline
                    | "Chunks" >> beam.Create(numbers)
                    | "Spread" >> beam.Reshuffle()
                    | description >> beam.Map(functools.partial(function, job))
                )

        yield for_each

    return runner
