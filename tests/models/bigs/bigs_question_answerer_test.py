"""Question answering: positions by hand, windows, training, presets, SQuAD."""

import collections
import functools
import itertools
import json
import pathlib
import re
import string
from unittest import mock

import keras
import keras_hub
import numpy as np
import pytest
import tensorflow as tf

from keras_bigs.models import BiGSBackbone
from keras_bigs.models import BiGSQuestionAnswerer
from keras_bigs.models import BiGSQuestionAnswererPreprocessor
from keras_bigs.models import BiGSTextClassifier
from keras_bigs.models import BiGSTokenizer
from keras_bigs.models import QuestionAnswerer
from keras_bigs.models import tokenize_with_offsets
from tests.backend import fast_on_torch
from tests.conformance import TestCase

REPOSITORY = pathlib.Path(__file__).parents[3]
SQUAD = REPOSITORY.parent / "shared/data/squad/dev-v1.1.reconstructed.json"
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
VOCABULARY = [
    *SPECIAL,
    *("who", "where", "wrote", "it", "lives", "?", ".", "ada", "bob", "love", "##lace"),
    *("in", "paris", "rome", "cafe", "##s", "the", "f", "##ive", "##i", "##ve"),
]
QUESTIONS = ["Who wrote it?", "Where lives Bob?", "Who lives in Rome?", "Where is Ada?"]
CONTEXTS = [
    "Ada Lovelace wrote it in Paris.",
    "Ada lives in Paris. Bob lives in Rome.",
    "Bob lives in Rome. Ada lives in Paris.",
    "In Rome, Bob wrote. In Paris, Ada Lovelace wrote.",
]
ANSWERS = {
    "answer_text": ["Ada Lovelace", "Rome", "Bob", "Paris"],
    "answer_start": [0, 33, 0, 23],
}


def ids(tokens, length=None):
    row = [VOCABULARY.index(token) for token in tokens.split()]
    return row + [0] * ((length or len(row)) - len(row))


def tokenizer(**kwargs):
    return BiGSTokenizer(VOCABULARY, strip_accents=True, **kwargs)


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


def forced(first, last):
    """`predict_on_batch` of a model that knows the tokens that answers start and end
    with: logit 9 there, also in questions, and at special tokens and padding 20."""

    def predict(self, x):
        token_ids = np.asarray(x["token_ids"])
        special = np.isin(token_ids, ids("[CLS] [SEP] [PAD]"))
        return {
            "start_logits": np.where(special, 20.0, 9.0 * (token_ids == ids(first))),
            "end_logits": np.where(special, 20.0, 9.0 * (token_ids == ids(last))),
        }

    return mock.patch.object(keras.Model, "predict_on_batch", predict)


