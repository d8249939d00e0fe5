"""Tokenizer, preprocessors, masked LM, classifier and embedder."""

import h5py
import keras
import keras_hub
import numpy as np
import pytest
from keras import ops

from keras_bigs import models
from keras_bigs import training
from tests.conformance import TestCase
from tests.weights import randomize

VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
VOCABULARY += [
    "the",
    "quick",
    "brown",
    "fox",
    "jumped",
    "over",
    "a",
    "lazy",
    "dog",
    ".",
    "i",
    "forgot",
    "my",
]
VOCABULARY += ["home", "##work"]
TEXTS = ["The quick brown fox jumped.", "I forgot my homework."]


def backbone(**kwargs):
    model = models.BiGSBackbone(
        len(VOCABULARY), 2, 8, 24, state_dim=4, max_sequence_length=12, **kwargs
    )
    return randomize(model)


@pytest.mark.without_backend
class TokenizerTest(TestCase):
    def test_tokenizer_basics(self):
        self.run_preprocessing_layer_test(
            cls=models.BiGSTokenizer,
            init_kwargs={"vocabulary": VOCABULARY},
            input_data=TEXTS,
            expected_output=[[5, 6, 7, 8, 9, 14], [15, 16, 17, 18, 19, 14]],
            expected_detokenize_output=[
                "the quick brown fox jumped .",
                "i forgot my homework .",
            ],
        )

    def test_accents(self):
        tokenizer = models.BiGSTokenizer(VOCABULARY)
        self.assertAllEqual(tokenizer("Thé fóx"), tokenizer("the fox"))
        cased = models.BiGSTokenizer(VOCABULARY, lowercase=False)
        self.assertAllEqual(cased("thé"), [1])
        self.assertFalse(cased.strip_accents)

    def test_missing_special_token(self):
        with self.assertRaisesRegex(ValueError, r"\[MASK\]"):
            models.BiGSTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "fox"])


@pytest.mark.without_backend
class PreprocessorTest(TestCase):
    def setUp(self):
        super().setUp()
        tokenizer = models.BiGSTokenizer(VOCABULARY)
        self.init_kwargs = {"tokenizer": tokenizer, "sequence_length": 9}

    def test_text_classifier_preprocessor_basics(self):
        self.run_preprocessor_test(
            cls=models.BiGSTextClassifierPreprocessor,
            init_kwargs=self.init_kwargs,
            input_data=(TEXTS[:1], [1], [0.5]),
            expected_output=(
                {
                    "token_ids": [[2, 5, 6, 7, 8, 9, 14, 3, 0]],
                    "segment_ids": [[0] * 9],
                    "padding_mask": [[1] * 8 + [0]],
                },
                [1],
                [0.5],
            ),
        )

    def test_pairs_share_the_length(self):
        preprocessor = models.BiGSTextClassifierPreprocessor(**self.init_kwargs)
        x = preprocessor(x=(TEXTS[:1], TEXTS[1:]))
        self.assertAllEqual(x["token_ids"], [[2, 5, 6, 7, 3, 15, 16, 17, 3]])
        self.assertAllEqual(x["segment_ids"], [[0] * 5 + [1] * 4])

    def test_masked_lm_preprocessor_basics(self):
        self.run_preprocessor_test(
            cls=models.BiGSMaskedLMPreprocessor,
            # Everything is masked, so that nothing is left to chance.
            init_kwargs={
                **self.init_kwargs,
                "mask_selection_rate": 1.0,
                "mask_token_rate": 1.0,
                "random_token_rate": 0.0,
                "mask_selection_length": 7,
            },
            input_data=TEXTS[:1],
            expected_output=(
                {
                    "token_ids": [[2, 4, 4, 4, 4, 4, 4, 3, 0]],
                    "segment_ids": [[0] * 9],
                    "padding_mask": [[1] * 8 + [0]],
                    "mask_positions": [[1, 2, 3, 4, 5, 6, 0]],
                },
                [[5, 6, 7, 8, 9, 14, 0]],
                [[1.0] * 6 + [0.0]],
            ),
        )

    def test_text_embedder_preprocessor_basics(self):
        self.run_preprocessor_test(
            cls=models.BiGSTextEmbedderPreprocessor,
            init_kwargs=self.init_kwargs,
            input_data=TEXTS[1:],
        )


