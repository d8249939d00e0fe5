"""Two ways to call a function for every chunk of a corpus.

A runner is called as `runner(function, numbers, description)` and returns when
`function(number)` has run for all numbers. `function` must be picklable and leaves its
results in files.
"""

import multiprocessing
import os
from collections.abc import Callable
from concurrent import futures

from rich.progress import track

from keras_bigs.errors import DataError


def local_runner(processes: int | None = None) -> Callable:
    """A runner on the cores of this machine, with a progress bar.

    Args:
        processes: int. How many worker processes; by default one for each core that
            this process may use. 1 runs in this process.

    The runner raises `DataError` if a worker process is killed.
    """

    def run(function, numbers, description):
        workers = min(processes or _cores(), len(numbers))
        if workers == 1:
            for number in track(numbers, description):
                function(number)
            return
        # TensorFlow does not survive a fork.
        context = multiprocessing.get_context("spawn")
        with futures.ProcessPoolExecutor(workers, context) as executor:
            try:
                pending = [executor.submit(function, number) for number in numbers]
                done = futures.as_completed(pending)
                for future in track(done, description, total=len(pending)):
                    future.result()
            except futures.BrokenExecutor as error:
                raise DataError(
                    f"One of {workers} worker processes was killed, probably for lack "
                    "of memory. Run the same command with fewer `--processes`: it goes "
                    "on, and shards that are made are kept. Or name another directory "
                    "and smaller `--chunk_bytes`."
                ) from error
            except BaseException:
                executor.shutdown(wait=False, cancel_futures=True)
                raise

    return run


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
    try:
        import apache_beam as beam
        from apache_beam.options.pipeline_options import PipelineOptions
    except ImportError as error:
        raise ImportError(
            "Apache Beam is not installed: pip install 'keras-bigs[beam]'"
        ) from error
    if not isinstance(options, PipelineOptions):
        options = PipelineOptions(options or [])

    def run(function, numbers, description):
        with beam.Pipeline(options=options) as pipeline:
            _ = (
                pipeline
                | "Chunks" >> beam.Create(numbers)
                | "Spread" >> beam.Reshuffle()
                | description >> beam.Map(function)
            )

    return run
