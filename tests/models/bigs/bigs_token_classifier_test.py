"""Classification of words: alignment of labels by hand, training, presets."""

import keras
import keras_hub
import numpy as np
import pytest
import scipy.special
import tensorflow as tf

from keras_bigs.models import BiGSBackbone
from keras_bigs.models import BiGSTextClassifier
from keras_bigs.models import BiGSTextClassifierPreprocessor
from keras_bigs.models import BiGSTokenClassifier
from keras_bigs.models import BiGSTokenClassifierPreprocessor
from keras_bigs.models import BiGSTokenizer
from keras_bigs.models import TokenClassifier
from tests.backend import fast_on_torch
from tests.conformance import TestCase

VOCABULARY = [
    *("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"),
    *("the", "a", "fox", "##es", "##y", "dog", "##s", "sees", "ada", "love", "##lace"),
    *("in", "paris", "."),
]
# Names are 2, other nouns 1, the rest 0. Most words here have several pieces.
TEXTS = [
    ["The", "foxes", "sees", "Ada", "Lovelace", "."],
    ["dogs", "in", "Paris"],
    ["Lovelace", "sees", "the", "foxy", "dog"],
    ["a", "dogs", "\u200b", "sees", "Paris", "."],
]
LABELS = [[0, 1, 0, 2, 2, 0], [1, 0, 2], [2, 0, 0, 1, 1], [0, 1, 0, 0, 2, 0]]


def ids(tokens, length=None):
    row = [VOCABULARY.index(token) for token in tokens.split()]
    return row + [0] * ((length or len(row)) - len(row))


def tokenizer():
    return BiGSTokenizer(VOCABULARY)


def backbone(routing="fourier"):
    """A tiny one; by default with the routing that compiles fastest."""
    sizes = {"num_layers": 1, "hidden_dim": 16, "intermediate_dim": 32}
    sizes |= {"state_dim": 4, "max_sequence_length": 32, "dropout": 0.0}
    return BiGSBackbone(vocabulary_size=len(VOCABULARY), routing=routing, **sizes)


def enlarge_weights(model, seed=0):
    """Weights far from the initial ones, whose signal is near rounding."""
    rng = np.random.default_rng(seed)
    for weight in model.trainable_weights:
        if len(weight.shape) > 1:
            noise = rng.normal(scale=0.3, size=weight.shape)
            weight.assign(keras.ops.convert_to_numpy(weight) + noise.astype("float32"))


