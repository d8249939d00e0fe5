"""`python -m keras_bigs.convert`."""

import dataclasses
import json
import pathlib
import re
import shutil
import subprocess
import sys
import typing

import numpy as np
import pytest
from keras_hub.models import BertBackbone
from safetensors.numpy import load_file
from safetensors.numpy import save_file

from keras_bigs import errors
from keras_bigs import models
from keras_bigs.convert import __main__ as cli
from keras_bigs.convert.conversion import convert
from keras_bigs.convert.source import TASKS
from tests.backend import to_numpy
from tests.convert.agreement_test import ORIGINAL

VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "fox"]
PIECES = VOCABULARY + [f"word{i}" for i in range(54)]


@pytest.fixture
def vocabulary(tmp_path):
    path = tmp_path / "pieces.txt"
    path.write_text("\n".join(PIECES) + "\n")
    return path


@pytest.fixture
def checkpoint(tmp_path):
    """Copies a checkpoint to change."""

    def copy(name, **config):
        directory = tmp_path / name
        shutil.copytree(ORIGINAL / name, directory)
        path = directory / "config.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **config}))
        return directory

    return copy


def run(source, destination, **options):
    convert(str(source), destination, **options)


def printed(capsys):
    """What was printed, whatever the width of the terminal."""
    return re.sub(r"[\s│|]+", " ", capsys.readouterr().out)


@pytest.mark.parametrize("to", ["keras", "original"])
def test_command(to, tmp_path):
    source = ORIGINAL / "torch_masked_lm"
    vocabulary = tmp_path / "vocab.txt"
    pieces = VOCABULARY + [f"word{i}" for i in range(54)]
    vocabulary.write_text("\n".join(pieces) + "\n")
    run(source, tmp_path / "preset", vocabulary=vocabulary)
    masked_lm = models.BiGSMaskedLM.from_preset(str(tmp_path / "preset"))
    assert masked_lm.fill_mask("the [MASK] word3", top_k=2)
    if to == "original":
        run(tmp_path / "preset", tmp_path / "original", to=to)
        assert (tmp_path / "original" / "vocab.txt").read_text().splitlines() == pieces
        again = models.BiGSMaskedLM.from_preset(str(tmp_path / "original"))
        assert again.fill_mask("the [MASK]", 1) == masked_lm.fill_mask("the [MASK]", 1)


def test_heads_of_the_same_name(tmp_path):
    source, target = ORIGINAL / "torch_token_classifier", tmp_path / "preset"
    with pytest.raises(errors.CheckpointError, match="Pass --task"):
        run(source, target)
    run(source, target, task="token_classifier")
    again = models.BiGSTokenClassifier.from_preset(str(target))
    assert again.num_classes == 5


HELP = """
import sys
from keras_bigs.convert.__main__ import main
try:
    main(["--help"])
finally:
    assert not {"keras", "numpy"} & {*sys.modules}
"""


@pytest.mark.without_backend
def test_help_does_not_wait_for_keras():
    command = [sys.executable, "-c", HELP]
    root = pathlib.Path(__file__).parents[2]
    result = subprocess.run(command, capture_output=True, text=True, cwd=root)
    assert result.returncode == 0, result.stderr
    assert "--vocabulary" in result.stdout


@pytest.mark.without_backend
def test_every_task_can_be_named():
    (task,) = (f for f in dataclasses.fields(cli.Config) if f.name == "task")
    assert {*typing.get_args(typing.get_args(task.type)[0])} == {*TASKS}


def test_what_is_told(tmp_path, capsys):
    run(ORIGINAL / "flax_masked_lm", tmp_path / "preset")
    out = printed(capsys)
    assert "tokenizer none" in out
    assert "new, to be trained pooled_dense/" in out
    assert "Note:" in out
    assert "equals the model that was written, bit for bit" in out
    run(tmp_path / "preset", tmp_path / "original", to="original")
    out = printed(capsys)
    assert "not written pooled_dense/" in out
    assert "new, to be trained" not in out
    run(ORIGINAL / "torch_masked_lm", tmp_path / "another")
    out = printed(capsys)
    assert "new, to be trained" not in out
    assert "Note:" not in out


def test_labels_of_the_source_are_kept(checkpoint, tmp_path):
    labels = {"0": "no", "1": "maybe", "2": "yes"}
    source = checkpoint("torch_text_classifier", id2label=labels)
    run(source, tmp_path / "preset", task="text_classifier")
    config = json.loads((tmp_path / "preset" / "original_config.json").read_text())
    assert config["id2label"] == labels