@pytest.mark.without_backend
class BiGSQuestionAnswererPreprocessorTest(TestCase):
    def setUp(self):
        self.init_kwargs = {"tokenizer": tokenizer(), "sequence_length": 16}

    def test_preprocessor_basics(self):
        """Eager, in tf.data and grain, batched or not: what is worked by hand."""
        self.run_preprocessor_test(
            cls=BiGSQuestionAnswererPreprocessor,
            init_kwargs=self.init_kwargs,
            input_data=(
                (
                    ["Who wrote it?", "Where lives Bob?"],
                    ["In Paris Ada Lovelace wrote.", "Bob lives in Rome."],
                ),
                {"answer_text": ["Ada Lovelace", "Rome"], "answer_start": [9, 13]},
            ),
            expected_output=(
                {
                    "token_ids": [
                        ids(
                            "[CLS] who wrote it ? [SEP] "
                            "in paris ada love ##lace wrote . [SEP]",
                            16,
                        ),
                        ids(
                            "[CLS] where lives bob ? [SEP] bob lives in rome . [SEP]",
                            16,
                        ),
                    ],
                    "segment_ids": [
                        [0] * 6 + [1] * 8 + [0] * 2,
                        [0] * 6 + [1] * 6 + [0] * 4,
                    ],
                    "padding_mask": [[1] * 14 + [0] * 2, [1] * 12 + [0] * 4],
                },
                {"start_logits": [8, 9], "end_logits": [10, 9]},
            ),
        )

    def positions(self, context, text, start, question="Who?", **kwargs):
        preprocessor = BiGSQuestionAnswererPreprocessor(
            **(self.init_kwargs | kwargs), dtype="int32"
        )
        _, y = preprocessor((question, context), {
            "answer_text": text, "answer_start": start,
        })  # fmt: skip
        self.assertDTypeEqual(y["start_logits"], "int32")
        return int(y["start_logits"]), int(y["end_logits"])

    def test_positions_by_hand(self):
        """`[CLS] who ? [SEP]` are positions 0 to 3; contexts begin at 4."""
        # Offsets are code points: the emoji is one, and no token covers it.
        self.assertEqual(
            self.positions("\U0001f600\u200d Bob wrote.", "Bob", 3), (5, 5)
        )
        # Accents, composed or not; tabs; control characters.
        self.assertEqual(self.positions("The cafés.", "cafés", 4), (5, 6))
        self.assertEqual(self.positions("Cafe\u0301s\t\x00in Rome", "Rome", 11), (7, 7))
        self.assertEqual(
            self.positions("The Cafe\u0301s, Rome", "Cafe\u0301s", 4), (5, 6)
        )
        # An answer within a word is all pieces that it touches.
        self.assertEqual(self.positions("Ada Lovelace wrote", "velace wr", 6), (5, 7))
        # One character in two pieces, "ﬁ".
        self.assertEqual(self.positions("in ﬁve", "ﬁ", 3), (5, 6))

    def test_answers_without_a_position(self):
        """Cut off, or no answer: `[CLS]`."""
        context = "in " * 8 + "Ada Lovelace wrote it"
        # [CLS] who ? [SEP] in*8 ada love ##lace [SEP]
        self.assertEqual(self.positions(context, "Ada", 24), (12, 12))
        self.assertEqual(self.positions(context, "Ada Lovelace", 24), (12, 14))
        self.assertEqual(self.positions(context, "Lovelace wrote", 28), (0, 0))
        self.assertEqual(self.positions(context, "it", 43), (0, 0))
        self.assertEqual(self.positions(context, "", 0), (0, 0))
        self.assertEqual(self.positions(context, "", 1), (0, 0))
        # The question alone fills the sequence.
        self.assertEqual(self.positions("Ada", "Ada", 0, "who " * 20), (0, 0))

    def test_calls(self):
        """A pair alone is the input, not inputs and labels; without answers, no `y`."""
        preprocessor = BiGSQuestionAnswererPreprocessor(**self.init_kwargs)
        pair = (QUESTIONS, CONTEXTS)
        expected, y = preprocessor(pair, ANSWERS)
        self.assertAllClose(preprocessor(pair), expected)
        self.assertAllClose(preprocessor((pair, ANSWERS)), (expected, y))
        self.assertAllClose(
            preprocessor(pair, ANSWERS, [1.0, 2.0, 3.0, 4.0])[2], [1.0, 2.0, 3.0, 4.0]
        )
        ds = tf.data.Dataset.from_tensor_slices((pair,)).batch(3)
        batches = list(ds.map(preprocessor))
        self.assertAllClose(
            tf.concat([batch["token_ids"] for batch in batches], 0),
            expected["token_ids"],
        )
        self.assertEqual(
            ds.map(preprocessor).element_spec["token_ids"].shape.as_list(), [None, 16]
        )

    def test_errors(self):
        preprocessor = BiGSQuestionAnswererPreprocessor(**self.init_kwargs)
        with self.assertRaisesRegex(ValueError, r"tuple `\(questions, contexts\)`"):
            preprocessor(["Who?"], y=None)
        with self.assertRaisesRegex(ValueError, "2 questions and contexts"):
            preprocessor((["Who?", "Who?"], ["Ada"]))
        with self.assertRaisesRegex(ValueError, "`answer_start` and `answer_text`"):
            preprocessor((["Who?"], ["Ada"]), [0])
        with self.assertRaisesRegex(ValueError, "one answer for each question"):
            preprocessor((["Who?"], ["Ada"]), ANSWERS)
        # The offset in bytes, a common mistake.
        with self.assertRaisesRegex(ValueError, "not bytes. The text is at 6"):
            preprocessor(
                ("Who?", "cafés Ada"), {"answer_text": "Ada", "answer_start": 7}
            )
        with self.assertRaisesRegex(ValueError, "not in the context"):
            preprocessor(("Who?", "Ada"), {"answer_text": "Bob", "answer_start": 0})


