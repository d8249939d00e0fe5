"""Scores of many runs as a table and a picture, beside the paper's."""

from rich.table import Table

from keras_bigs.training.figures import figure


def score_table(title, groups, columns=()):
    """A table of means over seeds, one row a setting.

    Args:
        title: of the table.
        groups: dict of lists of `summarize`d groups, by the name of a score.
        columns: dict of the paper's scores, in percent, by the name of a score; by
            the name of a column.

    Returns:
        `rich.table.Table`: score, setting, mean ± deviation (number of runs), best, and
        the paper's values.
    """
    table = Table(title=title)
    for name in ("score", "mean ± deviation", "runs", "best", "setting"):
        table.add_column(name)
    for name in columns:
        table.add_column(name, justify="right")
    for name, rows in groups.items():
        for row in rows:
            paper = (columns[column].get(name) for column in columns)
            table.add_row(
                name,
                f"{100 * row['mean']:.1f} ± {100 * row['deviation']:.1f}",
                f"{len(row['scores'])}"
                + (f" ({row['diverged']} diverged)" if row["diverged"] else ""),
                f"{100 * row['best']:.1f}",
                setting_name(row["settings"]),
                *("" if value is None else f"{value:.1f}" for value in paper),
            )
    return table


def setting_name(settings):
    """The options of a grid in short, as in the names of its directories."""
    return (
        f"lr{settings['learning_rate']:g}-wd{settings['weight_decay']:g}"
        f"-bs{settings['batch_size']}-ep{settings['epochs']}"
    )


def plot_scores(path, groups, columns=()):
    """Draws the scores of all runs of the best setting, beside the paper's.

    Args:
        path: the picture.
        groups, columns: as for `score_table`.

    Raises:
        ImportError: there is no Matplotlib.
    """
    with figure(path, figsize=(1.2 * len(groups) + 4, 4)) as axes:
        for i, rows in enumerate(groups.values()):
            scores = [100 * score for score in rows[0]["scores"]]
            axes.plot([i] * len(scores), scores, "o", color="C0", alpha=0.4)
            axes.plot([i], [100 * rows[0]["mean"]], "_", color="C0", markersize=24)
        for number, (column, values) in enumerate(columns.items(), 1):
            places = [i for i, name in enumerate(groups) if name in values]
            axes.plot(
                [i + 0.12 * number for i in places],
                [values[name] for name in groups if name in values],
                "x",
                color=f"C{number}",
                label=column,
            )
        axes.set_xticks(range(len(groups)), list(groups))
        axes.set(ylabel="score (%): runs and their mean", xlim=(-0.5, len(groups)))
        axes.grid(axis="y", alpha=0.3)
        if columns:
            axes.figure.legend(loc="outside right upper")
