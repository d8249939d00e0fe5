"""Multiple choice: packing by hand, missing choices, training, presets."""

import keras
import keras_hub
import numpy as np
import pytest
import tensorflow as tf

from keras_bigs.models import BiGSBackbone
from keras_bigs.models import BiGSMultipleChoice
from keras_bigs.models import BiGSMultipleChoicePreprocessor
from keras_bigs.models import BiGSTextClassifier
from keras_bigs.models import BiGSTokenizer
from keras_bigs.models import MultipleChoice
from tests.backend import fast_on_torch
from tests.conformance import TestCase

VOCABULARY = [
    *("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"),
    *("who", "?", "it", "rain", "##ed", "she", "got", "wet", "flew", "fox", "dog", "."),
]
CONTEXTS = ["It rained.", "She flew.", "It rained, she flew."]
CHOICES = [
    ["She flew.", "She got wet."],
    ["dog", "She got wet.", "fox"],
    ["fox", "it"],
]
LABELS = [1, 2, 0]


def ids(tokens, length=None):
    row = [VOCABULARY.index(token) for token in tokens.split()]
    return row + [0] * ((length or len(row)) - len(row))


def backbone(routing="fourier"):
    """A tiny one; by default with the routing that compiles fastest."""
    sizes = {"num_layers": 1, "hidden_dim": 16, "intermediate_dim": 32}
    sizes |= {"state_dim": 4, "max_sequence_length": 48, "dropout": 0.0}
    return BiGSBackbone(vocabulary_size=len(VOCABULARY), routing=routing, **sizes)


def enlarge_weights(model, seed=0):
    """Weights far from the initial ones, whose signal is near rounding."""
    rng = np.random.default_rng(seed)
    for weight in model.trainable_weights:
        if len(weight.shape) > 1:
            noise = rng.normal(scale=0.3, size=weight.shape)
            weight.assign(keras.ops.convert_to_numpy(weight) + noise.astype("float32"))


@pytest.mark.without_backend
class BiGSMultipleChoicePreprocessorTest(TestCase):
    def setUp(self):
        self.init_kwargs = {
            "tokenizer": BiGSTokenizer(VOCABULARY),
            "sequence_length": 9,
        }

    def test_preprocessor_basics(self):
        """Eager, in tf.data and grain, batched or not: what is worked by hand."""
        self.run_preprocessor_test(
            cls=BiGSMultipleChoicePreprocessor,
            init_kwargs=self.init_kwargs,
            input_data=(
                (
                    ["It rained.", "fox " * 9],
                    [["She flew.", "It"], ["dog dog dog", ""]],
                ),
                [1, 0],
            ),
            expected_output=(
                {
                    "token_ids": [
                        [
                            # The context is cut, to the last piece that has room.
                            ids("[CLS] it rain ##ed [SEP] she flew . [SEP]"),
                            ids("[CLS] it rain ##ed . [SEP] it [SEP]", 9),
                        ],
                        [
                            ids("[CLS] fox fox fox [SEP] dog dog dog [SEP]"),
                            [0] * 9,
                        ],
                    ],
                    "segment_ids": [
                        [[0] * 5 + [1] * 4, [0] * 6 + [1] * 2 + [0]],
                        [[0] * 5 + [1] * 4, [0] * 9],
                    ],
                    "padding_mask": [
                        [[1] * 9, [1] * 8 + [0]],
                        [[1] * 9, [0] * 9],
                    ],
                },
                [1, 0],
            ),
        )

    def test_questions(self):
        """A question is packed before each choice, and not cut."""
        preprocessor = BiGSMultipleChoicePreprocessor(**self.init_kwargs)
        x = (
            ["it rained", "dog dog"],
            ["who flew?", "who?"],
            [["fox", "dog she got wet"], ["fox", "it"]],
        )
        output = preprocessor(x, [0, 1], [1.0, 2.0])
        ds = tf.data.Dataset.from_tensors((x, [0, 1], [1.0, 2.0])).map(preprocessor)
        self.assertAllClose(ds.get_single_element(), output)
        self.assertAllClose(preprocessor(x), output[0])
        token_ids = keras.ops.convert_to_numpy(output[0]["token_ids"])
        self.assertAllEqual(
            token_ids,
            [
                [
                    ids("[CLS] it rain [SEP] who flew ? fox [SEP]"),
                    # Without any context left, the choice is cut.
                    ids("[CLS] [SEP] who flew ? dog she got [SEP]"),
                ],
                [
                    ids("[CLS] dog dog [SEP] who ? fox [SEP]", 9),
                    ids("[CLS] dog dog [SEP] who ? it [SEP]", 9),
                ],
            ],
        )
        self.assertAllEqual(output[2], [1.0, 2.0])

    def test_ragged(self):
        """Rows with fewer choices: lists and ragged tensors are filled up alike."""
        preprocessor = BiGSMultipleChoicePreprocessor(**self.init_kwargs)
        expected, _ = preprocessor((CONTEXTS, CHOICES), LABELS)
        self.assertEqual(tuple(expected["token_ids"].shape), (3, 3, 9))
        missing = ~np.any(keras.ops.convert_to_numpy(expected["padding_mask"]), axis=-1)
        self.assertAllEqual(missing, [[0, 0, 1], [0, 0, 0], [0, 0, 1]])
        data = ((CONTEXTS, tf.ragged.constant(CHOICES)), LABELS)
        ds = tf.data.Dataset.from_tensor_slices(data).batch(3).map(preprocessor)
        self.assertAllClose(next(iter(ds)), (expected, LABELS))
        self.assertAllClose(preprocessor((CONTEXTS, CHOICES)), expected)
        self.assertAllClose(
            preprocessor((CONTEXTS[0], CHOICES[0]))["token_ids"],
            expected["token_ids"][0][:2],
        )

    def test_tokenizer_without_splitting(self):
        """A text is then one word, in every path."""
        self.init_kwargs["tokenizer"] = BiGSTokenizer(VOCABULARY, split=False)
        preprocessor = BiGSMultipleChoicePreprocessor(**self.init_kwargs)
        x = (["rained", "it"], ["who", "?"], [["wet", "it dog"], ["fox", "dog"]])
        output = preprocessor(x)
        self.assertAllEqual(
            output["token_ids"],
            [
                [
                    ids("[CLS] rain ##ed [SEP] who wet [SEP]", 9),
                    ids("[CLS] rain ##ed [SEP] who [UNK] [SEP]", 9),
                ],
                [
                    ids("[CLS] it [SEP] ? fox [SEP]", 9),
                    ids("[CLS] it [SEP] ? dog [SEP]", 9),
                ],
            ],
        )
        ds = tf.data.Dataset.from_tensors((x,)).map(preprocessor)
        self.assertAllClose(ds.get_single_element(), output)

    def test_errors(self):
        preprocessor = BiGSMultipleChoicePreprocessor(**self.init_kwargs)
        with self.assertRaisesRegex(ValueError, "`x` must be a tuple"):
            preprocessor(CONTEXTS, y=None)
        with self.assertRaisesRegex(ValueError, "a list of choices for each context"):
            preprocessor((CONTEXTS, ["it", "fox", "dog"]))
        with self.assertRaisesRegex(ValueError, r"Received: \[2, 3\]"):
            preprocessor((CONTEXTS, CHOICES[:2]))
        with self.assertRaisesRegex(ValueError, "label 2 for 2 choices"):
            preprocessor((CONTEXTS, CHOICES), [2, 2, 0])
        with self.assertRaisesRegex(ValueError, "label -1 for 2 choices"):
            preprocessor((CONTEXTS[0], CHOICES[0]), -1)


