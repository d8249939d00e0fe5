"""Paths in buckets by gcsfs, whatever else is installed (etils 1.15, fsspec 2026.9)."""

import functools
import os

from keras_bigs.errors import needs_extra


@functools.cache
def bucket_paths():
    """The class of paths in buckets.

    Of its two ways to buckets etils takes TensorFlow's where that is installed. Its
    errors are not those of files, and Orbax asks gcsfs too. And gcsfs keeps what it has
    listed, so that a process would not see what others have written since it looked.

    Returns:
        `etils.epath.Path`.

    Raises:
        ImportError: gcsfs is not installed.
    """
    with needs_extra("gcs"):
        import fsspec
        import gcsfs  # noqa: F401
        from etils import epath
        from etils.epath import gpath
    os.environ["EPATH_USE_TF"] = "false"
    # Orbax has asked before, for the paths of its own.
    gpath._is_tf_installed.cache_clear()
    fsspec.config.conf.setdefault("gcs", {})["use_listings_cache"] = False
    return epath.Path
