"""The recipe of named entities on small files of its own."""

import json

import numpy as np
import pytest

from keras_bigs import errors
from keras_bigs import models
from keras_bigs import training
from keras_bigs.training.fine_tuning_config import EncoderConfig
from recipes import ner
from tests.backend import fast_on_torch
from tests.recipes.commands import read_results
from tests.recipes.commands import to_arguments

# Words and IOB2 tags of what sentences are made of.
PEOPLE = [
    ("ada lovelace", "B-PER I-PER"),
    ("alan turing", "B-PER I-PER"),
    ("bob", "B-PER"),
]
PLACES = [("paris", "B-LOC"), ("new york", "B-LOC I-LOC")]
OTHERS = [(word, "O") for word in ("the", "old", "lady", "meets", "in", "and", ".")]
# What training has as a word like any other. Of what it is in `dev` nothing can be
# learnt.
ODD = ("elba", "B-LOC")
# Room for 12 tokens, and a word is one.
LENGTH, SHORT, LONG = 14, 8, 30


def write_vocabulary(path):
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    words = " ".join(text for text, _ in (*PEOPLE, *PLACES, *OTHERS, ODD)).split()
    path.write_text("\n".join([*special, *words, "##a"]))
    return path


def sentences(n, seed, odd):
    """Lists of `(word, IOB2 tag)`; every fifth one is long."""
    rng = np.random.default_rng(seed)
    for i in range(n):
        sentence = []
        while len(sentence) < (LONG if i % 5 == 4 else SHORT):
            kind = (OTHERS, PEOPLE, PLACES)[rng.choice(3, p=[0.6, 0.2, 0.2])]
            words, tags = kind[rng.integers(len(kind))]
            sentence += zip(words.split(), tags.split(), strict=True)
        yield [*sentence, odd]


def to_iob1(tags):
    """Where "B-" only stands between two entities of a type."""
    before = ["O", *tags]
    for last, tag in zip(before, tags, strict=False):
        yield tag if last[2:] == tag[2:] else tag.replace("B-", "I-")


