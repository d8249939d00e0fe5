"""Interleaved timing: on a machine whose speed wanders only ratios mean anything."""

import datetime
import importlib.metadata
import os
import platform
import time

import numpy as np


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
    for name, function in functions.items():
        start = time.perf_counter()
        function()
        first[name] = time.perf_counter() - start
    for _ in range(repeats):
        for name, function in functions.items():
            start = time.perf_counter()
            function()
            times[name].append(time.perf_counter() - start)
    return first, {name: np.array(t) for name, t in times.items()}


def median_ratio(times, name, reference):
    """The median over rounds of one side's time over the other's."""
    return float(np.median(times[name] / times[reference]))


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
