"""The tokenizer of a checkpoint: its word pieces, its capitals, its length."""

import json
import pathlib
import shutil

import numpy as np
import pytest

from keras_bigs import models
from keras_bigs.errors import CheckpointError
from keras_bigs.errors import DataError
from tests.convert.agreement_test import ORIGINAL
from tests.convert.loader_test import PIECES

TASKS = [
    models.BiGSMaskedLM,
    models.BiGSTextClassifier,
    models.BiGSTokenClassifier,
    models.BiGSQuestionAnswerer,
    models.BiGSMultipleChoice,
    models.BiGSTextEmbedder,
]


@pytest.fixture
def directory(tmp_path):
    """A checkpoint with a pooler and no vocabulary."""
    shutil.copytree(ORIGINAL / "torch_masked_lm", tmp_path / "checkpoint")
    return tmp_path / "checkpoint"


def write(directory, file, contents):
    if not isinstance(contents, str):
        contents = json.dumps(contents)
    (directory / file).write_text(contents)


IDS = {piece: i for i, piece in enumerate(PIECES)}
CASED = {"type": "BertNormalizer", "lowercase": False, "strip_accents": None}


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        ({**IDS, "word52": 61}, "the ids of its 61 word pieces are not 0 to 60"),
        ({**IDS, "word52": 59}, "are not 0 to 60"),
        ({**IDS, "word52": "60"}, "are not 0 to 60"),
        ({**IDS, "word52": -1}, "are not 0 to 60"),
        ({}, "has no WordPiece"),
        (list(IDS), "has no WordPiece"),
    ],
)
def test_ids_with_a_gap(directory, ids, message):
    write(directory, "tokenizer.json", {"model": {"vocab": ids}})
    with pytest.raises(CheckpointError, match=message):
        models.BiGSTokenizer.from_preset(str(directory))


def test_another_kind_of_tokenizer(directory):
    contents = {"model": {"type": "BPE", "vocab": IDS}}
    write(directory, "tokenizer.json", contents)
    with pytest.raises(CheckpointError, match="has no WordPiece"):
        models.BiGSTokenizer.from_preset(str(directory))
    contents["model"]["type"] = "WordPiece"
    write(directory, "tokenizer.json", contents)
    assert models.BiGSTokenizer.from_preset(str(directory)).vocabulary_size() == 61


@pytest.mark.parametrize("contents", ["{", "[]", '"text"', "\x00", "[" * 100_000])
def test_a_broken_tokenizer_json(directory, contents):
    write(directory, "tokenizer.json", contents)
    with pytest.raises(CheckpointError, match="tokenizer.json"):
        models.BiGSTokenizer.from_preset(str(directory))


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        (b"\xff\xfe\x00", "no UTF-8 text"),
        ("\n".join([*PIECES, "cafe"]).encode(), "'cafe' .lines 8 and 62"),
    ],
)
def test_a_broken_vocabulary(directory, contents, message):
    (directory / "vocab.txt").write_bytes(contents)
    path = directory / "other.txt"
    path.write_bytes(contents)
    with pytest.raises(DataError, match=message):
        models.BiGSTokenizer.from_preset(str(directory))
    with pytest.raises(DataError, match=message):
        models.BiGSMaskedLM.from_preset(str(directory), vocabulary=path)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, (True, True)),
        ({"tokenizer_config.json": {"do_lower_case": False}}, (False, False)),
        ({"tokenizer_config.json": {"do_lower_case": True}}, (True, True)),
        (
            {"tokenizer_config.json": {"do_lower_case": True, "strip_accents": False}},
            (True, False),
        ),
        (
            {
                "tokenizer.json": {"model": {"vocab": IDS}, "normalizer": CASED},
                "tokenizer_config.json": {"do_lower_case": True},
            },
            (False, False),
        ),
        ({"tokenizer.json": {"normalizer": None}}, (True, True)),
    ],
)
def test_capitals(directory, files, expected):
    write(directory, "vocab.txt", "\n".join(PIECES))
    for file, contents in files.items():
        write(directory, file, contents)
    tokenizer = models.BiGSTokenizer.from_preset(str(directory))
    assert (tokenizer.lowercase, tokenizer.strip_accents) == expected
    asked = models.BiGSTokenizer.from_preset(str(directory), lowercase=True)
    assert asked.lowercase


def test_capitals_of_no_kind(directory):
    write(directory, "vocab.txt", "\n".join(PIECES))
    write(directory, "tokenizer_config.json", {"do_lower_case": "no"})
    with pytest.raises(CheckpointError, match="`lowercase` is 'no'"):
        models.BiGSTokenizer.from_preset(str(directory))


@pytest.mark.parametrize("cls", TASKS)
def test_preprocessors(directory, cls):
    """They pack as many tokens as the model has positions."""
    path = directory / "pieces.txt"
    path.write_text("\n".join(PIECES) + "\n")
    for vocabulary in (PIECES, path, str(path)):
        preprocessor = cls.preprocessor_cls.from_preset(
            str(directory), vocabulary=vocabulary
        )
        assert type(preprocessor) is cls.preprocessor_cls
        assert preprocessor.tokenizer.get_vocabulary() == PIECES
        assert preprocessor.sequence_length == 24
    preprocessor = cls.preprocessor_cls.from_preset(
        str(directory), vocabulary=PIECES, sequence_length=16
    )
    assert preprocessor.sequence_length == 16


@pytest.mark.parametrize("positions", [24, 700])
def test_tasks_pack_what_the_model_takes(directory, positions, monkeypatch):
    from keras_bigs.convert import loader

    path = directory / "config.json"
    config = json.loads(path.read_text())
    write(directory, "config.json", {**config, "max_position_embeddings": positions})
    # Weights do not matter here.
    monkeypatch.setattr(loader, "assign_weights", lambda *args, **kwargs: [])
    monkeypatch.setattr(loader, "check_sizes", lambda *args: None)
    for cls in (models.BiGSMaskedLM, models.BiGSTextEmbedder):
        task = cls.from_preset(
            str(directory), vocabulary=pathlib.Path(_pieces(directory))
        )
        assert task.preprocessor.sequence_length == positions


def _pieces(directory):
    path = directory / "pieces.txt"
    path.write_text("\n".join(PIECES))
    return path


def test_a_path_object_for_the_tokenizer(directory):
    tokenizer = models.BiGSTokenizer(_pieces(directory))
    np.testing.assert_array_equal(tokenizer("cafe"), [7])


def test_vocabulary_or_tokenizer(directory):
    with pytest.raises(ValueError, match="Leave out `vocabulary` or `tokenizer`"):
        models.BiGSMaskedLMPreprocessor.from_preset(
            str(directory), vocabulary=PIECES, tokenizer=models.BiGSTokenizer(PIECES)
        )


def test_vocabulary_or_preprocessor(directory):
    for preprocessor in (
        None,
        models.BiGSMaskedLMPreprocessor(models.BiGSTokenizer(PIECES)),
    ):
        with pytest.raises(ValueError, match="Leave out `vocabulary` or"):
            models.BiGSMaskedLM.from_preset(
                str(directory), preprocessor=preprocessor, vocabulary=PIECES
            )
