"""Figures of CoLA by length and by phenomenon (paper, Figures 7 and 9)."""

import numpy as np

from keras_bigs.training.figures import figure
from keras_bigs.training.figures import legend_below

SIGNIFICANT = 0.05
_STAR = "* differs from {}: adjusted p below {}"


def plot_matthews_by_length(paths, rows, overall):
    """Draws Matthews' correlation by length with 95% intervals (paper, Figure 7).

    Dashed lines are of all sentences. A star is over a model that differs from the
    first significantly.

    Args:
        paths: the pictures, as for `keras_bigs.training.figure`.
        rows: what `matthews_by_length` returns.
        overall: `GroupScores` of all sentences.

    Raises:
        ImportError: there is no Matplotlib.

    Example:
    ```python
    labels = np.array([0, 0, 1, 1] * 9)
    models = {"BiGS": labels, "BERT": np.array([0, 1, 1, 1] * 9)}
    features = {"all": np.ones(36, bool), "Question": np.arange(36) < 20}
    rows = keras_bigs.analysis.matthews_by_feature(labels, models, features)
    keras_bigs.analysis.plot_matthews_by_length(["cola.png"], rows[1:], rows[0])
    ```
    """
    models = list(overall.scores)
    with figure(*paths, figsize=(7, 4.2)) as axes:
        for i, name in enumerate(models):
            scores = [row.scores[name] for row in rows]
            places = np.arange(len(rows)) + 0.1 * (i - (len(models) - 1) / 2)
            axes.errorbar(
                places,
                [100 * score.matthews for score in scores],
                yerr=_errors(scores),
                color=f"C{i}",
                marker="osD^v<>"[i % 7],
                linestyle="none",
                capsize=3,
                label=f"{name}: {_percent(overall.scores[name].matthews)} on all",
            )
            axes.axhline(
                100 * overall.scores[name].matthews, color=f"C{i}", linestyle="--"
            )
            for place, score in zip(places, scores, strict=True):
                if score.adjusted < SIGNIFICANT:
                    axes.annotate(
                        "*",
                        (place, 100 * score.high),
                        ha="center",
                        color=f"C{i}",
                        fontsize=16,
                    )
        labels = [f"{row.name}\n({row.sentences})" for row in rows]
        axes.set_xticks(range(len(rows)), labels)
        xlabel = "words of a sentence (sentences)"
        if len(models) > 1:
            xlabel += f"\n{_STAR.format(models[0], SIGNIFICANT)}"
        axes.set(xlabel=xlabel, ylabel="Matthews' correlation (%)")
        axes.margins(y=0.12)
        axes.grid(axis="y", alpha=0.3)
        legend_below(axes)


def plot_matthews_by_feature(paths, rows, overall):
    """Draws Matthews' correlation by feature with 95% intervals (paper, Figure 9).

    Horizontal bars, those of all models together for each feature. Dashed lines are of
    all sentences. A star is beside a model that differs from the first significantly.

    Args:
        paths: the pictures, as for `keras_bigs.training.figure`.
        rows: what `matthews_by_feature` returns.
        overall: `GroupScores` of all sentences.

    Raises:
        ImportError: there is no Matplotlib.

    Example:
    ```python
    labels = np.array([0, 0, 1, 1] * 9)
    models = {"BiGS": labels, "BERT": np.array([0, 1, 1, 1] * 9)}
    features = {"all": np.ones(36, bool), "Question": np.arange(36) < 20}
    rows = keras_bigs.analysis.matthews_by_feature(labels, models, features)
    keras_bigs.analysis.plot_matthews_by_feature(["cola.png"], rows[1:], rows[0])
    ```
    """
    models = list(overall.scores)
    height = 0.8 / len(models)
    size = (7, 1.5 + len(rows) * (0.1 + 0.1 * len(models)))
    with figure(*paths, figsize=size) as axes:
        for i, name in enumerate(models):
            scores = [row.scores[name] for row in rows]
            places = np.arange(len(rows)) + height * (i - (len(models) - 1) / 2)
            axes.barh(
                places,
                [100 * score.matthews for score in scores],
                height,
                xerr=_errors(scores),
                color=f"C{i}",
                error_kw={"elinewidth": 0.8},
                label=f"{name}: {_percent(overall.scores[name].matthews)} on all",
            )
            axes.axvline(
                100 * overall.scores[name].matthews, color=f"C{i}", linestyle="--"
            )
            for place, score in zip(places, scores, strict=True):
                if score.adjusted < SIGNIFICANT:
                    axes.annotate(
                        " *", (100 * score.high, place), va="center", color=f"C{i}"
                    )
        for place, row in enumerate(rows):
            if np.isnan(row.scores[models[0]].matthews):
                axes.text(0.5, place, "undefined: all have one label", va="center")
        labels = [f"{row.name} ({row.sentences})" for row in rows]
        axes.set_yticks(range(len(rows)), labels)
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.axvline(0, color="black", linewidth=0.8)
        xlabel = "Matthews' correlation (%)"
        if len(models) > 1:
            xlabel += f"\n{_STAR.format(models[0], SIGNIFICANT)}"
        axes.set(xlabel=xlabel, ylabel="feature (sentences that have it)")
        axes.grid(axis="x", alpha=0.3)
        axes.figure.legend(loc="outside upper center", ncols=3)


def _errors(scores):
    """Below and above the mean. (That of draws may be beyond their interval.)"""
    below = [100 * (score.matthews - score.low) for score in scores]
    above = [100 * (score.high - score.matthews) for score in scores]
    return np.maximum([below, above], 0)


def _percent(score):
    return "undefined" if np.isnan(score) else f"{100 * score:.1f}"
