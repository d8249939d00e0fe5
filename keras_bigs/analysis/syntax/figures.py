"""Figures of accuracies on minimal pairs, models side by side."""

import itertools
from collections.abc import Mapping

import numpy as np

from keras_bigs.analysis.agreement import draw_agreement
from keras_bigs.analysis.syntax.results import MEASURES
from keras_bigs.analysis.syntax.results import PairResult
from keras_bigs.analysis.syntax.results import groups_of
from keras_bigs.training.figures import figure
from keras_bigs.training.figures import legend_below

Results = Mapping[str, Mapping[str, PairResult]]  # by model, by group
Paper = Mapping[str, Mapping[str, float]]  # percent by column, by group


def plot_pairs(paths, results: Results, title: str, paper: Paper | None = None) -> None:
    """Draws accuracies as dots with 95% intervals, one row a group.

    On the left the pairs that differ in one word piece, beside the paper's values; on
    the right all pairs.

    Args:
        paths: the picture, once for each format.
        results, paper: as for `pair_table`.
        title: string.

    Raises:
        ImportError: there is no Matplotlib.

    Example:
    ```python
    accuracy = keras_bigs.analysis.Proportion(45, 50)
    result = keras_bigs.analysis.PairResult(masked_word=accuracy, all=accuracy)
    results, paper = {"mini": {"Simple": result}}, {"BiGS": {"Simple": 100.0}}
    keras_bigs.analysis.plot_pairs(["pairs.png"], results, "Agreement", paper)
    ```
    """
    groups = groups_of(results)
    height = 2.2 + 0.3 * len(groups)
    options = {"ncols": 2, "sharey": True, "figsize": (10, height)}
    places = np.arange(len(groups))
    # Models one above the other, so that intervals do not hide each other.
    shifts = np.linspace(-0.22, 0.22, len(results)) if len(results) > 1 else [0.0]
    with figure(*paths, **options) as panels:
        for axes, (measure, label) in zip(panels, MEASURES.items(), strict=True):
            for (name, by_group), shift in zip(results.items(), shifts, strict=True):
                _draw_dots(
                    axes,
                    places + shift,
                    [getattr(by_group[group], measure) for group in groups],
                    name,
                )
            if measure == "masked_word":
                for (name, values), marker in zip(
                    (paper or {}).items(), itertools.cycle("x+1234"), strict=False
                ):
                    known = [i for i, group in enumerate(groups) if group in values]
                    axes.plot(
                        [values[groups[i]] for i in known],
                        places[known],
                        marker,
                        color="black",
                        zorder=3,
                        label=name,
                    )
            axes.axvline(50, color="grey", linestyle=":", label="chance")
            axes.set(xlabel="accuracy (%)", xlim=(-3, 103), title=label)
            axes.grid(axis="x", alpha=0.3)
        # The first group on top.
        panels[0].set(yticks=places, yticklabels=groups, ylim=(len(groups) - 0.5, -0.5))
        panels[0].figure.suptitle(title)
        legend_below(panels[0])


def plot_attractors(paths, results: Results, title: str) -> None:
    """Draws accuracy by number of attractors, one line a model (paper, Figure 8).

    On the left the pairs that differ in one word piece, as in the paper; on the right
    all pairs.

    Args:
        paths: the picture, once for each format.
        results: as for `pair_table`, of groups that are numbers of attractors.
        title: string.

    Raises:
        ImportError: there is no Matplotlib.

    Example:
    ```python
    accuracy = keras_bigs.analysis.Proportion(45, 50)
    result = keras_bigs.analysis.PairResult(masked_word=accuracy, all=accuracy)
    results = {"mini": {"0": result, "1": result}}
    keras_bigs.analysis.plot_attractors(["attractors.png"], results, "Agreement")
    ```
    """
    with figure(*paths, ncols=2, sharey=True, figsize=(10, 4)) as panels:
        for axes, (measure, label) in zip(panels, MEASURES.items(), strict=True):
            accuracies = {
                name: {
                    int(group): getattr(result, measure)
                    for group, result in groups.items()
                }
                for name, groups in results.items()
            }
            draw_agreement(axes, accuracies)
            axes.set_title(label)
        panels[0].set_ylabel("accuracy (%)")
        panels[0].figure.suptitle(title)
        legend_below(panels[0])


def _draw_dots(axes, places, proportions, name):
    known = [i for i, proportion in enumerate(proportions) if proportion.count]
    percent = 100 * np.array([proportions[i].value for i in known])
    interval = 100 * np.array([proportions[i].interval for i in known]).reshape(-1, 2)
    axes.errorbar(
        percent,
        places[known],
        xerr=np.maximum([percent - interval[:, 0], interval[:, 1] - percent], 0),
        fmt="o",
        markersize=4,
        capsize=2,
        label=name,
    )
