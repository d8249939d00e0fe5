"""Masked LM loss against downstream accuracy (paper, section 7.2, Figure 5)."""

import dataclasses
import itertools
import math
from typing import NamedTuple

from rich.table import Table

from keras_bigs.data.glue.tasks import GLUE_TASKS
from keras_bigs.training.benchmarks.glue import glue_grid
from keras_bigs.training.benchmarks.ledger import summarize
from keras_bigs.training.figures import figure
from keras_bigs.training.figures import legend_below

# Devlin et al. 2019, table 6, BERTs of six sizes: perplexity of the masked LM on
# held-out text, and accuracy on development sets. (Their text and vocabulary are others
# than those of a run here.)
BERT_PERPLEXITIES = (5.84, 5.24, 4.68, 3.99, 3.54, 3.23)
BERT_SCORES = {
    "mnli": (77.9, 80.6, 81.9, 84.4, 85.7, 86.6),
    "sst2": (88.4, 90.7, 91.3, 92.9, 93.3, 93.7),
}


class TransferPoint(NamedTuple):
    """What a checkpoint of a pretraining run is worth downstream.

    Attributes:
        step: the updates of pretraining done.
        tokens: the tokens of pretraining, padding not counted.
        loss: the masked LM loss on held-out text, in nats.
        mean: the mean score over seeds of fine-tuning, from 0 to 1.
        deviation: that of a sample; 0 for a single seed.
        scores: the score of each seed. Runs that diverged have none.
        diverged: the number of those.
    """

    step: int
    tokens: int
    loss: float
    mean: float
    deviation: float
    scores: tuple[float, ...]
    diverged: int = 0


def transfer(checkpoints, directory, task, data, encoder, options):
    """Fine-tunes from checkpoints of a pretraining run, on a task of GLUE.

    Killed and called again with the same arguments, it goes on; nothing is computed
    twice.

    Args:
        checkpoints: list of `RunCheckpoint`, see
            `keras_bigs.training.checkpoints_as_presets`.
        directory: gets `ledger.jsonl` with all results.
        task: the name of the task, in `keras_bigs.data.glue.GLUE_TASKS`.
        data: what `keras_bigs.training.benchmarks.load_glue` returns.
        encoder: `EncoderConfig`; its `model` is that of each checkpoint in turn.
        options: list of `FineTuningConfig`, one a seed.

    Returns:
        A list of `TransferPoint`, in the order of `checkpoints`. One from which all
        runs diverged is left out, and a line is printed that says so.
    """
    points = []
    for checkpoint in checkpoints:
        start = dataclasses.replace(encoder, model=str(checkpoint.preset))
        rows = glue_grid(directory, task, data, start, options)
        summaries = summarize(rows, GLUE_TASKS[task].paper_metric)
        if not summaries:
            print(f"{checkpoint.preset}: all {len(rows)} runs from it diverged.")
        for summary in summaries:
            points.append(
                TransferPoint(
                    checkpoint.step,
                    checkpoint.tokens,
                    checkpoint.loss,
                    summary["mean"],
                    summary["deviation"],
                    tuple(summary["scores"]),
                    summary["diverged"],
                )
            )
    return points


def transfer_table(points, task):
    """The scores of all checkpoints.

    Args:
        points: lists of `TransferPoint` by the name of the run.
        task: the name of the task.

    Returns:
        `rich.table.Table`, of losses in nats and scores in percent.
    """
    table = Table("run", "step", "million tokens", "masked LM loss", f"{task}, %")
    for name, run in points.items():
        for point in run:
            table.add_row(
                name,
                f"{point.step:,}",
                f"{point.tokens / 1e6:.1f}",
                f"{point.loss:.3f}",
                f"{100 * point.mean:.1f} ± {100 * point.deviation:.1f}"
                + (f" ({point.diverged} diverged)" if point.diverged else ""),
            )
    return table


def plot_transfer(paths, points, task):
    """Draws the score by the masked LM loss, one line a run, training to the right.

    Args:
        paths: the pictures, as for `keras_bigs.training.figure`.
        points: lists of `TransferPoint` by the name of the run.
        task: the name of the task. For those that Devlin et al. (2019) have, their
            BERTs of six sizes are drawn too, as in the paper.

    Raises:
        ImportError: there is no Matplotlib.
    """
    metric = GLUE_TASKS[task].paper_metric
    with figure(*paths, figsize=(6, 4.5)) as axes:
        for (name, run), marker in zip(points.items(), itertools.cycle("osD^v<>")):
            axes.errorbar(
                [point.loss for point in run],
                [100 * point.mean for point in run],
                yerr=[100 * point.deviation for point in run],
                marker=marker,
                capsize=3,
                label=name,
            )
        if task in BERT_SCORES:
            losses = [math.log(perplexity) for perplexity in BERT_PERPLEXITIES]
            label = "BERT of six sizes (Devlin et al. 2019)"
            axes.plot(losses, BERT_SCORES[task], ":", marker="*", label=label)
        axes.invert_xaxis()
        axes.set(
            xlabel="masked LM loss on held-out text (nats)",
            ylabel=f"{task}, development set: {metric} (%)",
        )
        axes.grid(alpha=0.3)
        legend_below(axes)
