"""Figures of QNLI by length, and with distractors (paper, section 7.2)."""

import numpy as np

from keras_bigs.training.figures import figure
from keras_bigs.training.figures import legend_below


def plot_by_length(paths, bins):
    """Draws accuracy by bins of length, with Wilson's 95% intervals.

    Args:
        paths: the pictures, as for `keras_bigs.training.figure`.
        bins: what `accuracy_by_length` returns, by the name of the model.

    Raises:
        ImportError: there is no Matplotlib.
    """
    with figure(*paths, figsize=(7, 4)) as axes:
        for i, (name, rows) in enumerate(bins.items()):
            means = np.array([100 * row["accuracy"] for row in rows])
            below = means - [100 * row["low"] for row in rows]
            above = [100 * row["high"] for row in rows] - means
            axes.errorbar(
                np.arange(len(rows)) + 0.06 * (i - (len(bins) - 1) / 2),
                means,
                yerr=np.maximum([below, above], 0),
                marker="osD^v<>"[i % 7],
                capsize=3,
                label=name,
            )
        rows = next(iter(bins.values()))
        labels = [f"{row['bin']}\n({row['examples']:,})" for row in rows]
        axes.set_xticks(range(len(rows)), labels)
        axes.axhline(50, color="grey", linestyle=":", label="chance")
        axes.set(
            xlabel="tokens of question and sentence (examples)",
            ylabel="QNLI accuracy (%)",
        )
        legend_below(axes)


def plot_distractors(paths, rows):
    """Draws accuracy by the number of distractors: runs, and their mean.

    Args:
        paths: the pictures, as for `keras_bigs.training.figure`.
        rows: those of `distractor_accuracy`.

    Raises:
        ImportError: there is no Matplotlib.
    """
    with figure(*paths, figsize=(6, 4)) as axes:
        for i, name in enumerate(dict.fromkeys(row["model"] for row in rows)):
            own = [row for row in rows if row["model"] == name]
            numbers = [row["distractors"] for row in own]
            means = [100 * row["accuracy"] for row in own]
            axes.plot(
                numbers, means, marker="osD^v<>"[i % 7], color=f"C{i}", label=name
            )
            for seed in zip(*(row["accuracies"] for row in own), strict=True):
                axes.plot(numbers, 100 * np.array(seed), color=f"C{i}", alpha=0.25)
        axes.set_xticks(sorted({row["distractors"] for row in rows}))
        axes.axhline(50, color="grey", linestyle=":", label="chance")
        axes.set(
            xlabel="distractor phrases between question and sentence",
            ylabel="QNLI accuracy (%)",
        )
        legend_below(axes)
