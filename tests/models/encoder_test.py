"""keras-hub's BERT, FNet and BART in this library's tasks."""

import importlib.util
import io

import keras
import keras_hub
import numpy as np
import pytest
import tensorflow as tf

from keras_bigs import models
from keras_bigs.models import packed_preprocessor
from tests.backend import fast_on_torch
from tests.backend import to_numpy
from tests.weights import randomize

PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
PIECES += ["it", "rain", "##ed", "she", "got", "wet", "who", "?", "."]
BYTES = ["<s>", "<pad>", "</s>", "<mask>", *"itranedshgowu?.", "Ġ", "Ġs", "he", "Ġshe"]
MERGES = ["Ġ s", "h e", "Ġs he"]
SIZES = {"num_layers": 1, "hidden_dim": 8, "intermediate_dim": 16}
SIZES |= {"max_sequence_length": 24, "dropout": 0.0}
CONTEXTS = ["it rained.", "she got wet."]
CHOICES = [["she got wet.", "it rained?"], ["who?", "she"]]


def f_net_tokenizer():
    if importlib.util.find_spec("sentencepiece") is None:
        pytest.skip("sentencepiece is not installed")
    import sentencepiece

    proto = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([*CONTEXTS, "who ?"]),
        model_writer=proto,
        vocab_size=20,
        model_type="WORD",
        hard_vocab_limit=False,
        pad_id=3,
        unk_id=0,
        bos_id=4,
        eos_id=5,
        pad_piece="<pad>",
        unk_piece="<unk>",
        bos_piece="[CLS]",
        eos_piece="[SEP]",
        user_defined_symbols="[MASK]",
        minloglevel=2,
    )
    return keras_hub.models.FNetTokenizer(proto.getvalue())


def bart_tokenizer():
    vocabulary = {token: i for i, token in enumerate(BYTES)}
    return keras_hub.models.BartTokenizer(vocabulary, MERGES)


def bert_tokenizer():
    return keras_hub.models.BertTokenizer(PIECES, lowercase=True)


def bert(**kwargs):
    return keras_hub.models.BertBackbone(len(PIECES), num_heads=2, **SIZES, **kwargs)


def f_net(**kwargs):
    return keras_hub.models.FNetBackbone(20, **SIZES, **kwargs)


def bart(**kwargs):
    return keras_hub.models.BartBackbone(len(BYTES), num_heads=2, **SIZES, **kwargs)


BACKBONES = [bert, f_net, bart]
PARTS = [(bert, bert_tokenizer), (f_net, f_net_tokenizer), (bart, bart_tokenizer)]


def inputs(length=7):
    """Three texts: full, padded, and nothing but padding."""
    mask = np.arange(length) < np.array([[length], [4], [0]])
    token_ids = np.random.default_rng(0).integers(5, 14, mask.shape)
    return {
        "token_ids": np.where(mask, token_ids, 1).astype("int32"),
        "segment_ids": np.array([[0, 0, 1, 1, 1, 1, 1] + [0] * (length - 7)] * 3),
        "padding_mask": mask.astype("int32"),
    }


def save(folder, backbone, tokenizer):
    """A preset as keras-hub writes it."""
    backbone.save_to_preset(str(folder))
    tokenizer.save_to_preset(str(folder))
    return str(folder)


def ids(tokenizer, text):
    return np.array(tokenizer(text)).tolist()


