"""Tasks of GLUE from files as the official download has them, and from TFDS."""

import pathlib
import warnings

import numpy as np
import pytest

from keras_bigs.data import tables
from keras_bigs.data.glue import GLUE_TASKS
from keras_bigs.data.glue import read_glue
from keras_bigs.errors import DataError

pytestmark = [
    pytest.mark.without_backend,
    pytest.mark.filterwarnings("ignore:.* scores do not compare"),
]
SHARED = pathlib.Path(__file__).parents[4] / "shared/data/glue"
MNLI_PARSES = "sentence1_binary_parse\tsentence2_binary_parse\tsentence1_parse"
# The header lines and a row of each file as they are downloaded, quotes and all.
FILES = {
    "CoLA/train.tsv": 'gj04\t1\t\tThey said "hi.\ngj04\t0\t*\tThey the said.\n',
    "CoLA/dev.tsv": "gj04\t1\t\tThe rope stretched.\n",
    "CoLA/test.tsv": "index\tsentence\n0\tBill whistled.\n",
    "SST-2/train.tsv": "sentence\tlabel\nhide new secretions \t0\n",
    "SST-2/dev.tsv": "sentence\tlabel\nit 's charming . \t1\n",
    "SST-2/test.tsv": "index\tsentence\n0\tuneasy mishmash\n",
    "MRPC/train.tsv": "\ufeffQuality\t#1 ID\t#2 ID\t#1 String\t#2 String\n"
    '1\t70\t29\t" He said so .\tHe said it .\n',
    "MRPC/test.tsv": "index\t#1 ID\t#2 ID\t#1 String\t#2 String\n0\t7\t8\ta b\tc d\n",
    "STS-B/train.tsv": "index\tgenre\tfilename\tyear\told_index\tsource1\tsource2\t"
    "sentence1\tsentence2\tscore\n0\tm\tM\t2012\t1\tn\tn\t"
    "A plane.\tAn air plane.\t4.75\n",
    "STS-B/test.tsv": "index\tgenre\tfilename\tyear\told_index\tsource1\tsource2\t"
    "sentence1\tsentence2\n0\tm\tM\t2012\t24\tn\tn\tA girl.\tThe girl.\n",
    "QQP/train.tsv": "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate\n"
    "1\t2\t3\tWhy?\tHow?\t0\n",
    "QQP/test.tsv": "id\tquestion1\tquestion2\n0\tWho?\tWhere?\n",
    "MNLI/train.tsv": f"index\tpromptID\tpairID\tgenre\t{MNLI_PARSES}\t"
    "sentence2_parse\tsentence1\tsentence2\tlabel1\tgold_label\n"
    "0\t1\t2\tfiction\t( a )\t( b )\t(R a)\t(R b)\tHe ran.\tHe moved.\tneutral\t"
    "entailment\n",
    "MNLI/dev_mismatched.tsv": f"index\tpromptID\tpairID\tgenre\t{MNLI_PARSES}\t"
    "sentence2_parse\tsentence1\tsentence2\tlabel1\tlabel2\tlabel3\tlabel4\tlabel5\t"
    "gold_label\n0\t1\t2\tslate\t( a )\t( b )\t(R a)\t(R b)\tShe sat.\tShe stood.\t"
    + "neutral\t" * 5
    + "contradiction\n",
    "MNLI/test_matched.tsv": f"index\tpromptID\tpairID\tgenre\t{MNLI_PARSES}\t"
    "sentence2_parse\tsentence1\tsentence2\n"
    "0\t1\t2\tslate\t( a )\t( b )\t(R a)\t(R b)\tIt is.\tIt was.\n",
    "QNLI/train.tsv": "index\tquestion\tsentence\tlabel\n"
    "0\tWhen?\tIn 1905.\tnot_entailment\n",
    "QNLI/test.tsv": "index\tquestion\tsentence\n0\tWho?\tAda.\n",
    "RTE/dev.tsv": "index\tsentence1\tsentence2\tlabel\n0\tA b.\tB.\tentailment\n",
    "RTE/test.tsv": "index\tsentence1\tsentence2\n0\tC d.\tD.\n",
    "WNLI/train.tsv": "index\tsentence1\tsentence2\tlabel\n0\tThe pin.\tIt.\t1\n",
    "WNLI/test.tsv": "index\tsentence1\tsentence2\n0\tThe pan.\tIt.\n",
    "diagnostic/diagnostic.tsv": "index\tsentence1\tsentence2\n0\tNo cat.\tA cat.\n",
}
# What the first row is, and its class.
EXPECTED = {
    ("cola", "train"): ('They said "hi.', None, 1),
    ("cola", "test"): ("Bill whistled.", None, None),
    ("sst2", "dev"): ("it 's charming . ", None, 1),
    ("mrpc", "train"): ('" He said so .', "He said it .", 1),
    ("mrpc", "test"): ("a b", "c d", None),
    ("stsb", "train"): ("A plane.", "An air plane.", 4.75),
    ("stsb", "test"): ("A girl.", "The girl.", None),
    ("qqp", "train"): ("Why?", "How?", 0),
    ("qqp", "test"): ("Who?", "Where?", None),
    ("mnli", "train"): ("He ran.", "He moved.", 0),
    ("mnli", "dev_mismatched"): ("She sat.", "She stood.", 2),
    ("mnli", "test_matched"): ("It is.", "It was.", None),
    ("qnli", "train"): ("When?", "In 1905.", 1),
    ("qnli", "test"): ("Who?", "Ada.", None),
    ("rte", "dev"): ("A b.", "B.", 0),
    ("wnli", "train"): ("The pin.", "It.", 1),
    ("ax", "test"): ("No cat.", "A cat.", None),
}