class TaskTest(TestCase):
    def setUp(self):
        super().setUp()
        self.tokenizer = models.BiGSTokenizer(VOCABULARY)
        self.preprocessors = {
            cls: cls(self.tokenizer, sequence_length=12)
            for cls in (
                models.BiGSMaskedLMPreprocessor,
                models.BiGSTextClassifierPreprocessor,
                models.BiGSTextEmbedderPreprocessor,
            )
        }

    def task(self, cls, **kwargs):
        preprocessor = self.preprocessors[cls.preprocessor_cls]
        return cls(backbone=backbone(), preprocessor=preprocessor, **kwargs)

    def test_masked_lm_basics(self):
        preprocessor = models.BiGSMaskedLMPreprocessor(
            self.tokenizer,
            sequence_length=12,
            mask_selection_rate=1.0,
            mask_token_rate=1.0,
            random_token_rate=0.0,
            mask_selection_length=6,
        )
        self.run_task_test(
            cls=models.BiGSMaskedLM,
            init_kwargs={
                # The routing that compiles fastest.
                "backbone": backbone(routing="fourier"),
                "preprocessor": preprocessor,
            },
            train_data=(TEXTS,),
            expected_output_shape=(2, 6, len(VOCABULARY)),
        )

    def test_text_classifier_basics(self):
        preprocessor = self.preprocessors[models.BiGSTextClassifierPreprocessor]
        self.run_task_test(
            cls=models.BiGSTextClassifier,
            init_kwargs={
                "backbone": backbone(routing="fourier"),
                "num_classes": 3,
                "preprocessor": preprocessor,
            },
            train_data=(TEXTS, [2, 0]),
            expected_output_shape=(2, 3),
        )

    def test_regressor_is_compiled_as_one(self):
        regressor = self.task(models.BiGSTextClassifier, num_classes=1)
        self.assertIsInstance(regressor.loss, keras.losses.MeanSquaredError)
        predictions = regressor.predict(TEXTS, verbose=0)
        expected = np.mean((predictions[:, 0] - [0.5, -1.0]) ** 2)
        result = regressor.evaluate(TEXTS, [0.5, -1.0], return_dict=True, verbose=0)
        self.assertAllClose(result["loss"], expected, rtol=1e-5)
        self.assertAllClose(result["root_mean_squared_error"], expected**0.5, rtol=1e-5)

    def test_text_embedder_basics(self):
        embedder = self.task(models.BiGSTextEmbedder)
        embeddings = embedder.encode_text(TEXTS, verbose=0)
        self.assertEqual(embeddings.shape, (2, 8))
        norms = np.linalg.norm(embeddings, axis=-1)
        self.assertAllClose(norms, [1, 1], atol=1e-5)
        similarity = ops.convert_to_numpy(embedder.similarity(embeddings, embeddings))
        self.assertAllClose(similarity, embeddings @ embeddings.T, atol=1e-5)
        raw = models.BiGSTextEmbedder(embedder.backbone, normalize=False)
        x = embedder.preprocessor(TEXTS)
        hidden = embedder.backbone(x)["sequence_output"]
        hidden = ops.convert_to_numpy(hidden)
        lengths = np.array(x["padding_mask"]).sum(1)
        means = [h[:n].mean(0) for h, n in zip(hidden, lengths, strict=True)]
        self.assertAllClose(raw(x), means, atol=1e-5, rtol=1e-4)

    def test_texts_without_tokens_can_be_trained_on(self):
        """Their embedding is zero, and all gradients are numbers."""
        embedder = self.task(models.BiGSTextEmbedder)
        mask = np.array([[1, 1, 1, 0], [0, 0, 0, 0]], "int32")
        x = {
            "token_ids": np.array([[2, 5, 3, 0], [0, 0, 0, 0]], "int32"),
            "segment_ids": np.zeros_like(mask),
            "padding_mask": mask,
        }
        alone = embedder({key: value[:1] for key, value in x.items()})
        y = ops.convert_to_numpy(embedder(x))
        self.assertAllClose(y[:1], alone, rtol=1e-5, atol=1e-6)
        self.assertAllEqual(y[1], np.zeros(8))
        embedder.compile("sgd", "mean_squared_error")
        before = embedder.get_weights()
        keras.Model.fit(embedder, x, np.ones((2, 8)), verbose=0)
        after = embedder.get_weights()
        self.assertTrue(all(np.all(np.isfinite(value)) for value in after))
        changes = [np.abs(a - b).max() for a, b in zip(before, after, strict=True)]
        self.assertGreater(max(changes), 1e-3)

    def test_presets_travel(self):
        for cls, kwargs in (
            (models.BiGSMaskedLM, {}),
            (models.BiGSTextClassifier, {"num_classes": 3}),
            (models.BiGSTextEmbedder, {}),
        ):
            task = self.task(cls, **kwargs)
            path = self.get_temp_dir() + "/preset"
            task.save_to_preset(path)
            copy = cls.from_preset(path)
            self.assertIsInstance(copy.preprocessor, cls.preprocessor_cls)
            x = task.preprocessor(TEXTS)
            x = x[0] if isinstance(x, tuple) else x
            self.assertAllClose(copy(x), task(x), atol=1e-6)
            # keras-hub's own classes find ours.
            base = keras_hub.models.Backbone.from_preset(path)
            self.assertIsInstance(base, models.BiGSBackbone)
            base_cls = next(
                c for c in cls.__mro__ if c.__module__.startswith("keras_hub")
            )
            self.assertIs(type(base_cls.from_preset(path)), cls)

    def test_preset_for_another_task(self):
        path = self.get_temp_dir() + "/preset"
        masked_lm = self.task(models.BiGSMaskedLM)
        masked_lm.save_to_preset(path)
        classifier = models.BiGSTextClassifier.from_preset(path, num_classes=2)
        self.assertAllClose(
            classifier.backbone.get_weights()[0], masked_lm.backbone.get_weights()[0]
        )
        self.assertEqual(classifier.predict(TEXTS, verbose=0).shape, (2, 2))

    def test_heads_do_not_see_padding(self):
        """To rounding, for any text, however far it is padded."""
        for cls, kwargs in (
            (models.BiGSTextClassifier, {"num_classes": 3}),
            (models.BiGSTextEmbedder, {}),
        ):
            task = self.task(cls, **kwargs)
            outputs = []
            for length in (8, 12):
                task.preprocessor.sequence_length = length
                outputs.append(task(task.preprocessor(TEXTS)))
            self.assertAllClose(*outputs, atol=1e-5, rtol=1e-5)
        masked_lm = self.task(models.BiGSMaskedLM)
        x = models.BiGSTextClassifierPreprocessor(self.tokenizer, 12)(TEXTS)
        x = {k: np.array(v) for k, v in x.items()}
        x["mask_positions"] = np.array([[1, 2], [3, 1]])
        outputs = [
            masked_lm(
                {k: v if k == "mask_positions" else v[:, :n] for k, v in x.items()}
            )
            for n in (8, 12)
        ]
        self.assertAllClose(*outputs, atol=2e-5, rtol=2e-5)

    def test_only_masked_positions_meet_the_vocabulary(self):
        masked_lm = self.task(models.BiGSMaskedLM)
        self.assertEqual(masked_lm.output_shape, (None, None, len(VOCABULARY)))
        x = {k: np.ones((1, 12), "int32") for k in masked_lm.backbone.input}
        logits = masked_lm({**x, "mask_positions": np.array([[3]])})
        self.assertEqual(logits.shape, (1, 1, len(VOCABULARY)))

    def test_fill_mask(self):
        masked_lm = self.task(models.BiGSMaskedLM)
        text = "The [MASK] brown fox [MASK]."
        guesses = masked_lm.fill_mask(text, top_k=len(VOCABULARY))
        self.assertLen(guesses, 2)
        x = {
            "token_ids": np.array([[2, 5, 4, 7, 8, 4, 14, 3]]),
            "segment_ids": np.zeros((1, 8), "int32"),
            "padding_mask": np.ones((1, 8), "int32"),
            "mask_positions": np.array([[2, 5]]),
        }
        expected = ops.convert_to_numpy(ops.softmax(masked_lm(x)))[0]
        for ranked, probabilities in zip(guesses, expected, strict=True):
            scores = [guess["score"] for guess in ranked]
            self.assertEqual(scores, sorted(scores, reverse=True))
            self.assertAllClose(sum(scores), 1.0, atol=1e-5)
            for guess in ranked:
                self.assertEqual(guess["token"], VOCABULARY[guess["token_id"]])
                self.assertAllClose(
                    guess["score"], probabilities[guess["token_id"]], atol=1e-5
                )
        several = masked_lm.fill_mask([text, "[MASK]"], top_k=len(VOCABULARY))
        self.assertEqual([len(row) for row in several], [2, 1])
        self.assertAllClose(
            [g["score"] for g in several[0][1]], [g["score"] for g in guesses[1]]
        )

    def test_fill_mask_of_padded_vocabularies(self):
        """Tokens that the tokenizer does not have are no guesses."""
        model = models.BiGSBackbone(
            len(VOCABULARY) + 4, 1, 8, 24, state_dim=4, max_sequence_length=12
        )
        preprocessor = self.preprocessors[models.BiGSMaskedLMPreprocessor]
        masked_lm = models.BiGSMaskedLM(randomize(model), preprocessor)
        (guesses,) = masked_lm.fill_mask("the [MASK]", top_k=len(VOCABULARY))
        self.assertEqual({g["token_id"] for g in guesses}, set(range(len(VOCABULARY))))
        self.assertEqual(masked_lm.fill_mask([]), [])

    def test_fill_mask_pads_as_in_training_where_that_matters(self):
        text, preprocessor = (
            "the [MASK]",
            self.preprocessors[models.BiGSMaskedLMPreprocessor],
        )
        masked_lm = models.BiGSMaskedLM(backbone(mask_padding=False), preprocessor)
        x = np.zeros((1, 12), "int32")
        x[0, :4] = [2, 5, 4, 3]
        expected = masked_lm(
            {
                "token_ids": x,
                "segment_ids": np.zeros_like(x),
                "padding_mask": (x > 0).astype("int32"),
                "mask_positions": np.array([[2]]),
            }
        )
        expected = ops.convert_to_numpy(ops.softmax(expected))[0, 0]
        ((best,),) = masked_lm.fill_mask(text, top_k=1)
        self.assertAllClose(best["score"], expected.max(), atol=1e-6)

    def test_masked_lm_loss_is_that_of_a_masked_position(self):
        """However many predictions are left unused."""
        masked_lm = self.task(models.BiGSMaskedLM)
        for weight in masked_lm.backbone.weights:
            weight.assign(np.zeros(weight.shape))
        loss = masked_lm.evaluate(TEXTS, verbose=0, return_dict=True)["loss"]
        self.assertAllClose(loss, np.log(len(VOCABULARY)), rtol=1e-4)

    def test_tokenizer_of_another_backbone(self):
        tokenizer = models.BiGSTokenizer([*VOCABULARY, "more"])
        preprocessor = models.BiGSMaskedLMPreprocessor(tokenizer)
        with self.assertRaisesRegex(ValueError, "The tokenizer has 21 tokens"):
            models.BiGSMaskedLM(backbone(), preprocessor)

    def test_the_callers_preprocessor_is_not_changed(self):
        preprocessor = models.BiGSMaskedLMPreprocessor(
            self.tokenizer, sequence_length=40, mask_selection_rate=0.3
        )
        masked_lm = models.BiGSMaskedLM(backbone(), preprocessor)
        self.assertEqual(preprocessor.sequence_length, 40)
        self.assertEqual(masked_lm.preprocessor.sequence_length, 12)
        self.assertEqual(masked_lm.preprocessor.mask_selection_rate, 0.3)
        self.assertIs(masked_lm.preprocessor.tokenizer, self.tokenizer)
        # One that fits is taken as it is.
        again = models.BiGSMaskedLM(backbone(), masked_lm.preprocessor)
        self.assertIs(again.preprocessor, masked_lm.preprocessor)

    def test_output_bias_is_not_decayed(self):
        optimizer = training.adamw(1e-3, 10)
        masked_lm = self.task(models.BiGSMaskedLM)
        optimizer.build(masked_lm.trainable_variables)
        for variable in masked_lm.trainable_variables:
            is_matrix = len(variable.shape) > 1 and variable.name not in (
                "A_re", "A_im", "C",
            )  # fmt: skip
            self.assertEqual(optimizer._use_weight_decay(variable), is_matrix)

    def test_fill_mask_errors(self):
        masked_lm = self.task(models.BiGSMaskedLM)
        with self.assertRaisesRegex(ValueError, r"must contain '\[MASK\]'"):
            masked_lm.fill_mask("the fox")
        with self.assertRaisesRegex(ValueError, "`top_k` must be an integer between"):
            masked_lm.fill_mask("the [MASK]", top_k=0)
        with self.assertRaisesRegex(ValueError, "Received: top_k=2.0"):
            masked_lm.fill_mask("the [MASK]", top_k=2.0)
        with self.assertRaisesRegex(ValueError, "`text` must be a string"):
            masked_lm.fill_mask([3])
        with self.assertRaisesRegex(ValueError, "`sequence_length` is 12"):
            masked_lm.fill_mask("the [MASK] " * 10)
        with self.assertRaisesRegex(ValueError, "needs a `preprocessor`"):
            models.BiGSMaskedLM(backbone()).fill_mask("the [MASK]")