def write(path, rows, iob1=False, blank="\n"):
    """Word, part of speech and tag, two documents."""
    blocks = []
    for row in rows:
        words, tags = zip(*row, strict=True)
        tags = to_iob1(tags) if iob1 else tags
        lines = zip(words, tags, strict=True)
        blocks.append("".join(f"{word} NN {tag}\n" for word, tag in lines))
    start = "-DOCSTART- -X- O\n\n"
    blocks.insert(len(blocks) // 2, start)
    path.write_text(start + blank.join(blocks), encoding="utf-8")
    return path


def write_files(folder):
    write(folder / "train.conll", sentences(80, 0, (ODD[0], "O")), iob1=True)
    write(folder / "dev.conll", sentences(20, 1, ODD))
    write_vocabulary(folder / "vocab.txt")
    return folder


def parse(folder, **changes):
    """The configuration that a command has, with some options changed."""
    options = {
        "train": folder / "train.conll",
        "dev": folder / "dev.conll",
        "output": folder / "run",
        "model": "toy",
        "vocabulary": folder / "vocab.txt",
        "epochs": 5,
        "batch_size": 16,
        "learning_rate": 3e-3,
        "sequence_length": LENGTH,
        "dropout": 0.1,
        **changes,
    }
    return ner.parse(to_arguments(options))


@pytest.fixture
def folder(tmp_path):
    return write_files(tmp_path)


def columns(path):
    """The columns of each sentence of a file of words between tabs."""
    text = path.read_text(encoding="utf-8")
    assert text.endswith("\n")
    return [
        list(zip(*(line.split("\t") for line in block.split("\n")), strict=True))
        for block in text.removesuffix("\n").split("\n\n")
    ]


# The second has no word piece, the third more of them than there is room for.
NEW = [["Ada", "Lovelace", "meets", "Bob", "."], ["old", "\u200b", "Paris"]]
NEW += [["the", "paris" + "a" * 20, "in", "new", "york"], ["in", "paris"] * 15]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A folder with the files, and the configuration of a finished run on them."""
    folder = write_files(tmp_path_factory.mktemp("ner"))
    new = folder / "new.txt"
    blocks = ["".join(f"{word}\n" for word in words) for words in NEW]
    new.write_text("-DOCSTART-\n\n" + "\n".join(blocks), encoding="utf-8")
    config = parse(folder, predict=new)
    ner.main(config)
    return folder, config


@fast_on_torch
def test_a_run(finished):
    _, config = finished
    results = read_results(config)
    rows = list(sentences(20, 1, ODD))
    written = columns(config.output / "dev_predictions.conll")
    # Long sentences too are there with all of their words.
    assert [list(zip(words, tags, strict=True)) for words, tags, _ in written] == rows
    tags, predictions = zip(*(row[1:] for row in written), strict=True)
    types = results["types"]
    assert types == training.entity_metrics(tags, predictions)
    assert results["metrics"] == {
        name: types["all"][name] for name in ("f1", "precision", "recall")
    }
    # What can be learnt is, and nothing else. Without training F1 is about 0.1.
    assert types["PER"]["f1"] > 0.9
    assert types["LOC"]["precision"] > 0.9
    places = sum(tag == "B-LOC" for row in tags for tag in row)
    assert types["LOC"]["support"] == places
    assert types["LOC"]["recall"] == pytest.approx(1 - 20 / places, abs=0.05)
    assert results["epochs"] == len(results["history"]) <= 5
    # Of 80 sentences 16 are long, and are three parts: batches of 16.
    assert results["history"][0]["step"] == (64 + 3 * 16) / 16
    best = results["history"][results["best_epoch"] - 1]
    assert best["val_f1"] == max(epoch["val_f1"] for epoch in results["history"])
    assert best["val_f1"] == results["metrics"]["f1"]


@fast_on_torch
def test_what_is_left_behind(finished):
    _, config = finished
    assert {path.name for path in config.output.iterdir()} == {
        ".lock",
        "command.txt",
        "config.json",
        "dev_predictions.conll",
        "learning_curve.png",
        "predictions.conll",
        "preset",
        "results.json",
        "scores.png",
    }


@fast_on_torch
def test_tags_of_new_words(finished):
    """All words in their order, whatever their number and their length."""
    _, config = finished
    written = columns(config.output / "predictions.conll")
    assert [list(words) for words, _ in written] == NEW
    first, second, third, fourth = (tags for _, tags in written)
    assert first == ("B-PER", "I-PER", "O", "B-PER", "O")
    assert second == ("O", "O", "B-LOC")
    # The class of a word is that of its first piece.
    assert third == ("O", "B-LOC", "O", "B-LOC", "I-LOC")
    assert fourth == ("O", "B-LOC") * 15


@fast_on_torch
def test_the_preset_classifies_the_same(finished):
    _, config = finished
    preset = config.output / "preset"
    names = json.loads((preset / "classes.json").read_text(encoding="utf-8"))
    assert names == ["O", "B-LOC", "I-LOC", "B-PER", "I-PER"]
    classifier = models.BiGSTokenClassifier.from_preset(str(preset))
    (row,) = classifier.classify_words([NEW[0]])
    assert [names[word["class_id"]] for word in row] == [
        *("B-PER", "I-PER", "O", "B-PER", "O")
    ]


@fast_on_torch
def test_a_finished_run_is_left_alone(finished, tmp_path, monkeypatch, capsys):
    folder, config = finished
    monkeypatch.setattr(EncoderConfig, "build", None)
    ner.main(config)
    scores = read_results(config)["types"]["LOC"]
    row = [x for x in capsys.readouterr().out.splitlines() if " LOC " in x]
    for name in ("precision", "recall", "f1"):
        assert f"{100 * scores[name]:.1f}" in row[0]
    other = parse(folder, predict=config.predict, seed=1)
    with pytest.raises(errors.ConfigError, match="results of other options.*: seed"):
        ner.main(other)
    # The same words with other tags are other data.
    dev = write(tmp_path / "dev.conll", sentences(20, 1, ("elba", "O")))
    with pytest.raises(errors.ConfigError, match="results of other.*: data_sha256"):
        ner.main(parse(folder, predict=config.predict, dev=dev))


def test_tag_that_training_never_saw(folder, nothing_built):
    write(folder / "dev.conll", [[("the", "O")], [("old", "O"), ("elba", "B-MISC")]])
    config = parse(folder)
    # Line 3 is "the", lines 1 and 5 are markers, lines between them blank.
    message = "dev.conll, the sentence from line 8: 'B-MISC' is of a type"
    with pytest.raises(errors.DataError, match=message):
        ner.main(config)
    assert not config.output.exists()


def test_no_entities(folder, nothing_built):
    write(folder / "train.conll", [[("the", "O"), ("old", "O")], [("lady", "O")]])
    config = parse(folder)
    with pytest.raises(errors.DataError, match="train.conll has no entities: all tags"):
        ner.main(config)
    assert not config.output.exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": "enormous"}, "--model enormous is neither"),
        ({"epochs": 0}, "`epochs` must be"),
        ({"tag_column": 1}, "train.conll, line 3: 'NN' in column 1 is no tag of IOB1"),
        ({"word_column": 3}, "train.conll, line 3: there is nothing in column 3"),
        ({"predict": "{}/none.txt"}, "none.txt"),
    ],
)
def test_errors_come_before_the_work(folder, change, message, nothing_built):
    change = {
        name: value.format(folder) if isinstance(value, str) else value
        for name, value in change.items()
    }
    config = parse(folder, **change)
    with pytest.raises(errors.UserError, match=message):
        ner.main(config)
    assert not config.output.exists()
