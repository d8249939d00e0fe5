"""JAX's compiled programs, kept from one process to the next."""

import functools
import pathlib

import keras

from keras_bigs.files import cache_directory


@functools.cache
def use_compilation_cache(directory=None):
    """Keeps what XLA compiles on disk, so that the next process need not (JAX only).

    Says once where that is. A program that is the same, on the same kind of device and
    in the same version of JAX, is read instead of compiled. What it computes is the
    same bit by bit. Where JAX has a directory already (`JAX_COMPILATION_CACHE_DIR`),
    that one is kept.

    Args:
        directory: where. Default: `keras_bigs/jax` in the user's directory of caches,
            `XDG_CACHE_HOME` or `~/.cache`.

    Returns:
        The directory as a `pathlib.Path`; `None` on other backends.
    """
    if keras.backend.backend() != "jax":
        return None
    import jax

    if jax.config.jax_compilation_cache_dir is None:
        if directory is None:
            directory = cache_directory("jax")
        jax.config.update("jax_compilation_cache_dir", str(directory))
    path = pathlib.Path(jax.config.jax_compilation_cache_dir)
    print(f"Compiled programs are kept in {path} (not with --no_compilation_cache).")
    return path