def test_classifier_learns():
    """A word decides the class: a few steps of `fit` on raw strings find it."""
    tokenizer = models.BiGSTokenizer(VOCABULARY)
    classifier = models.BiGSTextClassifier(
        models.BiGSBackbone(len(VOCABULARY), 1, 32, 96, dropout=0.0),
        2,
        models.BiGSTextClassifierPreprocessor(tokenizer, sequence_length=12),
    )
    classifier.compile(
        keras.optimizers.Adam(3e-3), keras.losses.SparseCategoricalCrossentropy(True)
    )
    words = ["the", "quick", "brown", "fox", "jumped", "over", "a"]
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.permutation(words)[:5]) for _ in range(64)]
    labels = np.array([int("fox" in text) for text in texts])
    classifier.fit(texts, labels, epochs=12, batch_size=16, verbose=0)
    predictions = classifier.predict(texts, verbose=0).argmax(-1)
    assert (predictions == labels).mean() > 0.95


def test_number_of_classes():
    with pytest.raises(ValueError, match="`num_classes` must be at least 1"):
        models.BiGSTextClassifier(backbone(), 0)


def test_a_trained_preset_has_no_optimizer(tmp_path, recwarn):
    """Which is twice the weights, and is of no use to a new task."""
    classifier = models.BiGSTextClassifier(backbone(), num_classes=2)
    inputs = {name: np.ones((2, 8), "int32") for name in classifier.input}
    classifier.fit(inputs, np.array([0, 1]), verbose=0)
    optimizer = classifier.optimizer
    classifier.save_to_preset(str(tmp_path / "preset"))
    assert classifier.optimizer is optimizer and optimizer.iterations == 1
    with h5py.File(tmp_path / "preset" / "task.weights.h5") as file:
        assert "optimizer" not in file
    recwarn.clear()
    again = models.BiGSTextClassifier.from_preset(str(tmp_path / "preset"))
    assert not [w for w in recwarn if "optimizer" in str(w.message)]
    assert np.allclose(
        again.predict(inputs, verbose=0), classifier.predict(inputs, verbose=0)
    )
