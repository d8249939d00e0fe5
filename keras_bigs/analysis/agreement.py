"""Subject-verb agreement past attractors (paper, section 7.3, Figure 8)."""

import itertools
import os

import numpy as np

from keras_bigs.analysis.proportion import Proportion
from keras_bigs.models.row_prediction import predict_batches
from keras_bigs.training.figures import figure
from keras_bigs.training.figures import legend_below


def forced_choice(masked_lm, inputs, right, wrong, batch_size=256):
    """Whether a masked LM prefers the right word at the mask.

    After Goldberg (2019): the word is masked and the model's scores of its right and
    wrong form are compared.

    Args:
        masked_lm: a task that maps inputs with one `mask_positions` a row to logits
            `(batch, 1, vocabulary_size)`.
        inputs: dict of preprocessed arrays, `n` rows.
        right: `(n,)` token ids.
        wrong: `(n,)` token ids.
        batch_size: int.

    Returns:
        `(n,)` bool, true where the right form scores strictly higher.

    Example:
    ```python
    masked_lm = keras_bigs.models.BiGSMaskedLM.from_preset("bigs_mini_en_uncased")
    inputs = {
        "token_ids": np.array([[2, 9, 4, 3]]),  # [CLS] ... [MASK] [SEP]
        "segment_ids": np.zeros((1, 4), "int32"),
        "padding_mask": np.ones((1, 4), "int32"),
        "mask_positions": np.array([[2]]),
    }
    keras_bigs.analysis.forced_choice(masked_lm, inputs, right=[7], wrong=[8])
    ```
    """
    right, wrong = np.asarray(right), np.asarray(wrong)
    is_right = np.empty(len(right), bool)
    for rows, logits in predict_batches(masked_lm, inputs, batch_size):
        logits = logits[:, 0]
        own = np.arange(len(logits))
        is_right[rows] = logits[own, right[rows]] > logits[own, wrong[rows]]
    return is_right


def agreement_accuracy(correct, num_attractors):
    """Accuracy by number of attractors.

    Args:
        correct: `(n,)` bool.
        num_attractors: `(n,)` integers.

    Returns:
        dict from number of attractors to `(accuracy, count)`, ascending.

    Example:
    ```python
    keras_bigs.analysis.agreement_accuracy([True, False, True], [0, 0, 2])
    # {0: (0.5, 2), 2: (1.0, 1)}
    ```
    """
    correct, num_attractors = np.asarray(correct), np.asarray(num_attractors)
    return {
        int(k): (
            float(correct[num_attractors == k].mean()),
            int((num_attractors == k).sum()),
        )
        for k in np.unique(num_attractors)
    }


def plot_agreement(paths, accuracies, title):
    """Draws accuracy by number of attractors, one line a model, as in Figure 8.

    Bars are 95% confidence intervals of a proportion (Wilson 1927).

    Args:
        paths: the picture, or a list of it in several formats, which Matplotlib knows
            by the suffix.
        accuracies: dict from a model's name to what `agreement_accuracy` returned.
        title: string.

    Raises:
        ImportError: there is no Matplotlib.

    Example:
    ```python
    accuracies = {"BiGS": {0: (0.99, 500), 1: (0.97, 500)}}
    keras_bigs.analysis.plot_agreement("agreement.png", accuracies, "Agreement")
    ```
    """
    if isinstance(paths, str | os.PathLike):
        paths = [paths]
    with figure(*paths, figsize=(6, 4)) as axes:
        draw_agreement(
            axes,
            {
                name: {
                    attractors: Proportion(round(accuracy * count), count)
                    for attractors, (accuracy, count) in by_attractors.items()
                }
                for name, by_attractors in accuracies.items()
            },
        )
        axes.set_ylabel("accuracy (%)")
        axes.set_title(title)
        legend_below(axes)


def draw_agreement(axes, accuracies):
    """Draws the lines of `plot_agreement` on axes.

    Args:
        axes: `matplotlib.axes.Axes`.
        accuracies: dict from a model's name to a dict of `Proportion`s by number of
            attractors, of which those without any trials are left out.
    """
    ticks = set()
    # Side by side, so that intervals do not hide each other.
    shifts = 0.05 * (np.arange(len(accuracies)) - (len(accuracies) - 1) / 2)
    for (name, by_attractors), shift, marker in zip(
        accuracies.items(), shifts, itertools.cycle("osD^v<>"), strict=False
    ):
        points = {k: p for k, p in by_attractors.items() if p.count}
        percent = 100 * np.array([p.value for p in points.values()])
        interval = 100 * np.array([p.interval for p in points.values()]).reshape(-1, 2)
        axes.errorbar(
            [k + shift for k in points],
            percent,
            # Rounding could make a length of 0 negative.
            yerr=np.maximum([percent - interval[:, 0], interval[:, 1] - percent], 0),
            marker=marker,
            capsize=3,
            label=name,
        )
        ticks.update(points)
    axes.axhline(50, color="grey", linestyle=":", label="chance")
    axes.set(
        xlabel="attractors between subject and verb",
        xticks=sorted(ticks),
        ylim=(0, 103),
    )
