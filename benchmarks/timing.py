"""Interleaved timing: on a machine whose speed wanders only ratios mean anything."""

import datetime
import importlib.metadata
import os
import pathlib
import platform
import re
import time

import numpy as np
from rich.console import Console
from rich.progress import track


def interleave(functions, repeats):
    """Times functions in turn, round after round.

    Args:
        functions: dict from name to a function that returns when its work is done.
            Each is called once before, to compile.
        repeats: int. The number of rounds.

    Returns:
        `(first, times)`: seconds of the first call, which compiles, and `(repeats,)`
        arrays of seconds, both by name. Entry `i` of all arrays comes from one round.
    """
    first, times = {}, {name: [] for name in functions}
    for name, function in progress(functions.items(), "compiling"):
        start = time.perf_counter()
        function()
        first[name] = time.perf_counter() - start
    for _ in progress(range(repeats), "timing"):
        for name, function in functions.items():
            start = time.perf_counter()
            function()
            times[name].append(time.perf_counter() - start)
    return first, {name: np.array(t) for name, t in times.items()}


def median_ratio(times, name, reference):
    """The median over rounds of one side's time over the other's."""
    return float(np.median(times[name] / times[reference]))


def progress(steps, description):
    """The steps, with a progress bar on the standard error."""
    return track(steps, description, console=Console(stderr=True))


def peak_memory():
    """The most memory that this process ever held, in MiB, from Linux's `/proc`.

    `resource.getrusage` would count the memory of the process that started this one.
    """
    status = pathlib.Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) / 1024


def environment():
    """One line of date, machine and versions for the head of a table."""
    packages = ("keras", "keras-hub", "jax", "tensorflow", "torch")
    versions = []
    for package in packages:
        try:
            versions.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    date = datetime.date.today().isoformat()
    cores = f"{os.cpu_count()} cores of {platform.machine()}"
    return ", ".join([date, cores, f"Python {platform.python_version()}", *versions])