@pytest.mark.without_backend
class BiGSTokenClassifierPreprocessorTest(TestCase):
    def setUp(self):
        self.init_kwargs = {"tokenizer": tokenizer(), "sequence_length": 8}

    def test_preprocessor_basics(self):
        """Strings, split on whitespace: eager, tf.data and grain, batched or not."""
        self.run_preprocessor_test(
            cls=BiGSTokenClassifierPreprocessor,
            init_kwargs=self.init_kwargs,
            input_data=(
                ["the foxes  sees", "\tAda Lovelace\n."],
                [[4, 5, 6], [7, 8, 9]],
            ),
            expected_output=(
                {
                    "token_ids": [
                        ids("[CLS] the fox ##es sees [SEP]", 8),
                        ids("[CLS] ada love ##lace . [SEP]", 8),
                    ],
                    "segment_ids": [[0] * 8] * 2,
                    "padding_mask": [[1] * 6 + [0] * 2] * 2,
                },
                [[0, 4, 5, 0, 6, 0, 0, 0], [0, 7, 8, 0, 9, 0, 0, 0]],
                [[0, 1, 1, 0, 1, 0, 0, 0]] * 2,
            ),
        )

    def test_one_text(self):
        """A flat list with flat labels is one text, without labels a batch of texts."""
        preprocessor = BiGSTokenClassifierPreprocessor(**self.init_kwargs)
        words, labels = ["\u200b", "dogs", "in"], [6, 7, 8]
        x, y, sample_weight = preprocessor(words, labels)
        self.assertAllEqual(x["token_ids"], ids("[CLS] dog ##s in [SEP]", 8))
        self.assertAllEqual(y, [0, 7, 0, 8, 0, 0, 0, 0])
        self.assertAllEqual(sample_weight, [0, 1, 0, 1, 0, 0, 0, 0])
        self.assertDTypeEqual(y, "int32")
        self.assertDTypeEqual(sample_weight, "float32")
        ds = tf.data.Dataset.from_tensors((words, labels)).map(preprocessor)
        self.assertAllClose(ds.get_single_element(), (x, y, sample_weight))
        self.assertAllEqual(
            preprocessor(words)["token_ids"],
            [
                ids("[CLS] [SEP]", 8),
                ids("[CLS] dog ##s [SEP]", 8),
                ids("[CLS] in [SEP]", 8),
            ],
        )

    def test_whitespace(self):
        """What splits a string is the same in Python and in TensorFlow."""
        preprocessor = BiGSTokenClassifierPreprocessor(tokenizer(), 32)
        text = "".join(f"a{chr(c)}" for c in (*range(9, 14), *range(28, 33), 133, 160))
        (words,), _, _ = preprocessor.read([text])
        split = [word.decode() for word in tf.strings.split(text).numpy()]
        self.assertEqual(words, split)

    def test_ragged(self):
        """Texts of several lengths: lists, and ragged tensors in tf.data, agree."""
        preprocessor = BiGSTokenClassifierPreprocessor(**self.init_kwargs)
        weights = [1.0, 2.0, 3.0, 0.5]
        expected = preprocessor(TEXTS, LABELS, weights)
        # The first text is cut off within "Lovelace", whose label stays.
        self.assertAllEqual(
            expected[0]["token_ids"][0], ids("[CLS] the fox ##es sees ada love [SEP]")
        )
        self.assertAllEqual(expected[1][0], [0, 0, 1, 0, 0, 2, 2, 0])
        self.assertAllEqual(expected[2][1], np.array([0, 1, 0, 1, 1, 0, 0, 0]) * 2)
        data = (tf.ragged.constant(TEXTS), tf.ragged.constant(LABELS), weights)
        ds = tf.data.Dataset.from_tensor_slices(data)
        self.assertAllClose(next(iter(ds.batch(4).map(preprocessor))), expected)
        self.assertAllClose(next(iter(ds.map(preprocessor).batch(4))), expected)
        self.assertAllClose(preprocessor(*data[:2]), preprocessor(TEXTS, LABELS))

    def test_negative_labels_are_none(self):
        preprocessor = BiGSTokenClassifierPreprocessor(**self.init_kwargs)
        _, y, sample_weight = preprocessor([["foxes", "in", "paris"]], [[-100, 3, -1]])
        self.assertAllEqual(y, [[0, 0, 0, 3, 0, 0, 0, 0]])
        self.assertAllEqual(sample_weight, [[0, 0, 0, 1, 0, 0, 0, 0]])

    def test_tokenizer_without_splitting(self):
        """A word is then exactly what was passed, in every path."""
        self.init_kwargs["tokenizer"] = BiGSTokenizer(VOCABULARY, split=False)
        preprocessor = BiGSTokenClassifierPreprocessor(**self.init_kwargs)
        data = ([["foxes", "a.dog", "."], ["a", "in", "a"]], [[1, 2, 3]] * 2)
        x, y, sample_weight = preprocessor(*data)
        self.assertAllEqual(
            x["token_ids"],
            [ids("[CLS] fox ##es [UNK] . [SEP]", 8), ids("[CLS] a in a [SEP]", 8)],
        )
        self.assertAllEqual(y, [[0, 1, 0, 2, 3, 0, 0, 0], [0, 1, 2, 3, 0, 0, 0, 0]])
        ds = tf.data.Dataset.from_tensors(data).map(preprocessor)
        self.assertAllClose(ds.get_single_element(), (x, y, sample_weight))

    def test_errors(self):
        preprocessor = BiGSTokenClassifierPreprocessor(**self.init_kwargs)
        with self.assertRaisesRegex(ValueError, "2 words and 3 labels in text 1"):
            preprocessor([["a"], ["a", "dog"]], [[0], [0, 1, 0]])
        with self.assertRaisesRegex(ValueError, "2 texts and 1 lists of labels"):
            preprocessor([["a"], ["a", "dog"]], [[0]])
        with self.assertRaisesRegex(ValueError, "one label a word"):
            preprocessor("a dog", 1)
        with self.assertRaisesRegex(ValueError, "`x` must be a string"):
            preprocessor([["a", 3]])
        with self.assertRaisesRegex(ValueError, "`y` must be an integer"):
            preprocessor([["a"]], [["B-PER"]])
        with self.assertRaisesRegex(ValueError, "sequence_length=3"):
            preprocessor.sequence_length = 3
        ds = tf.data.Dataset.from_tensors(([["a", "dog"]], [[1]]))
        with self.assertRaisesRegex(
            tf.errors.InvalidArgumentError, "one label for each word"
        ):
            list(ds.map(preprocessor))


