"""Subject-verb agreement past attractors (paper, section 7.3, Figure 8)."""

import itertools

import keras
import numpy as np

from keras_bigs.training import figure


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
    """
    # The inputs are tokenized: past the preprocessing of `Task.predict`.
    logits = keras.Model.predict(masked_lm, inputs, batch_size=batch_size, verbose=0)
    logits = keras.ops.convert_to_numpy(logits)[:, 0].astype("float32")
    rows = np.arange(len(logits))
    return logits[rows, right] > logits[rows, wrong]


def agreement_accuracy(correct, num_attractors):
    """Accuracy by number of attractors.

    Args:
        correct: `(n,)` bool.
        num_attractors: `(n,)` integers.

    Returns:
        dict from number of attractors to `(accuracy, count)`, ascending.
    """
    correct, num_attractors = np.asarray(correct), np.asarray(num_attractors)
    return {
        int(k): (
            float(correct[num_attractors == k].mean()),
            int((num_attractors == k).sum()),
        )
        for k in np.unique(num_attractors)
    }


def plot_agreement(path, accuracies, title):
    """Draws accuracy by number of attractors, one line a model, as a PNG.

    Bars show the 95% interval of a proportion (normal approximation).

    Args:
        path: the picture.
        accuracies: dict from a model's name to what `agreement_accuracy` returned.
        title: string.

    Raises:
        ImportError: there is no Matplotlib.
    """
    with figure(path, figsize=(6, 4)) as axes:
        for (name, by_attractors), marker in zip(
            accuracies.items(), itertools.cycle("osD^v<>"), strict=False
        ):
            attractors = list(by_attractors)
            accuracy = np.array([a for a, _ in by_attractors.values()])
            count = np.array([n for _, n in by_attractors.values()])
            axes.errorbar(
                attractors,
                100 * accuracy,
                yerr=196 * np.sqrt(accuracy * (1 - accuracy) / count),
                marker=marker,
                capsize=3,
                label=name,
            )
        axes.axhline(50, color="grey", linestyle=":", label="chance")
        axes.set(
            xlabel="attractors between subject and verb",
            ylabel="accuracy (%)",
            xticks=attractors,
            ylim=(0, 103),
            title=title,
        )
        axes.legend(loc="lower left")