@pytest.fixture
def data_dir(tmp_path):
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path


def encode(task, table):
    if task.classes is None:
        return tables.encode_targets(table)
    return tables.encode_labels(table, task.classes)


@pytest.mark.parametrize(("name", "split"), EXPECTED)
def test_official_files(name, split, data_dir):
    text, text_pair, label = EXPECTED[name, split]
    task = GLUE_TASKS[name]
    table = read_glue(task, split, data_dir)
    assert table.texts[0] == text
    assert (table.text_pairs or [None])[0] == text_pair
    if label is None:
        assert table.labels is None
    else:
        assert encode(task, table)[0] == label


def test_a_split_of_another_size(data_dir):
    with pytest.warns(UserWarning, match="has 2 examples.* split 8,551: scores do not"):
        read_glue(GLUE_TASKS["cola"], "train", data_dir)


def test_a_file_that_stands_in(data_dir):
    (data_dir / "RTE/dev.tsv").rename(data_dir / "RTE/dev.derived.tsv")
    with pytest.warns(UserWarning, match="dev.derived.tsv stands in for dev.tsv"):
        table = read_glue(GLUE_TASKS["rte"], "dev", data_dir)
    assert table.path.name == "dev.derived.tsv"
    (data_dir / "RTE/dev.other.tsv").touch()
    with pytest.raises(DataError, match=r"dev.tsv is missing. The folder has \['dev.d"):
        read_glue(GLUE_TASKS["rte"], "dev", data_dir)


def test_what_is_not_there(data_dir):
    cola = GLUE_TASKS["cola"]
    with pytest.raises(DataError, match="must be one of.*'dev'.*'validation'"):
        read_glue(cola, "validation", data_dir)
    with pytest.raises(DataError, match="has no folder 'CoLA' for cola"):
        read_glue(cola, "dev", data_dir / "CoLA")
    (data_dir / "CoLA/dev.tsv").write_text("gj04\t1\tThe rope stretched.\n")
    with pytest.raises(DataError, match="line 1: 3 fields where column_names has 4"):
        read_glue(cola, "dev", data_dir)


def test_a_label_that_is_not_the_tasks(data_dir):
    with open(data_dir / "QNLI/train.tsv", "a") as file:
        file.write("1\tWhy?\tSo.\tneutral\n")
    with pytest.raises(
        DataError, match="line 3: .* holds 'neutral', and the labels of"
    ):
        read_glue(GLUE_TASKS["qnli"], "train", data_dir)


@pytest.mark.parametrize(
    ("name", "features", "rows", "texts", "labels"),
    [
        ("cola", ["sentence"], [("B.", 0), ("A.", 1)], ["A.", "B."], ["1", "0"]),
        (
            "mnli",
            ["premise", "hypothesis"],
            [("B.", "b.", 2), ("A.", "a.", 0)],
            ["A.", "B."],
            ["entailment", "contradiction"],
        ),
        ("stsb", ["sentence1", "sentence2"], [("A.", "a.", 4.75)], ["A."], ["4.75"]),
    ],
)
def test_tensorflow_datasets(name, features, rows, texts, labels, tmp_path):
    tfds = pytest.importorskip("tensorflow_datasets")
    import tensorflow as tf

    split = "validation_matched" if name == "mnli" else "validation"
    kind = {f: tfds.features.Text() for f in features}
    kind["label"] = (
        np.float32
        if name == "stsb"
        else tfds.features.ClassLabel(num_classes=3 if name == "mnli" else 2)
    )
    kind["idx"] = np.int32
    columns = dict(zip((*features, "label"), zip(*rows, strict=True), strict=True))
    columns = {key: list(column) for key, column in columns.items()}
    columns["idx"] = list(range(len(rows)))[::-1]
    tfds.dataset_builders.store_as_tfds_dataset(
        "glue",
        version="2.0.0",
        features=tfds.features.FeaturesDict(kind),
        split_datasets={split: tf.data.Dataset.from_tensor_slices(columns)},
        config=name,
        data_dir=tmp_path,
    )
    dev = split.replace("validation", "dev")
    task = GLUE_TASKS[name]
    table = read_glue(task, dev, tfds_dir=tmp_path)
    assert (table.texts, table.labels) == (texts, labels)
    if len(features) > 1:
        assert table.text_pairs[0] == "a."
    with pytest.raises(DataError, match="nothing is prepared for split 'train'"):
        read_glue(task, "train", tfds_dir=tmp_path)


@pytest.mark.skipif(not SHARED.exists(), reason="GLUE is not on this machine")
def test_the_real_files():
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # whole, and not stand-ins
        for name in ("cola", "sst2", "stsb", "rte", "wnli"):
            task = GLUE_TASKS[name]
            for split in task.num_examples:
                table = read_glue(task, split, SHARED)
                if split not in task.test_splits:
                    encode(task, table)
    with pytest.warns(UserWarning, match="3,667 examples"):
        read_glue(GLUE_TASKS["mrpc"], "train", SHARED)
    with pytest.warns(UserWarning, match="train.derived_from_squad.tsv stands in"):
        read_glue(GLUE_TASKS["qnli"], "train", SHARED)
