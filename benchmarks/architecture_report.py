"""What came of the runs of `benchmarks.architectures`."""

import csv
import json

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.architecture_runs import ARCHITECTURES
from benchmarks.architecture_runs import slug
from keras_bigs import files
from keras_bigs.errors import ConfigError
from keras_bigs.training.benchmarks.tables import markdown
from keras_bigs.training.figures import figure
from keras_bigs.training.report import read_history

LOSSES = (6.5, 6.0, 5.5, 5.25, 5.0, 4.75, 4.5)
"""Held-out losses, in nats, to which tokens are counted."""


def best_rate(directory, name):
    """The learning rate of the short run with the least held-out loss.

    Args:
        directory: of the short runs.
        name: of the architecture.

    Raises:
        ConfigError: there is no finished run.
    """
    losses = search_losses(directory, name)
    if not losses:
        raise ConfigError(f"{directory} has no finished run of {name}: `search` first.")
    return min(losses, key=losses.get)


def search_losses(directory, name):
    """Held-out losses of the short runs of an architecture, by learning rate."""
    losses = {}
    for path in directory.glob(f"{slug(name)}-*/results.json"):
        rate = float(path.parent.name.removeprefix(f"{slug(name)}-"))
        losses[rate] = json.loads(path.read_text(encoding="utf-8"))["val_loss"]
    return dict(sorted(losses.items()))


def write(output):
    """Tables (`report.md`), curves (`curves.csv`) and a figure (`loss.png`)."""
    search, histories = {}, {}
    for name in ARCHITECTURES:
        search[name] = search_losses(output / "search", name)
        runs = sorted((output / "train").glob(f"{slug(name)}-seed*"))
        found = {run.name.rpartition("seed")[2]: read_history(run) for run in runs}
        histories[name] = {seed: history for seed, history in found.items() if history}
    console = Console(width=120)
    tables = [search_table(search)]
    if any(histories.values()):
        tables += [loss_table(histories), token_table(histories)]
        write_curves(output / "curves.csv", histories)
        plot_losses([output / "loss.png", output / "loss.svg"], histories)
    for table in tables:
        console.print(table)
    files.write_text(output / "report.md", "\n".join(map(markdown, tables)))
    console.print(f"Wrote {output}")


def search_table(search):
    """Held-out loss by learning rate."""
    rates = sorted({rate for losses in search.values() for rate in losses})
    table = Table("architecture", *(f"{rate:g}" for rate in rates))
    table.title = "Held-out loss of short runs, nats, by learning rate"
    for name, losses in search.items():
        cells = (f"{losses[rate]:.3f}" if rate in losses else "" for rate in rates)
        table.add_row(name, *cells)
    return table


def loss_table(histories):
    """Where each architecture ended."""
    table = Table("architecture", "runs", "million tokens", "loss", "accuracy, %")
    table.title = "Held-out text, mean ± deviation over seeds"
    for name, runs in histories.items():
        if runs:
            last = [history[-1] for history in runs.values()]
            table.add_row(
                name,
                str(len(runs)),
                f"{np.mean([epoch['tokens'] for epoch in last]) / 1e6:.1f}",
                spread([epoch["val_loss"] for epoch in last], 3),
                spread([100 * epoch["val_accuracy"] for epoch in last], 1),
            )
    return table


def token_table(histories):
    """Tokens until a held-out loss was reached."""
    table = Table("architecture", *(f"{loss:g}" for loss in LOSSES))
    table.title = "Million tokens to a held-out loss, mean ± deviation over seeds"
    for name, runs in histories.items():
        cells = []
        for loss in LOSSES:
            tokens = [tokens_to(history, loss) for history in runs.values()]
            missing = not tokens or None in tokens
            cells.append("" if missing else spread([t / 1e6 for t in tokens], 1))
        table.add_row(name, *cells)
    return table


def tokens_to(history, loss):
    """Tokens until a held-out loss was reached, between two evaluations by a line;
    `None` if it never was."""
    before = None
    for epoch in history:
        if epoch["val_loss"] <= loss:
            if before is None:
                return epoch["tokens"]
            share = (before["val_loss"] - loss) / (
                before["val_loss"] - epoch["val_loss"]
            )
            return before["tokens"] + share * (epoch["tokens"] - before["tokens"])
        before = epoch
    return None


def spread(values, digits):
    """Mean ± deviation."""
    deviation = np.std(values, ddof=1) if len(values) > 1 else 0.0
    return f"{np.mean(values):.{digits}f} ± {deviation:.{digits}f}"


def write_curves(path, histories):
    """All evaluations of all runs."""
    with (
        files.atomic_write(path) as temporary,
        open(temporary, "w", encoding="utf-8", newline="") as file,
    ):
        writer = csv.writer(file, lineterminator="\n")
        columns = ["step", "tokens", "loss", "val_loss", "val_accuracy"]
        writer.writerow(["architecture", "seed", *columns])
        for name, runs in histories.items():
            for seed, history in runs.items():
                for epoch in history:
                    cells = (f"{epoch[column]:.6g}" for column in columns)
                    writer.writerow([name, seed, *cells])


def plot_losses(paths, histories):
    """Held-out loss by tokens: the mean over seeds, and a band from least to most."""
    with figure(*paths, figsize=(7, 4.5)) as axes:
        for i, (name, runs) in enumerate(histories.items()):
            if not runs:
                continue
            length = min(map(len, runs.values()))
            losses = np.array(
                [[e["val_loss"] for e in h[:length]] for h in runs.values()]
            )
            millions = [e["tokens"] / 1e6 for e in next(iter(runs.values()))[:length]]
            axes.plot(millions, losses.mean(0), color=f"C{i}", label=name)
            axes.fill_between(
                millions, losses.min(0), losses.max(0), color=f"C{i}", alpha=0.25
            )
        axes.set(
            xlabel="million tokens (padding not counted)",
            ylabel="masked LM loss on held-out text (nats)",
        )
        axes.grid(alpha=0.3)
        axes.legend()
