"""Figures that are drawn by Matplotlib, which a plain installation lacks."""

import contextlib
import functools

from keras_bigs.errors import needs_extra
from keras_bigs.files import atomic_write


@contextlib.contextmanager
def figure(*paths, **kwargs):
    """Gives the axes of a new figure, which is written when the block ends.

    Its colours can be told apart by colour-blind readers.

    Args:
        *paths: the picture, once for each format, which Matplotlib knows by the suffix.
        **kwargs: as for `matplotlib.pyplot.subplots`.

    Yields:
        `matplotlib.axes.Axes`, or an array of them for `nrows` or `ncols` above 1. The
        figure, for a legend beside them, is their `figure`.

    Raises:
        ImportError: there is no Matplotlib.

    Example:
    ```python
    with keras_bigs.training.figure("loss.png", figsize=(6, 4)) as axes:
        axes.plot([3.1, 2.4, 2.2])
    ```
    """
    with needs_extra("plot"):
        from matplotlib import pyplot as plt
        from matplotlib.legend import Legend
    # A salt, and no date, so that the same figure is the same SVG.
    options = {"svg.fonttype": "none", "svg.hashsalt": "keras_bigs"}
    with plt.style.context(["tableau-colorblind10", options]):
        figure, axes = plt.subplots(layout="constrained", **kwargs)
        try:
            yield axes
            # They have names of runs and models, which are no formulas.
            for legend in figure.findobj(Legend):
                for text in legend.get_texts():
                    text.set_parse_math(False)
            for path in paths:
                is_svg = str(path).endswith(".svg")
                with atomic_write(path) as temporary:
                    figure.savefig(
                        temporary, dpi=150, metadata={"Date": None} if is_svg else None
                    )
        finally:
            plt.close(figure)


def legend_below(axes):
    """Puts the legend of some axes below their figure, where it hides nothing.

    Args:
        axes: `matplotlib.axes.Axes`; those of a figure of several have one legend.

    Example:
    ```python
    with keras_bigs.training.figure("loss.png") as axes:
        axes.plot([3.1, 2.4, 2.2], label="BiGS")
        keras_bigs.training.legend_below(axes)
    ```
    """
    handles, labels = axes.get_legend_handles_labels()
    # In inches: a character, and the sign beside the label.
    width = 0.09 * max(map(len, labels)) + 0.7
    columns = max(1, int(axes.figure.get_figwidth() / width))
    axes.figure.legend(handles, labels, loc="outside lower center", ncols=columns)


def pictures(path):
    """A figure's paths as PNG and as SVG.

    Args:
        path: `pathlib.Path` or string, without a suffix.

    Returns:
        list of two strings, for `figure`.
    """
    return [f"{path}.{suffix}" for suffix in ("png", "svg")]


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
