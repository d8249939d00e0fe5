"""The GLUE recipe on files of its own in the official layout."""

import json
import shutil
import zipfile

import numpy as np
import pytest
from sklearn.metrics import matthews_corrcoef

from keras_bigs import errors
from keras_bigs import models
from keras_bigs import training
from keras_bigs.data.glue import GLUE_TASKS
from keras_bigs.training.benchmarks import Grid
from keras_bigs.training.benchmarks import glue as benchmark
from keras_bigs.training.benchmarks import run_grid
from keras_bigs.training.benchmarks import summarize
from keras_bigs.training.fine_tuning_config import EncoderConfig
from keras_bigs.training.fine_tuning_config import FineTuningConfig
from recipes import glue
from tests.backend import fast_on_torch
from tests.recipes.commands import to_arguments

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
GOOD, BAD = ["fine", "lovely"], ["dull", "poor"]
WORDS = [*GOOD, *BAD, "the", "film", "is", "very"]


def sentences(n, seed):
    """Whether a film is good."""
    rng = np.random.default_rng(seed)
    for _ in range(n):
        label = int(rng.integers(2))
        word = (BAD, GOOD)[label][rng.integers(2)]
        yield f"the film is {'very ' * rng.integers(3)}{word}", label


def write_lines(path, lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_cola(folder, train=60, dev=20):
    """Without header lines but in the test file, as the official ones."""
    for split, n, seed in (("train", train, 0), ("dev", dev, 1)):
        rows = (f"s\t{label}\t\t{text}" for text, label in sentences(n, seed))
        write_lines(folder / f"CoLA/{split}.tsv", rows)
    texts = (f"{i}\t{text}" for i, (text, _) in enumerate(sentences(1063, 2)))
    write_lines(folder / "CoLA/test.tsv", ["index\tsentence", *texts])


def write_mnli(folder):
    classes = GLUE_TASKS["mnli"].classes
    header = "index\tsentence1\tsentence2\tgold_label"

    def rows(n, seed):
        rng = np.random.default_rng(seed)
        for i in range(n):
            label = int(rng.integers(3))
            yield f"{i}\tthe film\t{['fine', 'is', 'poor'][label]}\t{classes[label]}"

    write_lines(folder / "MNLI/train.tsv", [header, *rows(60, 0)])
    for split, seed in (("dev_matched", 1), ("dev_mismatched", 2)):
        write_lines(folder / f"MNLI/{split}.tsv", [header, *rows(20, seed)])


def write_stsb(folder):
    rng = np.random.default_rng(0)
    for split, n in (("train", 60), ("dev", 20)):
        lines = ["index\tsentence1\tsentence2\tscore"]
        for i in range(n):
            same = rng.integers(2)
            second = "the film" if same else "very poor"
            lines.append(f"{i}\tthe film\t{second}\t{5.0 * same:.3f}")
        write_lines(folder / f"STS-B/{split}.tsv", lines)


def write_preset(path):
    backbone = models.BiGSBackbone(
        vocabulary_size=6, **models.CONFIGS["toy"], max_sequence_length=16
    )
    preprocessor = models.BiGSTextClassifierPreprocessor(
        models.BiGSTokenizer([*SPECIAL, "film"]), sequence_length=16
    )
    models.BiGSTextClassifier(backbone, 3, preprocessor).save_to_preset(str(path))


@pytest.fixture
def folder(tmp_path):
    write_lines(tmp_path / "vocab.txt", [*SPECIAL, *WORDS])
    write_cola(tmp_path)
    return tmp_path


def parse(folder, **changes):
    options = {
        "task": "cola",
        "data_dir": folder,
        "model": "toy",
        "vocabulary": folder / "vocab.txt",
        "sequence_length": 16,
        "dropout": 0.0,
        "learning_rates": 5e-3,
        "batch_sizes": 20,
        "epochs": 4,
        "seeds": 0,
        "output": folder / "run",
        **changes,
    }
    return glue.parse(to_arguments(options))


def read_ledger(config):
    lines = (config.output / "ledger.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


class Killed(BaseException):
    pass


def test_a_run_that_diverges_is_a_result(tmp_path, capsys):
    """It would do so again; the others go on."""
    options = Grid(seeds=(0, 1, 2)).options(FineTuningConfig())
    runs = []

    def run(one, directory):
        runs.append(one.seed)
        (directory / "preset").mkdir(parents=True)
        if one.seed == 0:
            raise errors.TrainingDivergedError("The loss is nan at step 3.")
        return {"metrics": {"f1": one.seed / 10}, "history": []}

    for _ in range(2):
        rows = run_grid(tmp_path, "toy", {}, options, run, metric="f1")
    assert runs == [0, 1, 2]
    assert "is in the ledger" in capsys.readouterr().out
    assert rows[0]["result"]["diverged"] == "The loss is nan at step 3."
    (summary,) = summarize(rows, "f1")
    assert summary["scores"] == [0.1, 0.2] and summary["diverged"] == 1
    kept = [row["settings"]["seed"] for row in rows[1:] if has_preset(tmp_path, row)]
    assert kept == [2]
    benchmark.report(tmp_path, {"cola": rows[:1]})
    assert "cola: all 1 runs diverged" in (tmp_path / "glue.md").read_text()


def has_preset(directory, row):
    return (directory / row["result"]["directory"] / "preset").exists()


# All files are smaller than the official ones, which a warning says.
small = pytest.mark.filterwarnings("ignore:.*official.*:UserWarning")


@small
@fast_on_torch
def test_a_killed_grid_goes_on_and_repeats_nothing(folder, monkeypatch):
    """Of two rates and two seeds, the third run is killed after its first epoch."""
    changes = {"seeds": [0, 1], "learning_rates": [5e-3, 1e-2], "predict_test": True}
    config = parse(folder, **changes)
    save, starts = training.Checkpoints.save, []

    def save_and_die(self, model, progress):
        save(self, model, progress)
        self.wait()
        if len(starts) == 3:
            raise Killed

    begin = training.fine_tuning_config.FineTuningConfig.begin
    monkeypatch.setattr(
        training.fine_tuning_config.FineTuningConfig,
        "begin",
        lambda self, dtype: (starts.append(self), begin(self, dtype)),
    )
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(training.Checkpoints, "save", save_and_die)
        glue.main(config)
    assert len(read_ledger(config)) == 2
    glue.main(config)
    rows = read_ledger(config)
    assert [(s.seed, s.learning_rate) for s in starts] == [
        *((0, 0.005), (0, 0.01), (1, 0.005)),
        *((1, 0.005), (1, 0.01)),  # of the second process
    ]
    assert len(rows) == 4
    # Once more: nothing is left to do.
    glue.main(config)
    assert len(starts) == 5 and read_ledger(config) == rows

    metrics = [row["result"]["metrics"] for row in rows]
    assert max(m["matthews"] for m in metrics) > 0.9
    presets = sorted(config.output.glob("cola/*/preset"))
    best = max(rows, key=lambda row: row["result"]["metrics"]["matthews"])
    where = config.output / best["result"]["directory"]
    assert [path.parent for path in presets] == [where]
    table = (config.output / "glue.md").read_text(encoding="utf-8")
    assert len(table.splitlines()) > 4 and "lr0.005-wd0.01-bs20-ep4" in table
    assert "63.2" in table  # the paper's BiGS
    assert (config.output / "glue.png").exists()

    # The submission has what the best model says, in the order of the test file.
    with zipfile.ZipFile(config.output / "submission.zip") as archive:
        lines = archive.read("CoLA.tsv").decode().splitlines()
        assert len(archive.namelist()) == 11
    classifier = models.BiGSTextClassifier.from_preset(str(presets[0]))
    texts = [text for text, _ in sentences(1063, 2)]
    expected = classifier.predict(texts, verbose=0).argmax(-1)
    assert lines[0] == "index\tprediction"
    assert lines[1:] == [f"{i}\t{label}" for i, label in enumerate(expected)]
    # And the score is that of the development file.
    texts, labels = zip(*sentences(20, 1), strict=True)
    again = matthews_corrcoef(
        labels, classifier.predict(list(texts), verbose=0).argmax(-1)
    )
    assert again == pytest.approx(best["result"]["metrics"]["matthews"])
    assert sorted(path.name for path in presets[0].parent.iterdir()) == [
        ".lock",
        "command.txt",
        "config.json",
        "confusion_matrix.png",
        "learning_curve.png",
        "preset",
        "results.json",
    ]

    # Without its directory, a finished run is not computed again either.
    shutil.rmtree(where)
    with pytest.raises(errors.ConfigError, match="preset, of the best run of cola, is"):
        glue.main(config)
    assert len(starts) == 5


@small
@fast_on_torch
def test_mnli_and_what_starts_from_it(folder, monkeypatch):
    write_mnli(folder)
    write_stsb(folder)
    config = parse(folder, task="mnli", epochs=4)
    glue.main(config)
    (row,) = read_ledger(config)
    splits = row["result"]["splits"]
    assert splits.keys() == {"dev_matched", "dev_mismatched"}
    assert row["result"]["metrics"] == splits["dev_matched"]
    assert splits["dev_mismatched"]["accuracy"] > 0.9
    table = (config.output / "glue.md").read_text(encoding="utf-8")
    assert "| mnli, dev_mismatched |" in table
    assert "60 examples" in table  # it is not the official file

    # "fine" is an entailment, and "poor" a contradiction.
    submitted = {}
    monkeypatch.setattr(
        benchmark, "write_submission", lambda path, x: submitted.update(x)
    )
    films = (["the film"], ["fine"]), (["the film"], ["poor"])
    tests = {"mnli": {"test_matched": films[0]}, "ax": {"test": films[1]}}
    benchmark.submit(config.output, {"mnli": [row]}, {"mnli": tests})
    predicted = {
        name: {k: list(v) for k, v in x.items()} for name, x in submitted.items()
    }
    assert predicted == {"mnli": {"test_matched": [0]}, "ax": {"test": [2]}}

    mnli = str(config.output / row["result"]["directory"] / "preset")
    config = parse(
        folder,
        task="stsb",
        init_from=mnli,
        output=folder / "next",
        epochs=1,
    )
    glue.main(config)
    (stsb,) = read_ledger(config)
    assert stsb["settings"]["model"] == mnli
    assert {"pearson", "spearman", "rmse"} == stsb["result"]["metrics"].keys()
    assert list(config.output.glob("stsb/*/scatter.png"))


@small
def test_init_from_is_for_three_tasks(folder, monkeypatch):
    """RTE, MRPC and STS-B start from the model of MNLI, all others do not."""
    write_stsb(folder)
    seen = {}

    def glue_grid(directory, name, data, encoder, options, keep_presets):
        seen[name] = encoder.model, len(data.train[0])
        return []

    monkeypatch.setattr(benchmark, "glue_grid", glue_grid)
    monkeypatch.setattr(benchmark, "report", lambda *args: None)
    mnli = folder / "mnli"
    write_preset(mnli)
    config = parse(folder, task=["cola", "stsb"], init_from=mnli, train_examples=50)
    glue.main(config)
    assert seen["cola"] == ("toy", 50)
    assert seen["stsb"][0] == str(mnli)


@small
def test_the_grid_of_the_paper(folder, monkeypatch):
    """Table 8: 5 rates, 2 decays, 2 batch sizes, 3 numbers of epochs, 6 seeds."""
    counts = []

    def glue_grid(directory, name, data, encoder, options, keep_presets):
        counts.append(len({str(one) for one in options}))
        return []

    monkeypatch.setattr(benchmark, "glue_grid", glue_grid)
    monkeypatch.setattr(benchmark, "report", lambda *args: None)
    glue.main(parse(folder, paper=True, seeds=range(6)))
    assert counts == [5 * 2 * 2 * 3 * 6]


@small
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"task": "imdb"}, "--task imdb is not one of"),
        ({"task": "ax"}, "predicted with mnli by --predict_test"),
        ({"task": "rte"}, "no folder 'RTE' for rte"),
        ({"seeds": [1, 1]}, "--seeds needs one or more different values"),
        ({"learning_rates": "2"}, "`learning_rate` must be"),
        ({"epochs": "0"}, "`epochs` must be"),
        ({"model": "enormous"}, "--model enormous is neither"),
        ({"init_from": "nowhere"}, "--model nowhere is neither"),
        ({"init_from": "bigs_mini_en_uncased"}, "none of them is in --task cola"),
        ({"predict_test": True}, "test.tsv has 2 rows.*the official 1,063"),
        ({"vocabulary": "nowhere"}, "--vocabulary nowhere is no file"),
        ({"freeze_ssm": True}, "--routing convolution has no SSM"),
        ({"model": "bigs_mini_en_uncased"}, "has a vocabulary of its own"),
        ({"train_examples": 0}, "--train_examples must be at least 1"),
    ],
)
def test_errors_come_before_the_work(folder, change, message, monkeypatch):
    monkeypatch.setattr(EncoderConfig, "build", None)
    write_lines(folder / "CoLA/test.tsv", ["index\tsentence", "0\tfine", "1\tfine"])
    config = parse(folder, **change)
    with pytest.raises(errors.UserError, match=message):
        glue.main(config)
    assert not config.output.exists()


@small
def test_label_that_is_none_of_the_task(folder, monkeypatch):
    monkeypatch.setattr(EncoderConfig, "build", None)
    write_lines(folder / "CoLA/dev.tsv", ["s\t1\t\tthe film", "s\t7\t\tthe film"])
    with pytest.raises(errors.DataError, match=r"dev.tsv, line 2: column 'label'.*'7'"):
        glue.main(parse(folder))
    assert not parse(folder).output.exists()