@pytest.mark.parametrize("how", ["file", "option", "both"])
def test_an_encoder_keeps_its_vocabulary(how, checkpoint, vocabulary, tmp_path, capsys):
    """Tasks find it beside the encoder, and the way back takes it along."""
    config = {"architectures": ["FlaxBiGSForNextSentencePrediction"]}
    source = checkpoint("flax_text_classifier", **config)
    if how == "file":
        shutil.copy(vocabulary, source / "vocab.txt")
    elif how == "both":
        (source / "vocab.txt").write_text("\n".join(VOCABULARY))
    option = None if how == "file" else vocabulary
    run(source, tmp_path / "preset", vocabulary=option)
    out = printed(capsys)
    assert "class BiGSBackbone" in out
    assert "tokenizer 61 word pieces" in out
    assert "unknown architecture 'FlaxBiGSForNextSentencePrediction'" in out
    masked_lm = models.BiGSMaskedLM.from_preset(str(tmp_path / "preset"))
    assert masked_lm.preprocessor.tokenizer.get_vocabulary() == PIECES
    run(tmp_path / "preset", tmp_path / "original", to="original")
    written = (tmp_path / "original" / "vocab.txt").read_text().splitlines()
    assert written == PIECES
    backbone = models.BiGSBackbone.from_preset(str(tmp_path / "original"))
    for one, two in zip(backbone.weights, masked_lm.backbone.weights, strict=True):
        np.testing.assert_array_equal(to_numpy(one), to_numpy(two))


def test_a_vocabulary_for_a_preset_without(vocabulary, tmp_path):
    run(ORIGINAL / "flax_text_classifier", tmp_path / "preset")
    run(tmp_path / "preset", tmp_path / "a", to="original", vocabulary=vocabulary)
    assert (tmp_path / "a" / "vocab.txt").read_text().splitlines() == PIECES


def test_a_vocabulary_for_a_preset_of_case(vocabulary, tmp_path):
    """It stays one of capitals and accents."""
    tokenizer = models.BiGSTokenizer(PIECES, lowercase=False, strip_accents=False)
    backbone = models.BiGSBackbone(*(len(PIECES), 1, 4, 8, 4), max_sequence_length=16)
    preprocessor = models.BiGSMaskedLMPreprocessor(tokenizer, sequence_length=16)
    models.BiGSMaskedLM(backbone, preprocessor).save_to_preset(str(tmp_path / "preset"))
    run(tmp_path / "preset", tmp_path / "a", to="original", vocabulary=vocabulary)
    written = json.loads((tmp_path / "a" / "tokenizer_config.json").read_text())
    assert written["do_lower_case"] is False and written["strip_accents"] is False


def test_a_vocabulary_smaller_than_the_encoder(tmp_path):
    (tmp_path / "few.txt").write_text("\n".join(VOCABULARY))
    vocabulary = tmp_path / "few.txt"
    run(ORIGINAL / "torch_masked_lm", tmp_path / "preset", vocabulary=vocabulary)
    masked_lm = models.BiGSMaskedLM.from_preset(str(tmp_path / "preset"))
    assert masked_lm.preprocessor.sequence_length == 24
    guesses = masked_lm.fill_mask("the [MASK]", top_k=7)[0]
    assert {guess["token"] for guess in guesses} == set(VOCABULARY)
    run(tmp_path / "preset", tmp_path / "original", to="original")
    again = models.BiGSMaskedLM.from_preset(str(tmp_path / "original"))
    assert again.fill_mask("the [MASK]", top_k=7)[0] == guesses


@pytest.mark.parametrize("name", ["flax_masked_lm", "flax_text_classifier"])
def test_a_vocabulary_larger_than_the_encoder(name, tmp_path):
    (tmp_path / "many.txt").write_text("\n".join([*PIECES, "one", "more"]))
    with pytest.raises(ValueError, match="63"):
        run(ORIGINAL / name, tmp_path / "preset", vocabulary=tmp_path / "many.txt")
    assert not (tmp_path / "preset").exists()


def test_a_broken_tokenizer_is_no_missing_one(checkpoint, tmp_path):
    source = checkpoint("torch_masked_lm")
    (source / "tokenizer.json").write_text("{")
    with pytest.raises(errors.CheckpointError, match="tokenizer.json is no JSON"):
        run(source, tmp_path / "preset")


def test_a_task_that_the_checkpoint_is_not_for(tmp_path):
    with pytest.raises(errors.CheckpointError, match="Leave out --task"):
        run(ORIGINAL / "torch_masked_lm", tmp_path / "a", task="token_classifier")


