"""Memory that was freed, given back to the system.

By default glibc (seen with 2.36) learns from the first large arrays that are freed to
keep the later ones, and the holes that they leave: converting `large` then peaks at 4.2
times the checkpoint instead of 2.1. May go when it does not.
"""

import ctypes
import os

M_MMAP_THRESHOLD = -3


def return_freed_memory():
    """Has glibc give every freed array back to the system at once.

    Does nothing where the C library has no `mallopt`.
    """
    mallopt = (
        getattr(ctypes.CDLL(None), "mallopt", None) if os.name == "posix" else None
    )
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, 2**20)
