"""What a pretraining run says of itself: a table, a picture and TensorBoard's log."""

import csv

from keras_bigs import files
from keras_bigs.training.figures import figure


def report(history, directory):
    """Writes `history.csv`, `loss.png` and TensorBoard's log of the last epoch.

    Without Matplotlib and TensorBoard (`pip install '.[plot]'`) there is the
    table only, which is said after the first epoch.

    Args:
        history: list of dicts of numbers, one an epoch, each with `step` and `tokens`.
        directory: a path.
    """
    write_table(history, directory / "history.csv")
    try:
        plot({directory.name: history}, directory / "loss.png")
        log(history[-1], directory / "tensorboard")
    except ImportError:
        if len(history) == 1:
            print(
                "\nThe only report is history.csv. For loss.png and TensorBoard: "
                "pip install '.[plot]'"
            )


def write_table(history, path):
    """Writes a history as CSV: a line an epoch, a column for each of its numbers."""
    with (
        files.atomic_write(path) as temporary,
        open(temporary, "w", encoding="utf-8", newline="") as file,
    ):
        writer = csv.DictWriter(file, list(history[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(history)


def log(epoch, directory):
    """Appends the numbers of an epoch to a log that TensorBoard shows."""
    import tensorboard  # noqa: F401  TensorFlow's own error is no ImportError
    import tensorflow as tf

    with files.adding_to(directory) as local:
        writer = tf.summary.create_file_writer(str(local))
        with writer.as_default(step=epoch["step"]):
            for name, value in epoch.items():
                tf.summary.scalar(name, value)
        writer.close()


def read_history(directory):
    """The history that a run has written.

    Args:
        directory: a path.

    Returns:
        As for `report`; empty before the first epoch, and for runs of version 0.1,
        which did not count tokens without padding.
    """
    path = directory / "history.csv"
    if not path.exists():
        return []
    rows = csv.DictReader(path.read_text(encoding="utf-8").splitlines())
    history = [{k: float(v) for k, v in row.items()} for row in rows]
    return [epoch for epoch in history if "tokens" in epoch]


def plot(histories, path):
    """Draws loss curves of runs by tokens: training dotted, validation solid.

    Args:
        histories: dict of histories by the name of the run, see `report`.
        path: the picture.
    """
    with figure(path, figsize=(9, 5)) as axes:
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
            xlabel="million tokens (padding not counted)",
            ylabel="masked LM loss (nats)",
        )
        axes.grid(alpha=0.3)
        axes.figure.legend(loc="outside right upper")
