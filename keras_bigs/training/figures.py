"""Figures that are drawn by Matplotlib, which a plain installation lacks."""

import contextlib
import functools

from keras_bigs.files import atomic_write


@contextlib.contextmanager
def figure(path, **kwargs):
    """Gives the axes of a new figure, which is written when the block ends.

    Args:
        path: the picture, of any format that Matplotlib knows by its suffix.
        **kwargs: as for `matplotlib.pyplot.figure`.

    Yields:
        `matplotlib.axes.Axes`. The figure, for a legend beside them, is `axes.figure`.

    Raises:
        ImportError: there is no Matplotlib.

    Example:
    ```python
    with keras_bigs.training.figure("loss.png", figsize=(6, 4)) as axes:
        axes.plot([3.1, 2.4, 2.2])
    ```
    """
    try:
        from matplotlib import pyplot as plt
    except ImportError as error:
        raise ImportError(
            "Figures are drawn by Matplotlib: pip install keras-bigs[plot]"
        ) from error
    figure, axes = plt.subplots(layout="constrained", **kwargs)
    try:
        yield axes
        with atomic_write(path) as temporary:
            figure.savefig(temporary, dpi=150)
    finally:
        plt.close(figure)


def draw(plot, *args):
    """Draws a figure where there is Matplotlib, and else says once what is missing.

    Args:
        plot: a function that raises `ImportError` without Matplotlib.
        *args: its arguments.
    """
    try:
        plot(*args)
    except ImportError as error:
        _say_once(f"No figures. {error}")


@functools.cache
def _say_once(text):
    print(text)
