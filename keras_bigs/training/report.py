"""What a pretraining run says of itself: a table, a picture and TensorBoard's log."""

import csv

import tensorflow as tf
from matplotlib import pyplot as plt

from keras_bigs import files


def in_updates(history, accumulation_steps):
    """The history with steps counted in updates instead of batches."""
    return [{**e, "step": e["step"] // accumulation_steps} for e in history]


def report(history, directory, tokens_per_step):
    """Writes `history.csv`, `loss.png` and TensorBoard's log of the last epoch."""
    with (
        files.atomic_write(directory / "history.csv") as temporary,
        open(temporary, "w", encoding="utf-8", newline="") as file,
    ):
        writer = csv.DictWriter(file, list(history[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(history)
    plot({directory.name: (history, tokens_per_step)}, directory / "loss.png")
    writer = tf.summary.create_file_writer(str(directory / "tensorboard"))
    with writer.as_default(step=history[-1]["step"]):
        for name, value in history[-1].items():
            tf.summary.scalar(name, value)
    writer.close()


def plot(runs, path):
    """Loss curves of runs: training dotted, validation solid.

    `runs` are the history and the tokens of a step, by name.
    """
    figure, axes = plt.subplots(figsize=(9, 5), layout="constrained")
    for i, (name, (history, tokens_per_step)) in enumerate(runs.items()):
        millions = [epoch["step"] * tokens_per_step / 1e6 for epoch in history]
        for key, style, label in (
            ("loss", ":", f"{name}, training"),
            ("val_loss", "-", f"{name}, validation"),
        ):
            if key in history[0]:
                losses = [epoch[key] for epoch in history]
                axes.plot(millions, losses, style, color=f"C{i}", label=label)
    axes.set(xlabel="million tokens", ylabel="masked LM loss (nats)")
    axes.grid(alpha=0.3)
    figure.legend(loc="outside right upper")
    with files.atomic_write(path) as temporary:
        figure.savefig(temporary, dpi=150)
    plt.close(figure)
