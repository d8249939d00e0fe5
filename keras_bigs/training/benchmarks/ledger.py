"""The results of many runs in one file, and what they come to."""

import json
import pathlib
import statistics
from collections.abc import Sequence

from keras_bigs import files
from keras_bigs.errors import DataError


class Ledger:
    """The results of runs, one a line of a JSONL file.

    A run is known by its settings, a dict. What is in the ledger need not be computed
    again, also when the directory of the run is gone.

    Args:
        path: the file; made with the first result.

    Raises:
        DataError: a line of the file is no result.

    Example:
    ```python
    ledger = keras_bigs.training.benchmarks.Ledger("runs/ledger.jsonl")
    settings = {"task": "cola", "learning_rate": 3e-5, "seed": 0}
    if ledger.find(settings) is None:
        ledger.add(settings, {"metrics": {"matthews": 0.61}})
    ```
    """

    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.rows = []
        if self.path.exists():
            # JSON leaves other ends of lines than this one in its strings.
            text = self.path.read_text(encoding="utf-8")
            lines = text.removesuffix("\n").split("\n") if text else []
            self.rows = [self._row(i, line) for i, line in enumerate(lines, 1)]

    def find(self, settings: dict) -> dict | None:
        """The row of a run, a dict of `settings` and `result`; or `None`."""
        plain = _plain(settings)
        return next((row for row in self.rows if row["settings"] == plain), None)

    def add(self, settings: dict, result: dict) -> dict:
        """Writes the result of one more run.

        Args:
            settings: all that the result depends on, which JSON can hold.
            result: dict that JSON can hold.

        Returns:
            The row, as `find` gives it.
        """
        row = {"settings": _plain(settings), "result": _plain(result)}
        self.rows.append(row)
        lines = (json.dumps(row, ensure_ascii=False) for row in self.rows)
        files.write_text(self.path, "\n".join(lines) + "\n")
        return row

    def _row(self, number, line):
        try:
            row = json.loads(line)
            row["settings"].items(), row["result"].items()
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise DataError(
                f"{self.path}, line {number}: no result of a run. Delete the line; "
                "its run is computed again."
            ) from error
        return row


def summarize(rows: Sequence[dict], metric: str) -> list[dict]:
    """Mean, deviation and best of runs that differ in nothing but their seed.

    Args:
        rows: rows of a `Ledger`, whose results have `metrics`; or `diverged`, which
            are counted only.
        metric: the name of the metric, the higher the better.

    Returns:
        A list of dicts, the best mean first: `settings` without the seed, `mean`,
        `deviation` (of a sample; 0 for a single run), `best`, `scores`, `seeds` and
        `diverged`, the number of runs without a score. Settings without any score are
        left out.
    """
    groups: dict[str, dict] = {}
    for row in rows:
        settings = {k: v for k, v in row["settings"].items() if k != "seed"}
        key = json.dumps(settings, sort_keys=True)
        new = {"settings": settings, "scores": [], "seeds": [], "diverged": 0}
        group = groups.setdefault(key, new)
        if "diverged" in row["result"]:
            group["diverged"] += 1
            continue
        group["scores"].append(row["result"]["metrics"][metric])
        group["seeds"].append(row["settings"].get("seed"))
    scored = [group for group in groups.values() if group["scores"]]
    for group in scored:
        scores = group["scores"]
        group["mean"] = statistics.fmean(scores)
        group["deviation"] = statistics.stdev(scores) if len(scores) > 1 else 0.0
        group["best"] = max(scores)
    return sorted(scored, key=lambda group: -group["mean"])


def _plain(value):
    """As it is after JSON: tuples are lists, paths are strings."""
    return json.loads(json.dumps(value, default=str))
