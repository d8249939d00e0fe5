"""Tables of QNLI by length, and with distractors (paper, table 4)."""

from rich.table import Table

from keras_bigs.analysis.distance.qnli import TABLE_4


def qnli_tables(results):
    """Accuracies in percent, models side by side.

    Args:
        results: what `qnli_distance` returns.

    Returns:
        Two of `rich.table.Table`: by length, and by the number of distractors, whose
        caption has the paper's values.
    """
    lengths, distances = results["lengths"], results["distractors"]
    by_length = Table(
        "tokens", "examples", *lengths, title="QNLI accuracy by length, %"
    )
    for rows in zip(*lengths.values(), strict=True):
        scores = (f"{100 * row['accuracy']:.1f}" for row in rows)
        by_length.add_row(rows[0]["bin"], f"{rows[0]['examples']:,}", *scores)
    by_distance = Table("distractors", *lengths, title="QNLI accuracy, %")
    for number in dict.fromkeys(row["distractors"] for row in distances):
        rows = [row for row in distances if row["distractors"] == number]
        scores = (f"{100 * row['accuracy']:.1f}" for row in rows)
        by_distance.add_row(str(number), *scores)
    most, few = max(distances[0]["examples"]), min(distances[0]["examples"])
    by_distance.caption = (
        f"On the {few:,} to {most:,} pairs of a seed that all models label alike. Left "
        f"out, as longer than a model takes: {results['too_long']['lengths']:,} of "
        f"{results['pairs']:,} above, {results['too_long']['distractors']:,} here. The "
        "paper, without and with: "
        + "; ".join(f"{n} {a}, {b}" for n, (a, b) in TABLE_4.items())
    )
    return by_length, by_distance
