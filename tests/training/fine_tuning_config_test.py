"""What fine-tuning starts from: presets and sizes, their vocabularies and lengths."""

import json
import pathlib

import keras
import keras_hub
import pytest

from keras_bigs import errors
from keras_bigs import models
from keras_bigs.training.fine_tuning_config import EncoderConfig
from keras_bigs.training.fine_tuning_config import FineTuningConfig

ORIGINAL = pathlib.Path(__file__).parents[1] / "fixtures/original/torch_text_classifier"
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
TEXTS = ["the film is fine and long", "the film is dull"] * 10


@pytest.fixture(scope="module", autouse=True)
def toy_size():
    sizes = {"num_layers": 1, "hidden_dim": 8, "intermediate_dim": 16}
    models.CONFIGS["toy"] = {**sizes, "block": "stack", "routing": "convolution"}
    yield
    del models.CONFIGS["toy"]


@pytest.fixture(scope="module")
def preset(tmp_path_factory):
    """Of a classifier of 16 tokens."""
    path = tmp_path_factory.mktemp("preset") / "toy"
    build().save_to_preset(str(path))
    return str(path)


def write_vocabulary(path, more=("film", "the")):
    path.write_text("\n".join([*SPECIAL, *more]))
    return path


def build(**changes):
    options = {"model": "toy", "vocabulary_size": 200, "sequence_length": 16}
    config = EncoderConfig(**{**options, **changes})
    config.check()
    return config.text_classifier(2, lambda: TEXTS)


def test_from_the_preset_of_the_package(monkeypatch):
    load, loaded = models.BiGSBackbone.from_preset, []

    def from_preset(*args, **kwargs):
        loaded.append(load(*args, **kwargs))
        return loaded[0]

    monkeypatch.setattr(models.BiGSBackbone, "from_preset", from_preset)
    classifier = build(model="bigs_mini_en_uncased", sequence_length=None)
    assert classifier.backbone is loaded[0]
    assert classifier.backbone.count_params() == 7_459_440
    assert classifier.num_classes == 2
    assert classifier.preprocessor.sequence_length == 128
    tokenizer = classifier.preprocessor.tokenizer
    assert tokenizer.vocabulary_size() == classifier.backbone.vocabulary_size


def test_a_name_of_two_things(tmp_path, monkeypatch):
    """A size, and a directory that is there."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mini").mkdir()
    with pytest.raises(errors.ConfigError, match="write --model ./mini"):
        EncoderConfig(model="mini").check()
    with pytest.raises(errors.ConfigError, match="the directory is no preset"):
        EncoderConfig(model="./mini").check()


def test_sequences_longer_than_the_preset_takes(preset):
    with pytest.raises(
        errors.ConfigError, match=r"17 is above the 16 .*recipes.extend"
    ):
        build(model=preset, sequence_length=17)
    # Found out before any data are read; of the original's checkpoints too.
    with pytest.raises(errors.ConfigError, match="4096 is above the 512"):
        EncoderConfig(model="bigs_mini_en_uncased", sequence_length=4096).check()
    length = json.loads((ORIGINAL / "config.json").read_text())
    length = length["max_position_embeddings"]
    with pytest.raises(errors.ConfigError, match=f"99999 is above the {length}"):
        EncoderConfig(model=str(ORIGINAL), sequence_length=99999)._check_length()


def test_vocabulary_of_weights_that_have_none(tmp_path):
    config = json.loads((ORIGINAL / "config.json").read_text())
    words = [f"[unused{i}]" for i in range(config["vocab_size"] - 6)]
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "film"]
    vocabulary = tmp_path / "vocab.txt"
    vocabulary.write_text("\n".join([*special, *words]))
    classifier = build(model=str(ORIGINAL), vocabulary=vocabulary, sequence_length=None)
    tokenizer = classifier.preprocessor.tokenizer
    assert tokenizer.get_vocabulary() == [*special, *words]
    with pytest.raises(errors.ConfigError, match="without a vocabulary. Give its own"):
        build(model=str(ORIGINAL), sequence_length=None)


def test_dropout_of_weights_that_have_their_own(tmp_path):
    """The original's: of the embeddings only."""
    vocabulary = tmp_path / "vocab.txt"
    size = json.loads((ORIGINAL / "config.json").read_text())["vocab_size"]
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    vocabulary.write_text("\n".join([*special, *map(str, range(size - 5))]))
    options = {
        "model": str(ORIGINAL),
        "vocabulary": vocabulary,
        "sequence_length": None,
    }
    config = build(**options, dropout=0.3).backbone.get_config()
    assert (config["dropout"], config["embedding_dropout"]) == (0.3, None)


