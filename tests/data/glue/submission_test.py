"""The zip that GLUE's leaderboard takes."""

import csv
import io
import zipfile

import numpy as np
import pytest

from keras_bigs.data.glue import GLUE_TASKS
from keras_bigs.data.glue import write_submission

pytestmark = pytest.mark.without_backend
# As the leaderboard names them, and how many lines each must have.
ROWS = {
    "CoLA.tsv": 1063,
    "SST-2.tsv": 1821,
    "MRPC.tsv": 1725,
    "STS-B.tsv": 1379,
    "QQP.tsv": 390965,
    "MNLI-m.tsv": 9796,
    "MNLI-mm.tsv": 9847,
    "QNLI.tsv": 5463,
    "RTE.tsv": 3000,
    "WNLI.tsv": 146,
    "AX.tsv": 1104,
}


def read(path):
    with zipfile.ZipFile(path) as archive:
        assert sorted(archive.namelist()) == sorted(ROWS)  # flat, and nothing else
        files = {}
        for name in archive.namelist():
            text = archive.read(name).decode("ascii")
            files[name] = list(csv.DictReader(io.StringIO(text), delimiter="\t"))
            assert text.startswith("index\tprediction\n") and text.endswith("\n")
        return files


def test_every_file_is_there(tmp_path):
    classes = np.zeros(146, "int64")
    classes[3] = 1
    scores = np.linspace(-1, 6, 1379).astype("float32")
    nli = np.arange(9847) % 3
    missing = write_submission(
        tmp_path / "submission.zip",
        {
            "wnli": {"test": classes},
            "stsb": {"test": scores},
            "mnli": {"test_mismatched": nli},
        },
    )
    assert sorted(missing) == sorted(
        set(ROWS) - {"WNLI.tsv", "STS-B.tsv", "MNLI-mm.tsv"}
    )
    files = read(tmp_path / "submission.zip")
    for name, rows in ROWS.items():
        assert [row["index"] for row in files[name]] == [*map(str, range(rows))]
    predictions = {n: [row["prediction"] for row in f] for n, f in files.items()}
    assert predictions["WNLI.tsv"][:5] == ["0", "0", "0", "1", "0"]
    assert (predictions["STS-B.tsv"][0], predictions["STS-B.tsv"][-1]) == (
        "0.000",
        "5.000",
    )
    assert predictions["MNLI-mm.tsv"][:3] == ["entailment", "neutral", "contradiction"]
    # Placeholders are valid.
    assert set(predictions["AX.tsv"]) == {"entailment"}
    assert set(predictions["QQP.tsv"]) == {"0"}


@pytest.mark.parametrize(
    ("predictions", "message"),
    [
        ({"snli": {}}, "names 'snli', not of"),
        ({"mnli": {"test": np.zeros(9796)}}, "names 'test', not of"),
        ({"wnli": {"test": np.zeros(145)}}, r"of shape \(146,\). Received: \(145,\)"),
        ({"wnli": {"test": np.full(146, 2)}}, "classes from 0 to 1. Received: 2"),
        ({"wnli": {"test": np.full(146, 0.97)}}, "classes from 0 to 1. Received: 0.97"),
        ({"wnli": {"test": np.full(146, np.nan)}}, "classes from 0 to 1. Received: n"),
        ({"stsb": {"test": np.full(1379, np.nan)}}, "must be finite"),
    ],
)
def test_errors(predictions, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        write_submission(tmp_path / "submission.zip", predictions)
    assert not list(tmp_path.iterdir())


def test_tasks_are_of_the_right_size():
    test_rows = {
        file: task.num_examples[split]
        for task in GLUE_TASKS.values()
        for split, file in task.submission.items()
    }
    assert test_rows == ROWS