class BiGSMultipleChoiceTest(TestCase):
    def setUp(self):
        self.preprocessor = BiGSMultipleChoicePreprocessor(
            BiGSTokenizer(VOCABULARY), 14
        )
        self.init_kwargs = {"backbone": backbone(), "preprocessor": self.preprocessor}

    @fast_on_torch
    def test_task_basics(self):
        self.run_task_test(
            cls=BiGSMultipleChoice,
            init_kwargs=self.init_kwargs,
            train_data=((CONTEXTS, [row[:2] for row in CHOICES]), [1, 0, 0]),
            expected_output_shape=(3, 2),
        )

    def test_learns_choices(self):
        """Labels are the choices they name, also where rows have fewer choices."""
        keras.utils.set_random_seed(0)
        self.init_kwargs["backbone"] = backbone("ssm")
        task = BiGSMultipleChoice(**self.init_kwargs, dropout=0.0)
        task.compile(optimizer=keras.optimizers.Adam(0.01))
        x = (CONTEXTS, CHOICES)
        history = task.fit(x, LABELS, epochs=60, verbose=0).history
        self.assertLess(history["loss"][-1], 0.1)
        self.assertAllEqual(np.argmax(task.predict(x, verbose=0), -1), LABELS)
        # The same choices in another order have the same logits.
        reordered = [row[::-1] for row in CHOICES]
        logits = task.predict((CONTEXTS, reordered), verbose=0)
        self.assertAllEqual(np.argmax(logits, -1), [0, 0, 1])

    def test_choices_do_not_mix(self):
        """Each logit is that of its choice alone; missing choices have none."""
        self.init_kwargs["backbone"] = backbone("attention")
        task = BiGSMultipleChoice(**self.init_kwargs)
        enlarge_weights(task)
        logits = task.predict((CONTEXTS, CHOICES), verbose=0)
        self.assertGreater(np.std(logits[:, :2]), 0.03)
        self.assertAllEqual(logits[[0, 2], 2], [-3e4, -3e4])
        alone = task.predict((CONTEXTS, [row[1:2] for row in CHOICES]), verbose=0)
        self.assertAllClose(alone[:, 0], logits[:, 1], rtol=1e-4, atol=1e-5)
        # Attention in a choice without tokens gives no gradient that is not a number.
        task.fit((CONTEXTS, CHOICES), LABELS, verbose=0)
        for weight in task.weights:
            value = keras.ops.convert_to_numpy(weight)
            self.assertTrue(np.all(np.isfinite(value)), weight.path)

    def test_padding_does_not_matter(self):
        self.init_kwargs["backbone"] = backbone("ssm")
        task = BiGSMultipleChoice(**self.init_kwargs)
        enlarge_weights(task)
        short = task.predict((CONTEXTS, CHOICES), verbose=0)
        self.preprocessor.sequence_length = 40
        long = task.predict((CONTEXTS, CHOICES), verbose=0)
        self.assertAllClose(short, long, rtol=1e-5, atol=1e-5)

    def test_without_preprocessor(self):
        """Tokenized inputs of any number of choices and any length."""
        task = BiGSMultipleChoice(backbone())
        self.assertEqual(task.output_shape, (None, None))
        x, y = self.preprocessor((CONTEXTS, CHOICES), LABELS)
        self.assertGreater(task.evaluate(x, y, verbose=0)[0], 0.0)
        x = {key: value[:, :2, :10] for key, value in x.items()}
        self.assertEqual(task.predict(x, verbose=0).shape, (3, 2))

    def test_dynamic_shapes(self):
        """In a TensorFlow graph no size is known."""
        if keras.backend.backend() != "tensorflow":
            self.skipTest("TensorFlow's graphs")
        task = BiGSMultipleChoice(**self.init_kwargs)
        spec = tf.TensorSpec((None, None, None), "int32")
        names = ("token_ids", "segment_ids", "padding_mask")
        graph = tf.function(task, input_signature=[dict.fromkeys(names, spec)])
        x = self.preprocessor((CONTEXTS, CHOICES))
        x = {key: tf.cast(value, "int32") for key, value in x.items()}
        self.assertAllClose(graph(x), task(x), rtol=1e-5, atol=1e-5)

    def test_presets(self):
        """The task comes back, and other tasks of the same directory are found."""
        task = BiGSMultipleChoice(**self.init_kwargs)
        enlarge_weights(task)
        path = self.get_temp_dir()
        task.save_to_preset(path)
        for cls in (BiGSMultipleChoice, MultipleChoice):
            restored = cls.from_preset(path)
            self.assertIs(type(restored), BiGSMultipleChoice)
            self.assertIs(type(restored.preprocessor), BiGSMultipleChoicePreprocessor)
            self.assertEqual(restored.preprocessor.sequence_length, 14)
        self.assertAllClose(
            task.predict((CONTEXTS, CHOICES), verbose=0),
            restored.predict((CONTEXTS, CHOICES), verbose=0),
        )
        preprocessor = BiGSMultipleChoicePreprocessor.from_preset(path)
        self.assertAllClose(
            preprocessor((CONTEXTS, CHOICES)), self.preprocessor((CONTEXTS, CHOICES))
        )
        other = keras_hub.models.TextClassifier.from_preset(path, num_classes=2)
        self.assertIs(type(other), BiGSTextClassifier)

    def test_errors(self):
        task = BiGSMultipleChoice(**self.init_kwargs)
        with self.assertRaisesRegex(ValueError, "label 3 for 2 choices"):
            task.fit((CONTEXTS[:1], [["it", "fox"]]), [3])
        with self.assertRaisesRegex(ValueError, "label -1 for 2 choices"):
            task.evaluate((CONTEXTS[:1], [["it", "fox"]]), [-1])
        with self.assertRaisesRegex(ValueError, "2 labels for 1 lists"):
            task.fit((CONTEXTS[:1], [["it", "fox"]]), [0, 1])
        with self.assertRaisesRegex(ValueError, "a list of choices for each context"):
            task.fit((CONTEXTS, ["it", "fox", "dog"]), [0, 0, 0])
        with self.assertRaisesRegex(ValueError, "not a row of zeros and ones"):
            task.fit((CONTEXTS[:1], [["it", "fox"]]), [[0, 1]])
        with self.assertRaisesRegex(ValueError, "`y` must be an integer"):
            task.fit((CONTEXTS[:1], [["it", "fox"]]), np.array([1.0]))

    def test_columns_of_a_table(self):
        """As lists, though their rows differ in length."""

        class Column(list):
            def to_numpy(self):
                return np.array([*self, None], object)[:-1]

        task = BiGSMultipleChoice(**self.init_kwargs)
        expected = task.predict((CONTEXTS, CHOICES), verbose=0)
        columns = (Column(CONTEXTS), Column(CHOICES))
        self.assertAllClose(task.predict(columns, verbose=0), expected)

    def test_clones(self):
        task = BiGSMultipleChoice(**self.init_kwargs)
        names = [layer.name for layer in keras.models.clone_model(task).layers]
        self.assertEqual(names, [layer.name for layer in task.layers])
