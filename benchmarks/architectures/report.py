"""Tables, curves and a figure of what came of all runs."""

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.architectures import records
from benchmarks.architectures import runs
from keras_bigs import files
from keras_bigs.training.figures import figure
from keras_bigs.training.tables import markdown

LOSSES = (6.5, 6.0, 5.5, 5.0, 4.75, 4.5, 4.25, 4.0)
"""Held-out losses, in nats, to which tokens are counted."""
ATTRACTORS = "01234"


def write(config):
    """Adds finished runs to the records, and shows all of them.

    Writes `loss.svg` beside the records, and the tables as Markdown into `report.md` in
    `config.output`.
    """
    losses = runs.search_losses(config)
    histories, scores = runs.train_histories(config), runs.scores(config)
    records.write(config.records, losses, histories, scores)
    tables = [search_table(losses)]
    if histories:
        tables += [loss_table(histories), token_table(histories)]
        plot_losses(config.records / "loss.svg", histories)
    if scores:
        tables.append(score_table(scores))
    console = Console(width=120)
    for table in tables:
        console.print(table)
    files.write_text(config.output / "report.md", "\n".join(map(markdown, tables)))
    console.print(f"Wrote {config.output / 'report.md'} and {config.records}")


def search_table(losses):
    """Held-out loss by learning rate."""
    rates = sorted({rate for _, rate in losses})
    table = Table("architecture", *(f"{rate:g}" for rate in rates))
    table.title = "Held-out loss of short runs, nats, by learning rate"
    for name in runs.ARCHITECTURES:
        found = (losses.get((name, rate)) for rate in rates)
        table.add_row(name, *("" if loss is None else f"{loss:.3f}" for loss in found))
    return table


def loss_table(histories):
    """Where each architecture ended."""
    columns = ("learning rate", "runs", "million tokens", "loss", "accuracy, %")
    table = Table("architecture", *columns)
    table.title = "Held-out text, mean ± deviation over seeds"
    for name, own in by_architecture(histories).items():
        last = [history[-1] for history in own]
        table.add_row(
            name,
            " ".join(sorted({f"{epoch['learning_rate']:g}" for epoch in last})),
            str(len(last)),
            f"{np.mean([epoch['tokens'] for epoch in last]) / 1e6:.1f}",
            spread([epoch["val_loss"] for epoch in last], 3),
            spread([100 * epoch["val_accuracy"] for epoch in last], 1),
        )
    return table


def token_table(histories):
    """Tokens until a held-out loss was reached."""
    table = Table("architecture", *(f"{loss:g}" for loss in LOSSES))
    table.title = "Million tokens to a held-out loss, mean ± deviation over seeds"
    for name, own in by_architecture(histories).items():
        cells = []
        for loss in LOSSES:
            tokens = [tokens_to(history, loss) for history in own]
            missing = None in tokens
            cells.append("" if missing else spread([t / 1e6 for t in tokens], 1))
        table.add_row(name, *cells)
    return table


def score_table(scores):
    """Agreement by attractors and fine-tuned classifiers."""
    measures = [f"{kind} {n}" for kind in ("agreement", "linzen") for n in ATTRACTORS]
    measures += list(records.METRICS)
    table = Table("measure", *runs.ARCHITECTURES)
    table.title = "Agreement by attractors, CoLA (Matthews), SST-2 (accuracy), %"
    for measure in measures:
        cells = []
        for name in runs.ARCHITECTURES:
            own = [s for (n, _, m), s in scores.items() if (n, m) == (name, measure)]
            cells.append(spread([100 * score for score in own], 1) if own else "")
        table.add_row(measure, *cells)
    return table


def by_architecture(histories):
    """Histories of all seeds by architecture, in the order of `ARCHITECTURES`."""
    groups = {
        name: [history for (n, _), history in sorted(histories.items()) if n == name]
        for name in runs.ARCHITECTURES
    }
    return {name: group for name, group in groups.items() if group}


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
    """Mean ± deviation; of one value that alone."""
    mean = f"{np.mean(values):.{digits}f}"
    if len(values) == 1:
        return mean
    return f"{mean} ± {np.std(values, ddof=1):.{digits}f}"


def plot_losses(path, histories):
    """Held-out loss by tokens: the mean over seeds, and a band from least to most."""
    with figure(path, figsize=(7, 4.5)) as axes:
        for i, (name, own) in enumerate(by_architecture(histories).items()):
            losses = np.array([[epoch["val_loss"] for epoch in h] for h in own])
            millions = [epoch["tokens"] / 1e6 for epoch in own[0]]
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
