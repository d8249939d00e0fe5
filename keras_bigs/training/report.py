"""What a pretraining run says of itself: a table, a picture and TensorBoard's log."""

import csv

from keras_bigs import files


def report(history, directory):
    """Writes `history.csv`, `loss.png` and TensorBoard's log of the last epoch.

    Args:
        history: list of dicts of numbers, one an epoch, each with `step` and `tokens`.
        directory: `pathlib.Path`.
    """
    import tensorflow as tf

    with (
        files.atomic_write(directory / "history.csv") as temporary,
        open(temporary, "w", encoding="utf-8", newline="") as file,
    ):
        writer = csv.DictWriter(file, list(history[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(history)
    plot({directory.name: history}, directory / "loss.png")
    writer = tf.summary.create_file_writer(str(directory / "tensorboard"))
    with writer.as_default(step=history[-1]["step"]):
        for name, value in history[-1].items():
            tf.summary.scalar(name, value)
    writer.close()


def plot(histories, path):
    """Draws loss curves of runs by tokens: training dotted, validation solid.

    Args:
        histories: dict of histories by the name of the run, see `report`.
        path: the picture.
    """
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(9, 5), layout="constrained")
    for i, (name, history) in enumerate(histories.items()):
        millions = [epoch["tokens"] / 1e6 for epoch in history]
        for key, style, label in (
            ("loss", ":", f"{name}, training"),
            ("val_loss", "-", f"{name}, validation"),
        ):
            if key in history[0]:
                losses = [epoch[key] for epoch in history]
                axes.plot(millions, losses, style, color=f"C{i}", label=label)
    axes.set(
        xlabel="million tokens (padding not counted)", ylabel="masked LM loss (nats)"
    )
    axes.grid(alpha=0.3)
    figure.legend(loc="outside right upper")
    with files.atomic_write(path) as temporary:
        figure.savefig(temporary, dpi=150)
    plt.close(figure)