class BiGSQuestionAnswererTest(TestCase):
    def setUp(self):
        self.preprocessor = BiGSQuestionAnswererPreprocessor(tokenizer(), 24)
        self.init_kwargs = {"backbone": backbone(), "preprocessor": self.preprocessor}

    def task(self, sequence_length=24):
        self.preprocessor.sequence_length = sequence_length
        return BiGSQuestionAnswerer(**self.init_kwargs)

    @fast_on_torch
    def test_task_basics(self):
        self.run_task_test(
            cls=BiGSQuestionAnswerer,
            init_kwargs=self.init_kwargs,
            train_data=((QUESTIONS, CONTEXTS), ANSWERS),
            expected_output_shape={"start_logits": (4, 24), "end_logits": (4, 24)},
        )

    def test_learns_answers(self):
        """Labels are where answers are: a few of them are learned by heart."""
        keras.utils.set_random_seed(0)
        self.init_kwargs["backbone"] = backbone("ssm")
        task = self.task()
        task.compile(optimizer=keras.optimizers.Adam(0.01))
        x, weights = (QUESTIONS, CONTEXTS), np.ones(4)
        history = task.fit(x, ANSWERS, sample_weight=weights, epochs=60, verbose=0)
        losses = {key: values[-1] for key, values in history.history.items()}
        self.assertLess(losses["loss"], 0.1)
        self.assertAllClose(
            losses["loss"],
            (losses["start_logits_loss"] + losses["end_logits_loss"]) / 2,
            rtol=1e-5,
        )
        for answer, text, start in zip(
            task.answer(QUESTIONS, CONTEXTS), *ANSWERS.values(), strict=True
        ):
            self.assertEqual((answer["text"], answer["start"]), (text, start))
            self.assertGreater(answer["score"], 0.5)

    def test_on_batch(self):
        """Two labels an example, where keras-hub's `train_on_batch` takes one."""
        task, x = self.task(), (QUESTIONS, CONTEXTS)
        results = task.evaluate(x, ANSWERS, verbose=0, return_dict=True)
        on_batch = task.test_on_batch(x, ANSWERS, return_dict=True)
        self.assertAllClose(on_batch["loss"], results["loss"], rtol=1e-5)
        self.assertIn("end_logits_sparse_categorical_accuracy", results)
        loss = task.train_on_batch(x, ANSWERS, return_dict=True)["loss"]
        self.assertAllClose(loss, results["loss"], rtol=1e-5)

    def test_answers_by_hand(self):
        task = self.task()
        with forced("ada", "##lace"):
            answer = task.answer("Who wrote it?", "\tIn Paris, Ada  Lovelace wrote it.")
            score = answer.pop("score")
            self.assertEqual(answer, {"text": "Ada  Lovelace", "start": 11, "end": 24})
            # 9 tokens have 45 spans: one of logit 18; of 9 the 5 others that start
            # where it does and the 5 others that end where it does; and 34 of 0.
            odds = np.exp([18.0] + [9.0] * 10 + [0.0] * 34)
            self.assertAllClose(score, odds[0] / np.sum(odds), rtol=1e-5)
        with forced("cafe", "##s"):
            context = "Ada wrote, in the Cafe\u0301s in Paris."
            answer = task.answer(["Where?"], [context])[0]
            self.assertEqual(answer["text"], "Cafe\u0301s")
            self.assertEqual(answer["text"], context[answer["start"] : answer["end"]])
        # Both pieces of the ligature have its offsets, and are one answer.
        with forced("##i", "##i"):
            first, second = task.answer("Who?", "in ﬁ", top_k=2)
            self.assertEqual((first["text"], first["start"], first["end"]), ("ﬁ", 3, 4))
            self.assertEqual(second["text"], "in ﬁ")

    def test_order_of_equals(self):
        """The earlier start, then the shorter span; scores of all sum to 1."""
        with forced("[MASK]", "[MASK]"):
            answers = self.task().answer("Who?", "Ada wrote it", top_k=100)
            self.assertEqual(
                [answer["text"] for answer in answers],
                ["Ada", "Ada wrote", "Ada wrote it", "wrote", "wrote it", "it"],
            )
            self.assertAllClose([answer["score"] for answer in answers], [1 / 6] * 6)
            answers = self.task().answer(
                "Who?", "Ada wrote it", top_k=100, max_answer_length=1
            )
            self.assertEqual(
                [answer["text"] for answer in answers], ["Ada", "wrote", "it"]
            )

    def test_long_context(self):
        """An answer in the last window, and one across the ends of windows."""
        # [CLS] who ? [SEP] <8 tokens> [SEP]
        task = self.task(13)
        context = "in " * 50 + "Ada Lovelace."
        with forced("ada", "##lace"):
            for stride in (1, 3, 8, 128):
                answer = task.answer(
                    "Who?", context, stride=stride, max_answer_length=4
                )
                self.assertEqual(
                    (answer["text"], answer["start"]), ("Ada Lovelace", 150)
                )
        # Wherever an answer of the most tokens is, it is whole in some window.
        for before in range(12):
            context = "in " * before + "Ada it it Rome" + " in" * 9
            with forced("ada", "rome"):
                answer = task.answer("Who?", context, max_answer_length=4)
                self.assertEqual(answer["start"], 3 * before)
                self.assertEqual(answer["text"], "Ada it it Rome")
                # And one token longer it is no candidate.
                answer = task.answer("Who?", context, max_answer_length=3)
                self.assertNotEqual(answer["text"], "Ada it it Rome")

    def test_windows(self):
        """Every span of at most `max_answer_length` tokens is in a window."""
        task = self.task()
        tokenize = functools.partial(tokenize_with_offsets, task.preprocessor.tokenizer)
        for length, room, most, stride in itertools.product(
            (1, 4, 9, 10, 23), (1, 4, 9), (1, 3, 30), (1, 2, 5, 128)
        ):
            self.preprocessor.sequence_length = 3 + 2 + room
            *_, offsets, windows = task._read(
                "who?", "in " * length, most, stride, tokenize
            )
            self.assertLen(offsets, length)
            self.assertEqual((windows[0][0], windows[-1][1]), (0, length))
            self.assertLessEqual(max(end - begin for begin, end in windows), room)
            for first in range(length):
                last = min(first + min(most, room), length)
                self.assertTrue(any(b <= first and last <= e for b, e in windows))

    def test_answer_and_predict_agree(self):
        """The best span by hand from `predict`, whose padding is unmasked."""
        task = self.task()
        enlarge_weights(task)
        outputs = task.predict((QUESTIONS, CONTEXTS), verbose=0)
        answers = task.answer(QUESTIONS, CONTEXTS, max_answer_length=5)
        for i, (question, context) in enumerate(zip(QUESTIONS, CONTEXTS, strict=True)):
            answer = answers[i]
            question_ids, _ = tokenize_with_offsets(tokenizer(), question)
            _, offsets = tokenize_with_offsets(tokenizer(), context)
            at = len(question_ids) + 2
            starts = outputs["start_logits"][i][at : at + len(offsets)]
            ends = outputs["end_logits"][i][at : at + len(offsets)]
            odds = {
                (first, last): np.exp(np.float64(starts[first]) + ends[last])
                for first in range(len(offsets))
                for last in range(first, min(first + 5, len(offsets)))
            }
            first, last = max(odds, key=odds.get)
            self.assertEqual(answer["start"], offsets[first][0])
            self.assertEqual(answer["end"], offsets[last][1])
            self.assertAllClose(
                answer["score"], max(odds.values()) / sum(odds.values()), rtol=1e-4
            )
        self.assertTrue(np.all(np.isfinite(outputs["start_logits"])))
        self.assertLess(np.max(np.abs(outputs["start_logits"])), 1e4)

    def test_padding_does_not_matter(self):
        self.init_kwargs["backbone"] = backbone("ssm")
        task = self.task()
        enlarge_weights(task)
        short = task.predict((QUESTIONS, CONTEXTS), verbose=0)
        x = self.preprocessor((QUESTIONS, CONTEXTS))
        mask = keras.ops.convert_to_numpy(x["padding_mask"])
        self.preprocessor.sequence_length = 47
        long = task.predict((QUESTIONS, CONTEXTS), verbose=0)
        for name in ("start_logits", "end_logits"):
            scale = np.max(np.abs(short[name]))
            self.assertGreater(np.std(short[name][mask]), 0.1)
            self.assertAllClose(
                short[name][mask] / scale, long[name][:, :24][mask] / scale, atol=1e-5
            )

    def test_without_preprocessor(self):
        x, y = self.preprocessor((QUESTIONS, CONTEXTS), ANSWERS)
        task = BiGSQuestionAnswerer(backbone(), dropout=0.1)
        self.assertGreater(task.evaluate(x, y, verbose=0)[0], 0.0)
        outputs = task.predict(x, verbose=0)
        self.assertEqual(outputs["start_logits"].shape, (4, 24))
        with self.assertRaisesRegex(ValueError, "needs a `preprocessor`"):
            task.answer("Who?", "Ada")

    def test_presets(self):
        """The task comes back, and other tasks of the same directory are found."""
        task = self.task()
        enlarge_weights(task)
        path = self.get_temp_dir()
        task.save_to_preset(path)
        for cls in (BiGSQuestionAnswerer, QuestionAnswerer):
            restored = cls.from_preset(path)
            self.assertIs(type(restored), BiGSQuestionAnswerer)
            self.assertIs(type(restored.preprocessor), BiGSQuestionAnswererPreprocessor)
            self.assertEqual(restored.preprocessor.sequence_length, 24)
        self.assertEqual(
            task.answer(QUESTIONS, CONTEXTS), restored.answer(QUESTIONS, CONTEXTS)
        )
        preprocessor = BiGSQuestionAnswererPreprocessor.from_preset(path)
        self.assertAllClose(
            preprocessor((QUESTIONS, CONTEXTS)),
            self.preprocessor((QUESTIONS, CONTEXTS)),
        )
        other = keras_hub.models.TextClassifier.from_preset(path, num_classes=2)
        self.assertIs(type(other), BiGSTextClassifier)
        # A preset of another task gives this one a fresh head.
        other.save_to_preset(path)
        restored = QuestionAnswerer.from_preset(path)
        self.assertIs(type(restored.preprocessor), BiGSQuestionAnswererPreprocessor)

    def test_errors(self):
        task = self.task()
        with self.assertRaisesRegex(
            ValueError, "`context` must have at least one token"
        ):
            task.answer("Who?", " \n")
        with self.assertRaisesRegex(ValueError, "leaves no room for the context"):
            task.answer("who " * 21, "Ada")
        with self.assertRaisesRegex(ValueError, "lists of the same length"):
            task.answer(["Who?"], "Ada")
        with self.assertRaisesRegex(ValueError, "lists of the same length"):
            task.answer(["Who?"], ["Ada", "Bob"])
        for name in ("top_k", "max_answer_length", "stride"):
            with self.assertRaisesRegex(ValueError, f"`{name}` must be at least 1"):
                task.answer("Who?", "Ada", **{name: 0})
        self.assertEqual(task.answer([], []), [])