def assert_same(actual, expected):
    actual, expected = (
        [to_numpy(x) for x in keras.tree.flatten(xs)] for xs in (actual, expected)
    )
    for one, other in zip(actual, expected, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("make", [bert, f_net])
def test_outputs_are_the_backbones(make):
    backbone, x = randomize(make()), inputs()
    encoder = models.PooledEncoder(backbone)
    own = backbone({name: x[name] for name in backbone.input})
    assert_same(encoder(x), {key: own[key] for key in encoder(x)})
    assert set(encoder(x)) == {"sequence_output", "pooled_output"}


def test_bart_reads_the_text_twice():
    backbone, x = randomize(bart()), inputs()
    encoder = models.PooledEncoder(backbone)
    randomize(encoder.pooled_dense)
    outputs = {key: to_numpy(value) for key, value in encoder(x).items()}
    own = backbone(
        {
            "encoder_token_ids": x["token_ids"],
            "decoder_token_ids": x["token_ids"],
            "encoder_padding_mask": x["padding_mask"],
            "decoder_padding_mask": x["padding_mask"],
        }
    )
    assert_same(outputs["sequence_output"], own["decoder_sequence_output"])
    kernel, bias = (to_numpy(weight) for weight in encoder.pooled_dense.weights)
    mean = outputs["sequence_output"][1, :4].mean(axis=0)
    expected = np.tanh(mean @ kernel + bias)
    np.testing.assert_allclose(outputs["pooled_output"][1], expected, atol=1e-6)
    np.testing.assert_allclose(outputs["pooled_output"][2], np.tanh(bias), atol=1e-6)


def test_special_tokens_of_a_pair():
    """BART has two between the texts."""
    assert packed_preprocessor.special_tokens_of_pair(bert_tokenizer()) == 3
    assert packed_preprocessor.special_tokens_of_pair(bart_tokenizer()) == 4


@pytest.mark.parametrize("make", [bert, bart])
def test_padding_does_not_matter(make):
    encoder = randomize(models.PooledEncoder(make()))
    assert encoder.depends_on_padding is False
    short, long = inputs(), inputs(11)
    long["token_ids"][:] = 6
    long["token_ids"][:, :7] = short["token_ids"]
    long["padding_mask"][0, 7:] = 0
    one, other = encoder(short), encoder(long)
    for key, real in (
        ("pooled_output", np.s_[:2]),
        ("sequence_output", (np.arange(2)[:, None], np.arange(4))),
    ):
        np.testing.assert_allclose(
            to_numpy(one[key])[real], to_numpy(other[key])[real], atol=1e-6, rtol=1e-5
        )
    assert models.PooledEncoder(f_net()).depends_on_padding is True


@pytest.mark.parametrize("make", BACKBONES)
def test_attributes_and_config(make):
    backbone = make(dtype="mixed_bfloat16")
    encoder = models.PooledEncoder(backbone, name="baseline")
    copy = models.PooledEncoder.from_config(encoder.get_config())
    for one in (encoder, copy):
        assert one.name == "baseline"
        assert type(one.backbone) is type(backbone)
        assert one.dtype_policy.name == one.backbone.dtype_policy.name
        assert one.dtype_policy.name == "mixed_bfloat16"
        assert (one.hidden_dim, one.max_sequence_length) == (8, 24)
        assert one.vocabulary_size == backbone.vocabulary_size
        assert list(one.input) == ["token_ids", "segment_ids", "padding_mask"]
    assert copy.get_config() == encoder.get_config()
    for output in encoder(inputs()).values():
        assert keras.backend.standardize_dtype(output.dtype) == "bfloat16"


@pytest.mark.parametrize(("make", "make_tokenizer"), PARTS)
@fast_on_torch
def test_presets(make, make_tokenizer, tmp_path):
    """keras-hub's are wrapped, ours come back, and both take other options."""
    backbone, tokenizer = randomize(make()), make_tokenizer()
    theirs = save(tmp_path / "theirs", backbone, tokenizer)
    encoder = models.load_encoder(theirs)
    assert type(encoder) is models.PooledEncoder
    assert_same(encoder.backbone.weights, backbone.weights)
    loaded = models.load_tokenizer(theirs)
    assert type(loaded) is (models.BiGSTokenizer if make is bert else type(tokenizer))
    ours = save(tmp_path / "ours", encoder, loaded)
    # `PooledEncoder.from_preset` and keras-hub's `Backbone.from_preset` take part.
    copy = models.load_encoder(ours)
    assert type(copy) is models.PooledEncoder
    assert_same(copy(inputs()), encoder(inputs()))
    for preset in (theirs, ours):
        changed = models.load_encoder(
            preset, dropout=0.25, dtype="bfloat16", load_weights=False
        )
        assert changed.backbone.dropout == 0.25
        assert changed.dtype_policy.name == "bfloat16"
        assert changed.backbone.dtype_policy.name == "bfloat16"
        first = to_numpy(changed.weights[0])
        assert not np.allclose(first, to_numpy(encoder.weights[0]), atol=0.1)
        again = models.load_tokenizer(preset)
        assert type(again) is type(loaded)
        assert ids(again, "it rained") == ids(tokenizer, "it rained")


def test_presets_of_bigs(tmp_path):
    backbone = models.BiGSBackbone(
        len(PIECES), 1, 8, 24, state_dim=4, embedding_dropout=0.3, dropout=0.1
    )
    preset = save(tmp_path, backbone, models.BiGSTokenizer(PIECES))
    encoder = models.load_encoder(preset)
    assert type(encoder) is models.BiGSBackbone
    assert (encoder.dropout, encoder.embedding_dropout) == (0.1, 0.3)
    encoder = models.load_encoder(preset, dropout=0.2)
    assert (encoder.dropout, encoder.embedding_dropout) == (0.2, None)
    assert_same(encoder.weights, backbone.weights)
    assert type(models.load_tokenizer(preset)) is models.BiGSTokenizer


def test_berts_tokenizer():
    cased = keras_hub.models.BertTokenizer(["She", *PIECES])
    tokenizer = models.to_bigs_tokenizer(cased)
    for one in (cased, tokenizer):
        assert ids(one, "She got it") == [0, 10, 6]
    uncased = models.to_bigs_tokenizer(bert_tokenizer())
    assert ids(uncased, "Shé got") == [8, 9]


def test_options_of_a_tokenizer_are_kept(tmp_path):
    """From BERT's, in saving and loading, and where the caller changes them."""
    bert = keras_hub.models.BertTokenizer(
        ["日本", *PIECES], lowercase=True, split_on_cjk=False, sequence_length=4
    )
    for tokenizer in (bert, models.to_bigs_tokenizer(bert)):
        assert (tokenizer.split_on_cjk, tokenizer.sequence_length) == (False, 4)
    again = models.BiGSTokenizer.from_config(tokenizer.get_config())
    assert (again.split_on_cjk, again.strip_accents) == (False, True)
    make, make_tokenizer = PARTS[0]
    for part in (make(), make_tokenizer()):
        part.save_to_preset(str(tmp_path / "bert"))
    changed = {
        "split_on_cjk": False,
        "strip_accents": False,
        "sequence_length": 4,
        "oov_token": "it",
    }
    tokenizer = models.load_tokenizer(tmp_path / "bert", **changed)
    assert {name: getattr(tokenizer, name) for name in changed} == changed


@pytest.mark.parametrize(("make", "make_tokenizer"), PARTS)
@fast_on_torch
def test_text_classifier(make, make_tokenizer, tmp_path):
    tokenizer = make_tokenizer()
    preprocessor = models.BiGSTextClassifierPreprocessor(tokenizer, sequence_length=20)
    task = models.BiGSTextClassifier(
        randomize(models.PooledEncoder(make())), 3, preprocessor
    )
    check(task, (CONTEXTS, CONTEXTS[::-1]), [2, 0], tmp_path)
    # keras-hub's own class finds it, and there is no head for other classes.
    again = keras_hub.models.TextClassifier.from_preset(str(tmp_path), num_classes=2)
    assert type(again) is models.BiGSTextClassifier
    assert_same(again.backbone.weights, task.backbone.weights)


@pytest.mark.parametrize(("make", "make_tokenizer"), PARTS)
@fast_on_torch
def test_multiple_choice(make, make_tokenizer, tmp_path):
    preprocessor = models.BiGSMultipleChoicePreprocessor(
        make_tokenizer(), sequence_length=512
    )
    encoder = randomize(models.PooledEncoder(make()))
    task = models.BiGSMultipleChoice(encoder, preprocessor)
    # The default length is that of no backbone here.
    assert task.preprocessor.sequence_length == 24
    check(task, (CONTEXTS, ["who?", "it?"], CHOICES), [1, 0], tmp_path)
    # A choice of nothing but padding gives no gradient that is not a number.
    task.fit((CONTEXTS, [*CHOICES[:1], ["she"]]), [1, 0], verbose=0)
    assert all(np.all(np.isfinite(to_numpy(weight))) for weight in task.weights)
    if make is not bert:
        # Another task of the same preset.
        again = models.BiGSTextClassifier.from_preset(str(tmp_path), num_classes=2)
        assert type(again.preprocessor.tokenizer) is type(preprocessor.tokenizer)


@fast_on_torch
def test_question_answerer(tmp_path):
    tokenizer = models.to_bigs_tokenizer(bert_tokenizer())
    preprocessor = models.BiGSQuestionAnswererPreprocessor(tokenizer, 16)
    encoder = randomize(models.PooledEncoder(bert()))
    task = models.BiGSQuestionAnswerer(encoder, preprocessor)
    y = {"answer_text": ["it", "she"], "answer_start": [0, 0]}
    check(task, (["who rained?", "who?"], CONTEXTS), y, tmp_path)
    answer = task.answer("who rained?", "It rained.")
    assert answer["text"] == "It rained."[answer["start"] : answer["end"]]


@fast_on_torch
def test_token_classifier(tmp_path):
    tokenizer = models.to_bigs_tokenizer(bert_tokenizer())
    preprocessor = models.BiGSTokenClassifierPreprocessor(tokenizer, 16)
    encoder = randomize(models.PooledEncoder(bert()))
    task = models.BiGSTokenClassifier(encoder, 3, preprocessor)
    words = [text.split() for text in CONTEXTS]
    check(task, words, [[0, 1], [2, 0, 1]], tmp_path)
    assert len(task.classify_words(words)[1]) == 3
    # Keras' own format.
    encoder.save(tmp_path / "encoder.keras")
    copy = keras.saving.load_model(tmp_path / "encoder.keras")
    assert_same(copy(inputs()), encoder(inputs()))


def check(task, x, y, folder):
    """Training changes the encoder, and presets have what it became."""
    before = [to_numpy(weight).copy() for weight in task.backbone.weights]
    task.compile(optimizer=keras.optimizers.Adam(0.01))
    loss = task.fit(x, y, verbose=0).history["loss"][0]
    assert np.isfinite(loss)
    after = [to_numpy(weight) for weight in task.backbone.weights]
    assert any(np.any(a != b) for a, b in zip(before, after, strict=True))
    expected = task.predict(x, verbose=0)
    task.save_to_preset(str(folder))
    copy = type(task).from_preset(str(folder))
    assert type(copy.backbone) is models.PooledEncoder
    assert copy.preprocessor.sequence_length == task.preprocessor.sequence_length
    assert_same(copy.predict(x, verbose=0), expected)


@pytest.mark.without_backend
def test_bart_packs_pairs_with_two_separators():
    tokenizer = bart_tokenizer()

    def row(tokens):
        return [BYTES.index(token) for token in tokens.split()]

    start, end = row("<s> i t </s>"), row("</s> s h o </s>")
    classifier = models.BiGSTextClassifierPreprocessor(tokenizer, sequence_length=12)
    x, _ = classifier((["it"], ["sho"]), [0])
    assert to_numpy(x["token_ids"]).tolist() == [start + end + [1] * 3]
    assert to_numpy(x["segment_ids"]).tolist() == [[0] * 5 + [1] * 4 + [0] * 3]
    assert to_numpy(classifier("it")["token_ids"]).tolist() == start + [1] * 8
    # A choice follows its question after a space, which is part of a token.
    chooser = models.BiGSMultipleChoicePreprocessor(tokenizer, sequence_length=10)
    plain = (["it"], [["sho", "she"]])
    questions = (["itit"], ["o?"], [["she", ""]])
    expected = [
        [[*start, *end, 1], row("<s> i t </s> </s> s he </s> <pad> <pad>")],
        [row("<s> i t i </s> </s> o ? Ġshe </s>"), [1] * 10],
    ]
    for x, rows in zip((plain, questions), expected, strict=True):
        output = chooser(x)
        assert np.array(output["token_ids"]).tolist() == [rows]
        mask = np.array(output["padding_mask"])
        assert mask.tolist() == [[[i != 1 for i in row] for row in rows]]


@pytest.mark.slow
@pytest.mark.without_backend
def test_bart_packs_the_same_in_tf_data():
    chooser = models.BiGSMultipleChoicePreprocessor(bart_tokenizer(), 10)
    x = (["itit", "she"], ["o?", "who?"], [["she", ""], ["it", "she she she she"]])
    output = tf.data.Dataset.from_tensors((x,)).map(chooser).get_single_element()
    expected = chooser(x)
    assert_same(output, expected)


@pytest.mark.without_backend
def test_f_net_packs_choices():
    tokenizer = f_net_tokenizer()
    chooser = models.BiGSMultipleChoicePreprocessor(tokenizer, sequence_length=10)
    x = (["it rained."], ["who ?"], [["she", "it"]])
    token_ids = np.array(chooser(x)["token_ids"])
    expected = ["[CLS]", "▁it", "▁rained.", "[SEP]", "▁who", "▁?", "▁it", "[SEP]"]
    row = [tokenizer.id_to_token(int(i)) for i in token_ids[0, 1]]
    assert row == [*expected, "<pad>", "<pad>"]
    batches = tf.data.Dataset.from_tensors((x,)).map(chooser)
    np.testing.assert_array_equal(batches.get_single_element()["token_ids"], token_ids)


def test_errors(tmp_path):
    roberta = keras_hub.models.RobertaBackbone(9, num_heads=2, **SIZES)
    supported = "Use `BertBackbone`, `FNetBackbone` or `BartBackbone`. Received"
    with pytest.raises(ValueError, match=f"RobertaBackbone.*{supported}: backbone="):
        models.PooledEncoder(roberta)
    roberta.save_to_preset(str(tmp_path))
    with pytest.raises(ValueError, match="RobertaBackbone.*`BiGSBackbone`, .*preset="):
        models.load_encoder(str(tmp_path))
    with pytest.raises(ValueError, match="RobertaBackbone.* no place"):
        models.PooledEncoder.from_preset(str(tmp_path))
    with pytest.raises(ValueError, match="The tokenizer has 14 tokens"):
        models.BiGSTextClassifier(
            models.PooledEncoder(keras_hub.models.FNetBackbone(9, **SIZES)),
            2,
            models.BiGSTextClassifierPreprocessor(models.BiGSTokenizer(PIECES)),
        )
    for cls in (
        models.BiGSQuestionAnswererPreprocessor,
        models.BiGSTokenClassifierPreprocessor,
    ):
        with pytest.raises(ValueError, match="needs a tokenizer of word pieces"):
            cls(bart_tokenizer())