@pytest.mark.parametrize("head", ["classifier", "cls"])
def test_a_head_that_is_named_but_absent(head, checkpoint, tmp_path, capsys):
    name = {"classifier": "TokenClassification", "cls": "MaskedLM"}[head]
    source = checkpoint("torch_question_answering", architectures=[f"BiGSFor{name}"])
    path = source / "model.safetensors"
    tensors = {n: x for n, x in load_file(path).items() if "qa_outputs" not in n}
    save_file(tensors, path)
    run(source, tmp_path / "preset")
    out = printed(capsys)
    assert "class BiGSBackbone" in out
    assert "has no weights of its head" in out


def test_padding_that_is_masked(tmp_path, capsys):
    backbone = models.BiGSBackbone(9, 1, 8, 24, state_dim=4)
    backbone.save_to_preset(str(tmp_path / "preset"))
    run(tmp_path / "preset", tmp_path / "original", to="original")
    assert "Note: This model has `mask_padding=True`" in printed(capsys)


def test_presets_that_the_original_lacks(tmp_path):
    backbone = models.BiGSBackbone(9, 1, 8, 24, state_dim=4)
    models.BiGSTextEmbedder(backbone).save_to_preset(str(tmp_path / "embedder"))
    with pytest.raises(ValueError, match="no BiGSTextEmbedder. Save its `backbone`"):
        run(tmp_path / "embedder", tmp_path / "a", to="original")
    bert = BertBackbone(9, 1, 1, 8, 16)
    bert.save_to_preset(str(tmp_path / "bert"))
    with pytest.raises(errors.CheckpointError, match="a BertBackbone, not a BiGS"):
        run(tmp_path / "bert", tmp_path / "a", to="original")


def test_errors_without_a_traceback(tmp_path, monkeypatch, checkpoint, vocabulary):
    """Whatever is wrong with the paths or files is one line and exit code 1."""
    odd, bert = {}, '{"model_type": "bert"}'
    for name, text in {
        "cut": "{",
        "list": "[]",
        "number": "5",
        "bert": bert,
        "none": None,
    }.items():
        odd[name] = tmp_path / name
        odd[name].mkdir()
        if text is not None:
            (odd[name] / "config.json").write_text(text)
    (tmp_path / "model_type").mkdir()
    (tmp_path / "model_type" / "config.json").write_text('["model_type"]')
    source = ORIGINAL / "torch_masked_lm"
    gone = str(tmp_path / "gone.txt")
    commands = [
        *([path, tmp_path / "new"] for path in odd.values()),
        [tmp_path / "model_type", tmp_path / "new"],
        [tmp_path / "gone", tmp_path / "new"],
        [source, vocabulary],
        [source, vocabulary / "inside"],
        [source, tmp_path],
        [source, tmp_path / "new", "--vocabulary", gone],
        [source, tmp_path / "new", "--task", "multiple_choice"],
    ]
    for command in commands:
        monkeypatch.setattr(sys, "argv", ["convert", *map(str, command)])
        with pytest.raises(SystemExit) as caught:
            errors.run(cli.main)
        assert str(caught.value.code).startswith("error: "), command
        assert not (tmp_path / "new").exists()


def test_a_classifier_comes_back_as_it_was(checkpoint, tmp_path):
    """Its dropout, and what its classes are called."""
    labels = {"0": "no", "1": "maybe", "2": "yes"}
    options = {"id2label": labels, "classifier_dropout": 0.35}
    source = checkpoint("torch_text_classifier", **options)
    run(source, tmp_path / "preset", task="text_classifier")
    run(tmp_path / "preset", tmp_path / "back", to="original")
    config = json.loads((tmp_path / "back" / "config.json").read_text())
    assert {name: config[name] for name in options} == options
    assert config["label2id"] == {"no": 0, "maybe": 1, "yes": 2}
    # Fine-tuned on other classes since.
    (tmp_path / "preset" / "classes.json").write_text('["a", "b", "c"]')
    run(tmp_path / "preset", tmp_path / "tuned", to="original")
    config = json.loads((tmp_path / "tuned" / "config.json").read_text())
    assert list(config["id2label"].values()) == ["a", "b", "c"]
    with pytest.raises(errors.ConfigError, match="is a preset: leave it out"):
        run(
            tmp_path / "preset",
            tmp_path / "no",
            to="original",
            task="text_classifier",
        )
    assert not (tmp_path / "no").exists()