class BiGSTokenClassifierTest(TestCase):
    def setUp(self):
        self.preprocessor = BiGSTokenClassifierPreprocessor(tokenizer(), 12)
        self.init_kwargs = {
            "backbone": backbone(),
            "num_classes": 3,
            "preprocessor": self.preprocessor,
        }

    @fast_on_torch
    def test_task_basics(self):
        self.run_task_test(
            cls=BiGSTokenClassifier,
            init_kwargs=self.init_kwargs,
            train_data=(["the foxes sees", "Ada Lovelace ."], [[0, 1, 0], [2, 2, 0]]),
            expected_output_shape=(2, 12, 3),
        )

    def test_learns_words(self):
        """Labels reach their words: a few texts are learned by heart, ragged lists."""
        keras.utils.set_random_seed(0)
        self.init_kwargs["backbone"] = backbone("ssm")
        task = BiGSTokenClassifier(**self.init_kwargs)
        task.compile(optimizer=keras.optimizers.Adam(0.01))
        history = task.fit(
            TEXTS, LABELS, epochs=40, validation_data=(TEXTS, LABELS), verbose=0
        ).history
        self.assertLess(history["loss"][-1], 0.05)
        self.assertAllClose(
            history["loss"][-1], history["val_loss"][-2], rtol=0.5, atol=0.05
        )
        self.assertAllClose(task.evaluate(TEXTS, LABELS, verbose=0)[1], 1.0)
        results = task.classify_words(TEXTS)
        for words, labels, result in zip(TEXTS, LABELS, results, strict=True):
            self.assertEqual([r["word"] for r in result], words)
            for word, label, entry in zip(words, labels, result, strict=True):
                if word == "\u200b":
                    self.assertEqual(
                        entry, {"word": word, "class_id": None, "score": None}
                    )
                else:
                    self.assertEqual(entry["class_id"], label)
                    self.assertBetween(entry["score"], 0.5, 1.0)
        # Scores are the softmax of the first piece's logits: [CLS] the fox ##es.
        logits = task.predict(TEXTS, verbose=0)[0, 2]
        score = 1 / np.sum(np.exp(logits - logits[1]))
        self.assertAllClose(results[0][1]["score"], score, rtol=1e-5)

    def test_loss_is_the_mean_over_words(self):
        """Whatever the padding, and whatever the number of pieces."""
        self.preprocessor.sequence_length = 24
        task = BiGSTokenClassifier(**self.init_kwargs)
        enlarge_weights(task)
        x, y, weights = self.preprocessor(TEXTS, LABELS)
        logits, y, weights = (
            keras.ops.convert_to_numpy(v) for v in (task(x), y, weights)
        )
        log_p = scipy.special.log_softmax(logits, axis=-1)
        picked = np.take_along_axis(log_p, y[..., None], -1)[..., 0]
        self.assertEqual(np.sum(weights), 19.0)  # 20 words, one without a piece.
        self.assertAllClose(
            task.evaluate(TEXTS, LABELS, verbose=0)[0],
            -np.sum(picked * weights) / 19,
            rtol=1e-5,
        )

    def test_padding_does_not_matter(self):
        self.init_kwargs["backbone"] = backbone("ssm")
        task = BiGSTokenClassifier(**self.init_kwargs)
        enlarge_weights(task)
        short = task.predict(TEXTS, verbose=0)
        self.preprocessor.sequence_length = 31
        long = task.predict(TEXTS, verbose=0)
        mask = keras.ops.convert_to_numpy(self.preprocessor(TEXTS)["padding_mask"])
        scale = np.max(np.abs(short))
        self.assertGreater(np.std(short[mask[:, :12]]), 0.1)
        self.assertAllClose(
            short[mask[:, :12]] / scale, long[:, :12][mask[:, :12]] / scale, atol=1e-5
        )

    def test_without_preprocessor(self):
        x, y, sample_weight = self.preprocessor(TEXTS, LABELS)
        task = BiGSTokenClassifier(backbone(), 3, activation="softmax")
        kernel = task.output_dense.kernel
        before = keras.ops.convert_to_numpy(kernel)
        kernel.assign(np.zeros(kernel.shape))
        loss = task.evaluate(x, y, sample_weight=sample_weight, verbose=0)[0]
        self.assertAllClose(loss, np.log(3), rtol=1e-5)
        kernel.assign(before)
        self.assertAllClose(np.sum(task.predict(x, verbose=0), -1), np.ones((4, 12)))
        with self.assertRaisesRegex(ValueError, "needs a `preprocessor`"):
            task.classify_words("a dog")
        # Scores are the outputs themselves where these are probabilities.
        task.preprocessor = self.preprocessor
        (entry,) = task.classify_words(" dog\n")  # A string is one text.
        self.assertAllClose(
            entry["score"], np.max(task.predict(["dog"], verbose=0)[0, 1])
        )

    def test_presets(self):
        """The task comes back, and other tasks of the same directory are found."""
        task = BiGSTokenClassifier(**self.init_kwargs)
        enlarge_weights(task)
        path = self.get_temp_dir()
        task.save_to_preset(path)
        for cls in (BiGSTokenClassifier, TokenClassifier):
            restored = cls.from_preset(path)
            self.assertIs(type(restored), BiGSTokenClassifier)
            self.assertIs(type(restored.preprocessor), BiGSTokenClassifierPreprocessor)
            self.assertEqual(restored.preprocessor.sequence_length, 12)
        self.assertAllClose(
            task.predict(TEXTS, verbose=0), restored.predict(TEXTS, verbose=0)
        )
        preprocessor = BiGSTokenClassifierPreprocessor.from_preset(path)
        self.assertAllEqual(
            preprocessor(TEXTS)["token_ids"], self.preprocessor(TEXTS)["token_ids"]
        )
        restored = TokenClassifier.from_preset(path, num_classes=5)
        self.assertEqual(restored.output_shape, (None, None, 5))
        other = keras_hub.models.TextClassifier.from_preset(path, num_classes=2)
        self.assertIs(type(other), BiGSTextClassifier)
        other = keras_hub.models.TextClassifierPreprocessor.from_preset(path)
        self.assertIs(type(other), BiGSTextClassifierPreprocessor)

    def test_errors(self):
        with self.assertRaisesRegex(ValueError, "`num_classes` must be at least 2"):
            BiGSTokenClassifier(self.init_kwargs["backbone"], 1)
        task = BiGSTokenClassifier(**self.init_kwargs)
        with self.assertRaisesRegex(ValueError, "label 3, num_classes=3"):
            task.fit([["a", "dog"]], [[0, 3]])
        with self.assertRaisesRegex(ValueError, "2 words and 1 labels in text 0"):
            task.fit([["a", "dog"]], [[0]])
        with self.assertRaisesRegex(ValueError, "one list of labels for 2 texts"):
            task.fit(["a dog", "."], [0, 1])
        # 6 words, 8 tokens and 2 special ones.
        self.preprocessor.sequence_length = 9
        with self.assertRaisesRegex(ValueError, "10 tokens.*`sequence_length` is 9"):
            task.classify_words(TEXTS)
        self.preprocessor.sequence_length = 10
        self.assertLen(task.classify_words(TEXTS), 4)
        self.assertEqual(task.classify_words([]), [])