def test_vocabulary_from_scratch(tmp_path):
    vocabulary = write_vocabulary(tmp_path / "vocab.txt")
    classifier = build(vocabulary=vocabulary)
    pieces = classifier.preprocessor.tokenizer.get_vocabulary()
    assert pieces == vocabulary.read_text().split("\n")
    assert classifier.backbone.vocabulary_size == len(pieces)


def test_vocabulary_of_weights_that_have_their_own(preset, tmp_path):
    with pytest.raises(errors.ConfigError, match="vocabulary of its own. Leave out"):
        build(model=preset, vocabulary=write_vocabulary(tmp_path / "vocab.txt"))


def test_every_routing_from_scratch(tmp_path):
    options = {"vocabulary": write_vocabulary(tmp_path / "vocab.txt")}
    for routing in (None, "attention", "ssm"):
        classifier = build(**options, routing=routing)
        expected = routing or "convolution"
        assert classifier.backbone.get_config()["routing"] == expected
    with pytest.raises(errors.ConfigError, match="--routing magic is not one of"):
        build(**options, routing="magic")


def test_routing_of_a_preset(preset):
    with pytest.raises(errors.ConfigError, match="is a preset, which has its own"):
        build(model=preset, routing="ssm")


def test_freeze_ssm(tmp_path):
    """As the original's `run_glue_freeze.py`: A, C, D and the step stay."""
    vocabulary = write_vocabulary(tmp_path / "vocab.txt")
    options = {"vocabulary": vocabulary, "routing": "ssm"}
    frozen, free = build(**options, freeze_ssm=True), build(**options)
    kept = {v.name for v in frozen.non_trainable_variables}
    assert kept >= {"A_re", "A_im", "C", "D", "log_step"}
    names = [v.name for v in frozen.trainable_variables]
    assert not {"A_re", "A_im", "C", "D", "log_step"} & set(names)
    assert len(free.trainable_variables) == len(names) + 10  # of two directions
    with pytest.raises(errors.ConfigError, match="has no SSM"):
        build(vocabulary=vocabulary, freeze_ssm=True)


def test_tasks_and_their_lengths(tmp_path):
    config = EncoderConfig(
        model="toy", vocabulary=write_vocabulary(tmp_path / "vocab.txt"), dropout=0.3
    )
    tasks = {
        128: config.text_classifier(3, None, multi_label=True),
        384: config.question_answerer(None),
        512: config.multiple_choice(None),
    }
    for length, task in tasks.items():
        assert task.preprocessor.sequence_length == length
        assert task.backbone.max_sequence_length == length
        assert task.dropout == 0.3
    assert tasks[128].multi_label
    assert config.token_classifier(5, None).num_classes == 5


def test_a_baseline_of_keras_hub(tmp_path):
    tokenizer = keras_hub.models.BertTokenizer([*SPECIAL, "film"], lowercase=True)
    bert = keras_hub.models.BertBackbone(
        vocabulary_size=6,
        num_layers=1,
        num_heads=1,
        hidden_dim=4,
        intermediate_dim=4,
        max_sequence_length=32,
    )
    preset = tmp_path / "bert"
    bert.save_to_preset(str(preset))
    tokenizer.save_to_preset(str(preset))
    classifier = build(model=str(preset), sequence_length=None)
    assert classifier.preprocessor.sequence_length == 32
    assert classifier.backbone.backbone.count_params() == bert.count_params()
    assert classifier.predict(["film"], verbose=0).shape == (1, 2)


@pytest.mark.without_backend
def test_a_name_that_is_misspelt():
    with pytest.raises(errors.ConfigError, match="large.* Did you mean bigs_mini_en_u"):
        EncoderConfig(model="bigs_minii_en_uncased").check()


def test_a_mesh_that_is_none():
    """Found out before any data are read."""
    with pytest.raises(errors.ConfigError, match="A mesh is written as"):
        FineTuningConfig(mesh="rows=2").check()
    with pytest.raises(errors.ConfigError, match="not divided between"):
        FineTuningConfig(mesh="sequence=2").check()
    message = "16 devices cannot share batches of 8"
    if keras.backend.backend() != "jax":
        message = "`mesh` needs KERAS_BACKEND=jax"
    with pytest.raises(errors.ConfigError, match=message):
        FineTuningConfig(mesh="batch=16", batch_size=8).check()


def test_settings_are_what_the_result_depends_on():
    one, other = FineTuningConfig(), FineTuningConfig(save_every=1)
    assert one.settings() == other.settings()
    assert one.settings() != FineTuningConfig(seed=1).settings()
