"""The scores on the annotated CoLA as tables, printed and written."""

import dataclasses
import json
import math
import pathlib

from rich.table import Table

from keras_bigs import files
from keras_bigs.data.tables import write_table
from keras_bigs.training.benchmarks.paper import GLUE


def cola_table(report):
    """A table of all sentences, lengths and major features, for the terminal.

    Args:
        report: `ColaReport`.

    Returns:
        `rich.table.Table`: for each group of sentences how many there are, the score of
        each model with its interval, in percent, and the adjusted p-value of each but
        the first. For an example see `cola_report`.
    """
    first, *others = report.overall.scores
    table = Table("sentences", "number", title="CoLA, Matthews' correlation, %")
    for name in (first, *others):
        table.add_column(f"{name} (95%)", justify="right")
    for name in others:
        table.add_column(f"p, {name}", justify="right")
    parts = ("", [report.overall]), (" words", report.by_length), ("", report.major)
    for what, rows in parts:
        table.add_section()
        for row in rows:
            scores = [row.scores[name] for name in (first, *others)]
            table.add_row(
                f"{row.name}{what}",
                str(row.sentences),
                *map(_interval, scores),
                *map(_p_value, scores[1:]),
            )
    notes = [f"p: of the difference from {first}, adjusted."] if others else []
    for name in others:
        number, significant = report.ahead(name)
        notes.append(
            f"{first} is above {name} in {number} of 13 phenomena, significantly in "
            f"{significant}."
        )
    bigs, bert = (GLUE[f"{name}, 11B"]["cola"] for name in ("BiGS", "BERT"))
    notes.append(
        "The paper: BiGS above BERT in 9 of 13, significantly in 2; on all sentences "
        f"{bigs} and {bert} (11B tokens)."
    )
    if report.left_out:
        notes.append(f"Left out: {report.left_out} sentences without prediction.")
    table.caption = "\n".join(notes)
    return table


def write_cola(directory, report):
    """Writes all scores as `scores.csv`, a row a group and model, and `results.json`.

    Scores are from -1 to 1; what is not defined is empty, or null.

    Args:
        directory: made if need be.
        report: `ColaReport`.

    Raises:
        OSError: the directory cannot be written.
    """
    directory = pathlib.Path(directory)
    parts = {
        "all": [report.overall],
        "length": report.by_length,
        "major feature": report.major,
        "minor feature": report.minor,
    }
    rows = [
        {
            "part": part,
            "group": row.name,
            "sentences": row.sentences,
            "acceptable": row.acceptable,
            "model": model,
            **{key: _defined(x) for key, x in dataclasses.asdict(score).items()},
        }
        for part, groups in parts.items()
        for row in groups
        for model, score in row.scores.items()
    ]
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    columns["seeds"] = [json.dumps(seeds) for seeds in columns["seeds"]]
    write_table(directory / "scores.csv", columns)
    results = {"left_out": report.left_out, "scores": rows}
    files.write_text(directory / "results.json", json.dumps(results, indent=2))


def _interval(score):
    if math.isnan(score.matthews):
        return "undefined"
    low, high = 100 * score.low, 100 * score.high
    return f"{100 * score.matthews:.1f} ({low:.0f} to {high:.0f})"


def _p_value(score):
    if math.isnan(score.adjusted):
        return "-"
    return f"{score.adjusted:.3f}" if score.adjusted >= 0.0005 else "<0.001"


def _defined(value):
    """JSON has no NaN."""
    if isinstance(value, tuple):
        return [_defined(x) for x in value]
    return None if math.isnan(value) else value
