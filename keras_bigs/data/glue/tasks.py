"""What the tasks of GLUE (Wang et al. 2018) are: files, columns, classes, metrics."""

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field


@dataclass(frozen=True, kw_only=True)
class GlueTask:
    """A task of GLUE in the layout of its official download, and in TFDS.

    Attributes:
        name: as in TFDS, `glue/<name>`.
        folder: of the official download.
        texts: the columns of one text or two.
        label: the label column; `None` for the diagnostic set, which has none.
        classes: the labels in the official files, by their index in TFDS; `None` for
            regression.
        metrics: names of the metrics whose mean is the task's score on the leaderboard.
        paper_metric: the one in the paper's Table 1.
        num_examples: the number of examples of each split that has a file.
        files: the file of a split, where it is not `<split>.tsv`.
        columns: all columns of a split without a header line.
        tfds_texts: the text features in TFDS, where they are not `texts`.
        submission: the file of the leaderboard's submission for each test split.
        writes_words: whether a submission has the words of `classes`, not their index.
    """

    name: str
    folder: str
    texts: tuple[str, ...]
    label: str | None = "label"
    classes: tuple[str, ...] | None = ("0", "1")
    metrics: tuple[str, ...] = ("accuracy",)
    paper_metric: str = "accuracy"
    num_examples: Mapping[str, int]
    files: Mapping[str, str] = field(default_factory=dict)
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    tfds_texts: tuple[str, ...] | None = None
    submission: Mapping[str, str]
    writes_words: bool = False

    @property
    def dev_splits(self):
        """The splits to evaluate on: one, or matched and mismatched."""
        return tuple(split for split in self.num_examples if split.startswith("dev"))

    @property
    def test_splits(self):
        """The splits whose labels only the leaderboard has."""
        return tuple(self.submission)

    def file(self, split):
        """The name of the file of a split."""
        return self.files.get(split, f"{split}.tsv")


# Without a header line, but in the test file.
COLA_COLUMNS = ("source", "label", "mark", "sentence")
ENTAILMENT = ("entailment", "not_entailment")
NLI = ("entailment", "neutral", "contradiction")
PAIR = ("sentence1", "sentence2")
PREMISE = ("premise", "hypothesis")

GLUE_TASKS = {
    task.name: task
    for task in (
        GlueTask(
            name="cola",
            folder="CoLA",
            texts=("sentence",),
            metrics=("matthews",),
            paper_metric="matthews",
            num_examples={"train": 8551, "dev": 1043, "test": 1063},
            columns={"train": COLA_COLUMNS, "dev": COLA_COLUMNS},
            submission={"test": "CoLA.tsv"},
        ),
        GlueTask(
            name="sst2",
            folder="SST-2",
            texts=("sentence",),
            num_examples={"train": 67349, "dev": 872, "test": 1821},
            submission={"test": "SST-2.tsv"},
        ),
        GlueTask(
            name="mrpc",
            folder="MRPC",
            texts=("#1 String", "#2 String"),
            label="Quality",
            metrics=("accuracy", "f1"),
            paper_metric="f1",
            num_examples={"train": 3668, "dev": 408, "test": 1725},
            tfds_texts=PAIR,
            submission={"test": "MRPC.tsv"},
        ),
        GlueTask(
            name="stsb",
            folder="STS-B",
            texts=PAIR,
            label="score",
            classes=None,
            metrics=("pearson", "spearman"),
            paper_metric="spearman",
            num_examples={"train": 5749, "dev": 1500, "test": 1379},
            submission={"test": "STS-B.tsv"},
        ),
        GlueTask(
            name="qqp",
            folder="QQP",
            texts=("question1", "question2"),
            label="is_duplicate",
            metrics=("accuracy", "f1"),
            paper_metric="f1",
            num_examples={"train": 363846, "dev": 40430, "test": 390965},
            submission={"test": "QQP.tsv"},
        ),
        GlueTask(
            name="mnli",
            folder="MNLI",
            texts=PAIR,
            label="gold_label",
            classes=NLI,
            num_examples={
                "train": 392702,
                "dev_matched": 9815,
                "dev_mismatched": 9832,
                "test_matched": 9796,
                "test_mismatched": 9847,
            },
            tfds_texts=PREMISE,
            submission={
                "test_matched": "MNLI-m.tsv",
                "test_mismatched": "MNLI-mm.tsv",
            },
            writes_words=True,
        ),
        GlueTask(
            name="qnli",
            folder="QNLI",
            texts=("question", "sentence"),
            classes=ENTAILMENT,
            num_examples={"train": 104743, "dev": 5463, "test": 5463},
            submission={"test": "QNLI.tsv"},
            writes_words=True,
        ),
        GlueTask(
            name="rte",
            folder="RTE",
            texts=PAIR,
            classes=ENTAILMENT,
            num_examples={"train": 2490, "dev": 277, "test": 3000},
            submission={"test": "RTE.tsv"},
            writes_words=True,
        ),
        GlueTask(
            name="wnli",
            folder="WNLI",
            texts=PAIR,
            num_examples={"train": 635, "dev": 71, "test": 146},
            submission={"test": "WNLI.tsv"},
        ),
        # The diagnostic set: for models of MNLI.
        GlueTask(
            name="ax",
            folder="diagnostic",
            texts=PAIR,
            label=None,
            classes=NLI,
            metrics=("matthews",),
            paper_metric="matthews",
            num_examples={"test": 1104},
            files={"test": "diagnostic.tsv"},
            tfds_texts=PREMISE,
            submission={"test": "AX.tsv"},
            writes_words=True,
        ),
    )
}
"""The tasks by name."""
