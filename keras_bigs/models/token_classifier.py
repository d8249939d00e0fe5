"""Classification of words: the base class of the task."""

import keras
import numpy as np
from scipy.special import softmax

from keras_bigs.models.packed_preprocessor import require_preprocessor
from keras_bigs.models.ragged_task import RaggedTask
from keras_bigs.models.ragged_task import pad_rows
from keras_bigs.models.ragged_task import raw_rows
from keras_bigs.models.row_prediction import predict_rows


class TokenClassifier(RaggedTask):
    """Base class of tasks that classify each word of a text: entities, parts of speech.

    To fine-tune with `fit()`, pass lists of words and lists of as many integer labels
    from `[0, num_classes)`; a preprocessor gives each label to the first word piece of
    its word. Metrics and the loss count only these.

    Example:
    ```python
    classifier = keras_bigs.models.TokenClassifier.from_preset(
        "bigs_mini_en_uncased", num_classes=3
    )
    classifier.fit([["Ada", "wrote", "it"], ["Hello"]], [[1, 0, 0], [0]])
    ```
    """

    def compile(
        self, optimizer="auto", loss="auto", *, weighted_metrics="auto", **kwargs
    ):
        """Configures training, with defaults for whatever is `"auto"`.

        Args:
            optimizer: `"auto"` for Adam at 5e-5, or an optimizer.
            loss: `"auto"` for sparse categorical cross-entropy, averaged over the
                labeled words; or a loss.
            weighted_metrics: `"auto"` for the accuracy over labeled words, or a list of
                metrics.
            **kwargs: as for `keras.Model.compile`.
        """
        if optimizer == "auto":
            optimizer = keras.optimizers.Adam(5e-5)
        if loss == "auto":
            # The default reduction would divide by all positions, padding included.
            loss = keras.losses.SparseCategoricalCrossentropy(
                from_logits=not self._gives_probabilities(),
                reduction="mean_with_sample_weight",
            )
        if weighted_metrics == "auto":
            weighted_metrics = [keras.metrics.SparseCategoricalAccuracy()]
        super().compile(
            optimizer=optimizer, loss=loss, weighted_metrics=weighted_metrics, **kwargs
        )

    def stack_inputs(self, x, y=None):
        """Lists of words, and of their labels, padded to arrays for batching.

        Args:
            x: list of texts, each a string or a list of words. Anything that is no list
                or array, and anything without a preprocessor, stays as it is.
            y: optional list of lists of ints.

        Returns:
            `(x, y)`: `(batch, words)` of strings, filled up with `""`, and of int32,
            filled up with -1, which means no label.

        Raises:
            ValueError: labels that do not match the words or the classes.
        """
        rows = raw_rows(x)
        if self.preprocessor is None or rows is None:
            return x, y
        words, labels, batched = self.preprocessor.read(rows, y)
        if not batched:
            raise ValueError(
                "`y` must have a list of labels for each text of `x`. Received one "
                f"list of labels for {len(words[0])} texts. To train on a single text, "
                "wrap its words and its labels in a list."
            )
        if labels is not None:
            labels = pad_rows(labels, -1, "int32")
            if np.max(labels, initial=0) >= self.num_classes:
                raise ValueError(
                    "`y` must have labels below `num_classes`. Received: label "
                    f"{np.max(labels)}, num_classes={self.num_classes}. Build the task "
                    "with more classes or correct the labels."
                )
        return pad_rows(words, "", object), labels

    def classify_words(self, texts):
        """The class of each word of a text.

        A word's class is that of its first word piece, as in training.

        Args:
            texts: a text, or a list of texts. A text is a list of words or a string,
                which is split on whitespace; so the words of a single text are passed
                as a list in a list.

        Returns:
            For a string, a list with one dict a word: `word`, `class_id` (int) and
            `score` (its probability). Both are `None` for a word without any word
            piece, such as a control character. For a list of texts, a list of such
            lists.

        Raises:
            ValueError: no preprocessor, or a text too long for it.

        Example:
        ```python
        classifier = keras_bigs.models.TokenClassifier.from_preset(
            "bigs_mini_en_uncased", num_classes=3
        )
        classifier.classify_words([["Ada", "Lovelace", "wrote", "it"]])
        # [[{"word": "Ada", "class_id": 1, "score": 0.98}, ...]]
        ```
        """
        require_preprocessor(self, "classify_words")
        rows, _, batched = self.preprocessor.read(texts)
        pieces = self.preprocessor.tokenize_words(rows)
        limit = self.preprocessor.sequence_length
        for words, row in zip(rows, pieces, strict=True):
            length = sum(len(ids) for ids in row) + 2
            if length > limit:
                raise ValueError(
                    f"A text has {length} tokens and the preprocessor's "
                    f"`sequence_length` is {limit}, so its last words would have no "
                    "class. Raise `sequence_length` (up to the backbone's "
                    "`max_sequence_length`) or split the text. "
                    f"Received: {' '.join(words)[:80]!r}..."
                )
        if not rows:
            return []
        outputs = predict_rows(
            self, ([[i for ids in row for i in ids] for row in pieces],)
        )
        if not self._gives_probabilities():
            outputs = [softmax(logits, axis=-1) for logits in outputs]
        results = []
        for words, row, scores in zip(rows, pieces, outputs, strict=True):
            result, position = [], 1
            for word, ids in zip(words, row, strict=True):
                class_id = score = None
                if ids:
                    class_id = int(np.argmax(scores[position]))
                    score = float(scores[position, class_id])
                result.append({"word": word, "class_id": class_id, "score": score})
                position += len(ids)
            results.append(result)
        return results if batched else results[0]

    def _gives_probabilities(self):
        activation = keras.activations.get(getattr(self, "activation", None))
        return activation == keras.activations.softmax
