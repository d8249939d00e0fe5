"""Words and their labels to token classifier inputs."""

import re

import keras
import numpy as np

from keras_bigs.compat.keras_hub_preprocessing import convert_to_numpy
from keras_bigs.compat.keras_hub_preprocessing import preprocessing_function
from keras_bigs.compat.keras_hub_preprocessing import tf
from keras_bigs.models.bigs.bigs_backbone import BiGSBackbone
from keras_bigs.models.bigs.bigs_tokenizer import BiGSTokenizer
from keras_bigs.models.packed_preprocessor import PackedPreprocessor
from keras_bigs.models.packed_preprocessor import tokenize_texts
from keras_bigs.models.python_values import to_ints
from keras_bigs.models.python_values import to_strings
from keras_bigs.models.segment_packer import pack_segments

# What `tf.strings.split` takes for whitespace.
NO_WHITESPACE = re.compile(r"[^ \t\n\v\f\r]+")


@keras.saving.register_keras_serializable("keras_bigs")
class BiGSTokenClassifierPreprocessor(PackedPreprocessor):
    """Tokenizes words and aligns their labels: `[CLS] words [SEP]`.

    The first word piece of a word has the word's label. Its other pieces, special
    tokens and padding have the sample weight 0. A word without any piece (an empty
    string, a control character) has no token, and its label is not used; words beyond
    `sequence_length` are cut off.

    Args:
        tokenizer: `BiGSTokenizer`.
        sequence_length: int. The length of packed inputs, in tokens.
        **kwargs: as for `keras_hub.models.Preprocessor`.

    Call arguments:
        x: a batch of texts, or one. A text is a list of words, or a string, which is
            split on (ASCII) whitespace. A flat list of strings is a batch of texts,
            unless `y` is a flat list too: then it is the words of one text.
        y: optional labels: for each text a list of ints, one a word. A negative label
            means that the word has none.
        sample_weight: optional weights of the texts, `(batch,)`.

    Returns:
        A dict of `token_ids`, `segment_ids` and `padding_mask`, each
        `(batch, sequence_length)`. With `y` a tuple `(x, y, sample_weight)` of the
        dict, the labels, `(batch, sequence_length)` int32, and float32 weights of the
        same shape. For one text the same without the batch.

    Raises:
        ValueError: inputs that are no strings, or not as many labels as words.

    Example:
    ```python
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "fox", "##es"]
    preprocessor = keras_bigs.models.BiGSTokenClassifierPreprocessor(
        keras_bigs.models.BiGSTokenizer(vocabulary), sequence_length=8
    )
    # [CLS] the fox ##es [SEP]
    x, y, sample_weight = preprocessor([["the", "foxes"]], [[1, 2]])
    # y              [[0, 1, 2, 0, 0, 0, 0, 0]]
    # sample_weight  [[0, 1, 1, 0, 0, 0, 0, 0]]
    ```
    """

    backbone_cls = BiGSBackbone
    tokenizer_cls = BiGSTokenizer
    needs_word_pieces = True

    def read(self, x, y=None):
        """Texts as lists of words, with their labels checked.

        Args:
            x, y: as for a call.

        Returns:
            `(words, labels, batched)`: a list of lists of strings, `None` or a list of
            lists of ints, and whether `x` was a batch; otherwise the lists have one
            entry.

        Raises:
            ValueError: as for a call.
        """
        words = to_strings(x)
        labels = None if y is None else to_ints(y)
        if isinstance(labels, int):
            raise ValueError(
                "`y` must have a list of labels for each text, one label a word. "
                f"Received: y={labels}"
            )
        is_flat = bool(labels) and isinstance(labels[0], int)
        batched = not (isinstance(words, str) or is_flat)
        if not batched:
            words, labels = [words], None if y is None else [labels]
        words = [
            NO_WHITESPACE.findall(text) if isinstance(text, str) else text
            for text in words
        ]
        if labels is not None:
            if len(labels) != len(words):
                raise ValueError(
                    "`y` must have a list of labels for each text of `x`. Received: "
                    f"{len(words)} texts and {len(labels)} lists of labels."
                )
            for i, (row, row_labels) in enumerate(zip(words, labels, strict=True)):
                if len(row) != len(row_labels):
                    raise ValueError(
                        "`y` must have one label for each word of `x`. Received: "
                        f"{len(row)} words and {len(row_labels)} labels in text {i}: "
                        f"{row} and {row_labels}"
                    )
        return words, labels, batched

    def tokenize_words(self, words):
        """Token ids by word: for each text a list with a list of ids a word."""
        flat = [word for row in words for word in row]
        ids = iter(tokenize_texts(self.tokenizer, flat))
        return [[next(ids) for _ in row] for row in words]

    def call_python(self, x, y, sample_weight):
        words, labels, batched = self.read(x, y)
        pieces = self.tokenize_words(words)
        x = self.pack(([[i for ids in row for i in ids] for row in pieces],))
        y = weights = None
        if labels is not None:
            # Labels of first pieces, -1 at all other tokens.
            aligned = [
                [
                    label if i == 0 else -1
                    for ids, label in zip(row, row_labels, strict=True)
                    for i in range(len(ids))
                ]
                for row, row_labels in zip(pieces, labels, strict=True)
            ]
            aligned = self._pack_labels(aligned)
            y = np.maximum(aligned, 0)
            weights = (aligned >= 0).astype("float32")
            if sample_weight is not None:
                sample_weight = convert_to_numpy(sample_weight).astype("float32")
                weights *= np.reshape(sample_weight, (-1, 1))
        if not batched:
            x = {key: value[0] for key, value in x.items()}
            y, weights = (None if v is None else v[0] for v in (y, weights))
        return keras.utils.pack_x_y_sample_weight(x, y, weights)

    @preprocessing_function
    def call_tf(self, x, y=None, sample_weight=None):
        batched = x.shape.rank > 1 or (
            x.shape.rank == 1 and (y is None or y.shape.rank > 1)
        )
        if not batched:
            x = x[tf.newaxis]
            y = None if y is None else y[tf.newaxis]
        words = tf.strings.split(x) if x.shape.rank == 1 else _to_ragged(x)
        pieces = tokenize_texts(self.tokenizer, words.flat_values)
        tokens = words.with_flat_values(pieces).merge_dims(1, 2)
        x = self.pack((tokens,))
        weights = None
        if y is not None:
            y = _to_ragged(y)
            check = tf.debugging.assert_equal(
                words.row_lengths(),
                tf.cast(y.row_lengths(), words.row_splits.dtype),
                message="`y` must have one label for each word of `x`.",
            )
            # Or what follows may fail first, with a message about shapes.
            with tf.control_dependencies([check]):
                labels = tf.identity(y.flat_values)
                lengths = tf.identity(pieces.row_lengths())
            labels = tf.repeat(tf.cast(labels, "int32"), lengths)
            is_first = tf.ragged.range(lengths).flat_values == 0
            aligned = tokens.with_values(tf.where(is_first, labels, -1))
            aligned = self._pack_labels(aligned)
            y = tf.maximum(aligned, 0)
            weights = tf.cast(aligned >= 0, "float32")
            if sample_weight is not None:
                sample_weight = tf.cast(sample_weight, "float32")
                weights *= tf.reshape(sample_weight, (-1, 1))
        if not batched:
            x = {key: value[0] for key, value in x.items()}
            y, weights = (None if v is None else v[0] for v in (y, weights))
        return keras.utils.pack_x_y_sample_weight(x, y, weights)

    def _pack_labels(self, labels):
        """Labels by position, cut and padded like tokens, -1 where there is none."""
        none = {"start_value": -1, "end_value": -1, "pad_value": -1}
        return pack_segments((labels,), self.sequence_length, **none)[0]


def _to_ragged(x):
    return x if isinstance(x, tf.RaggedTensor) else tf.RaggedTensor.from_tensor(x)
