"""Tables of accuracies on minimal pairs, models side by side."""

import json
from collections.abc import Mapping
from collections.abc import Sequence

from rich.table import Table

from keras_bigs import files
from keras_bigs.analysis.syntax.results import MEASURES
from keras_bigs.analysis.syntax.results import PairResult
from keras_bigs.analysis.syntax.results import groups_of
from keras_bigs.analysis.syntax.results import total_result
from keras_bigs.analysis.syntax.score import LEFT_OUT
from keras_bigs.analysis.syntax.score import PairScore
from keras_bigs.data.syntax import MinimalPair
from keras_bigs.data.tables import write_table

Results = Mapping[str, Mapping[str, PairResult]]  # by model, by group
Paper = Mapping[str, Mapping[str, float]]  # percent by column, by group

_ALL_GROUPS = "All groups"


def pair_table(title: str, results: Results, paper: Paper | None = None) -> Table:
    """A table of accuracies in percent, one row a group.

    First how many pairs there are. Then three columns for each model: accuracy on the
    pairs that differ in one word piece, the share of scored pairs that are so, and
    accuracy on all scored pairs, with 95% intervals. Then the paper's values, which are
    comparable to the first of the three.

    Args:
        title: of the table.
        results: dict by the name of a model of what `pair_results` returns.
        paper: dict by the name of a column of percents by group.

    Example:
    ```python
    accuracy = keras_bigs.analysis.Proportion(45, 50)
    result = keras_bigs.analysis.PairResult(masked_word=accuracy, all=accuracy)
    keras_bigs.analysis.pair_table("Table 5", {"mini": {"Simple": result}})
    ```
    """
    paper = paper or {}
    table = Table(title=title)
    table.add_column("group", no_wrap=True)
    table.add_column("pairs", justify="right")
    for name in results:
        for label in ("one piece", "of pairs", "all pairs"):
            table.add_column(f"{name}\n{label}", justify="right")
    for name in paper:
        table.add_column(name, justify="right")
    totals = {name: total_result(groups) for name, groups in results.items()}
    groups = groups_of(results)
    for group in (*groups, _ALL_GROUPS) if len(groups) > 1 else groups:
        cells = []
        for name, by_group in results.items():
            result = totals[name] if group == _ALL_GROUPS else by_group[group]
            count = result.all.count + sum(result.left_out.values())
            share = "-" if result.coverage is None else f"{result.coverage:.0%}"
            cells += [_percent(result.masked_word), share, _percent(result.all)]
        values = (column.get(group) for column in paper.values())
        cells += ["" if value is None else f"{value:.1f}" for value in values]
        table.add_row(group, f"{count:,}", *cells)
    return table


def left_out_table(results: Results) -> Table | None:
    """How many pairs of how many were not scored, by model and reason.

    Args:
        results: as for `pair_table`.

    Returns:
        A table; `None` where all pairs were scored.

    Example:
    ```python
    accuracy = keras_bigs.analysis.Proportion(45, 50)
    result = keras_bigs.analysis.PairResult(accuracy, accuracy, {"too long": 2})
    keras_bigs.analysis.left_out_table({"mini": {"Simple": result}})
    ```
    """
    totals = {name: total_result(groups) for name, groups in results.items()}
    if not any(result.left_out for result in totals.values()):
        return None
    table = Table("model", *LEFT_OUT, "scored", title="Pairs left out")
    for name, result in totals.items():
        counts = (f"{result.left_out.get(reason, 0):,}" for reason in LEFT_OUT)
        table.add_row(name, *counts, f"{result.all.count:,}")
    return table


def write_pairs(
    directory,
    results: Results,
    pairs: Sequence[MinimalPair],
    scores: Mapping[str, Sequence[PairScore]],
    paper: Paper | None = None,
) -> None:
    """Writes `results.json`, `results.csv` and `left_out.csv` into a directory.

    The CSV has a row for each model, group and measure, and one for each value of the
    paper; `left_out.csv` one for each pair that a model did not score.

    Args:
        directory: `pathlib.Path`.
        results: as for `pair_table`.
        pairs: `MinimalPair`s.
        scores: the `PairScore`s of `pairs` by the name of a model.
        paper: as for `pair_table`.

    Example:
    ```python
    import pathlib

    pairs = [keras_bigs.data.syntax.MinimalPair("she runs", "she run", "verbs", "")]
    scores = {"mini": [keras_bigs.analysis.PairScore(-2.5, -4.0, "masked word")]}
    results = {
        name: keras_bigs.analysis.pair_results(pairs, values)
        for name, values in scores.items()
    }
    keras_bigs.analysis.write_pairs(pathlib.Path("out"), results, pairs, scores)
    ```
    """
    paper = paper or {}
    models = {
        name: {group: result.as_dict() for group, result in groups.items()}
        for name, groups in results.items()
    }
    totals = {name: total_result(groups).as_dict() for name, groups in results.items()}
    content = {"models": models, "all_groups": totals, "paper": paper}
    rows = [
        {"model": name, "group": group, "measure": label, **result[measure]}
        for name, groups in models.items()
        for group, result in groups.items()
        for measure, label in MEASURES.items()
    ]
    label = MEASURES["masked_word"]
    rows += [
        # Without the digits that a division by 100 adds.
        {
            "model": name,
            "group": group,
            "measure": label,
            "accuracy": round(value / 100, 6),
        }
        for name, values in paper.items()
        for group, value in values.items()
    ]
    columns = ("model", "group", "measure", "correct", "count", "accuracy", "low")
    write_table(
        directory / "results.csv",
        {name: [row.get(name) for row in rows] for name in (*columns, "high")},
    )
    left_out = [
        (name, score.left_out, pair.group, pair.where, pair.good, pair.bad)
        for name, values in scores.items()
        for pair, score in zip(pairs, values, strict=True)
        if score.left_out is not None
    ]
    columns = ("model", "reason", "group", "where", "good", "bad")
    write_table(
        directory / "left_out.csv",
        {name: [row[i] for row in left_out] for i, name in enumerate(columns)},
    )
    # Last, as it says that the others are there.
    text = json.dumps(content, indent=2, ensure_ascii=False)
    files.write_text(directory / "results.json", text + "\n")


def _percent(proportion):
    if not proportion.count:
        return "-"
    low, high = (100 * end for end in proportion.interval)
    return f"{100 * proportion.value:.1f} [{low:.1f}, {high:.1f}]"