def normalized(text):
    """SQuAD's normalization: case, punctuation, articles and whitespace."""
    text = "".join(c for c in text.lower() if c not in string.punctuation)
    return re.sub(r"\b(a|an|the)\b", " ", text).split()


@pytest.mark.skipif(not SQUAD.exists(), reason="SQuAD is not on this machine")
def test_squad_answers_survive():
    """Answer to positions and back, on 350 questions of SQuAD 1.1."""
    articles = json.loads(SQUAD.read_text())["data"]
    rows = [
        (qa["question"], paragraph["context"], qa["answers"][0])
        for article in articles
        for paragraph in article["paragraphs"]
        for qa in paragraph["qas"]
    ][::30]
    questions, contexts, answers = zip(*rows, strict=True)
    # Common words whole, the others by the letter.
    words = collections.Counter(re.findall(r"\w+", " ".join(contexts).lower()))
    letters = set("".join(questions + contexts).lower()) - set(string.whitespace)
    letters |= {f"##{letter}" for letter in letters}
    pieces = SPECIAL + sorted(letters | {word for word, _ in words.most_common(5000)})
    preprocessor = BiGSQuestionAnswererPreprocessor(
        BiGSTokenizer(pieces, strip_accents=True), 1200
    )
    _, y = preprocessor(
        (list(questions), list(contexts)),
        {
            "answer_text": [answer["text"] for answer in answers],
            "answer_start": [answer["answer_start"] for answer in answers],
        },
    )
    positions = zip(
        *(keras.ops.convert_to_numpy(y[f"{name}_logits"]) for name in ("start", "end")),
        strict=True,
    )
    right = 0
    for (first, last), question, context, answer in zip(
        positions, questions, contexts, answers, strict=True
    ):
        at = len(tokenize_with_offsets(preprocessor.tokenizer, question)[0]) + 2
        _, offsets = tokenize_with_offsets(preprocessor.tokenizer, context)
        assert at <= first <= last < at + len(offsets)
        found = context[offsets[first - at][0] : offsets[last - at][1]]
        right += normalized(found) == normalized(answer["text"])
    assert len(rows) > 300
    assert right / len(rows) > 0.99
