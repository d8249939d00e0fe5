"""The base class of preprocessors of words, questions and choices."""

from keras_hub.models import BartTokenizer
from keras_hub.models import Preprocessor
from keras_hub.tokenizers import WordPieceTokenizer

from keras_bigs.compat.keras_hub_preprocessing import (
    convert_preprocessing_outputs_python,
)
from keras_bigs.compat.keras_hub_preprocessing import in_tf_function
from keras_bigs.compat.keras_hub_preprocessing import no_convert_scope
from keras_bigs.compat.keras_hub_preprocessing import tf
from keras_bigs.models.segment_packer import check_sequence_length
from keras_bigs.models.segment_packer import pack_segments


class PackedPreprocessor(Preprocessor):
    """Base class of preprocessors that pack `[CLS] a [SEP]` or `[CLS] a [SEP] b [SEP]`.

    Subclasses say how to compute the outputs on Python lists, in `call_python`, and in
    the graph of a `tf.data` pipeline, in `call_tf`.

    Args:
        tokenizer: the tokenizer.
        sequence_length: int. The length of packed inputs, in tokens, at least 4.
        **kwargs: as for `keras_hub.models.Preprocessor`.
    """

    # Whether `x` is a tuple of texts. A call with one tuple of texts is then a call
    # with `x`; keras-hub's layers would take it for `(x, y)`.
    takes_tuples = False

    # Whether it has to know which characters or words a token came from.
    needs_word_pieces = False

    # As `keras_hub.layers.MultiSegmentPacker` calls it: the first segment first.
    truncate = "waterfall"

    def __init__(self, tokenizer, sequence_length=512, **kwargs):
        super().__init__(**kwargs)
        if self.needs_word_pieces and not isinstance(tokenizer, WordPieceTokenizer):
            raise ValueError(
                f"`{type(self).__name__}` needs a tokenizer of word pieces, such as "
                "`BiGSTokenizer`: of others it does not know which characters or words "
                f"their tokens came from. Received: tokenizer={tokenizer!r}"
            )
        self.tokenizer = tokenizer
        self.sequence_length = sequence_length

    def build(self, input_shape=None):
        # There is nothing to build: a tokenizer is complete once it has a vocabulary.
        self.built = True

    def __call__(self, *args, **kwargs):
        is_tuple = len(args) == 1 and type(args[0]) is tuple
        if self.takes_tuples and is_tuple and not isinstance(args[0][0], tuple):
            kwargs.setdefault("y", None)
        return super().__call__(*args, **kwargs)

    def call(self, x, y=None, sample_weight=None):
        if in_tf_function():
            return self.call_tf(x, y, sample_weight)
        # NumPy throughout, and one conversion to the backend's tensors at the end.
        with no_convert_scope():
            outputs = self.call_python(x, y, sample_weight)
        return convert_preprocessing_outputs_python(outputs)

    def call_python(self, x, y, sample_weight):
        """The outputs as NumPy arrays, for Python lists, arrays or eager tensors."""
        raise NotImplementedError

    def call_tf(self, x, y, sample_weight):
        """The outputs as TensorFlow tensors, for those of a graph."""
        raise NotImplementedError

    def pack(self, segments, length=None):
        """Packs token ids into the backbone's inputs.

        Args:
            segments: tuple of batches of token ids, one a segment: lists of lists, or
                ragged tensors. Where they do not fit, the last is cut first.
            length: int. Of the inputs; by default `sequence_length`.

        Returns:
            dict of `token_ids`, `segment_ids` (int32) and `padding_mask` (bool), each
            `(batch, length)`: NumPy arrays for lists, else tensors.
        """
        tokenizer = self.tokenizer
        token_ids, segment_ids = pack_segments(
            segments,
            length or self.sequence_length,
            start_value=tokenizer.start_token_id,
            end_value=tokenizer.end_token_id,
            pad_value=tokenizer.pad_token_id,
            sep_value=separator(tokenizer),
        )
        return {
            "token_ids": token_ids,
            "segment_ids": segment_ids,
            "padding_mask": token_ids != tokenizer.pad_token_id,
        }

    def get_config(self):
        config = super().get_config()
        config["sequence_length"] = self.sequence_length
        return config

    @property
    def sequence_length(self):
        """The padded length of model input sequences."""
        return self._sequence_length

    @sequence_length.setter
    def sequence_length(self, value):
        check_sequence_length(value)
        self._sequence_length = value


def require_preprocessor(task, method):
    """Raises `ValueError` if a task has no preprocessor, which a method of it needs."""
    if task.preprocessor is None:
        raise ValueError(
            f"`{method}` tokenizes text and needs a `preprocessor`. This model has "
            "`preprocessor=None`."
        )


def special_tokens_of_pair(tokenizer):
    """How many special tokens a packed pair of texts has: `[CLS]`, `[SEP]`, `[SEP]`."""
    return 2 + len(separator(tokenizer))


def separator(tokenizer):
    """The token ids between two segments: `[SEP]`, or `</s></s>` for BART.

    Args:
        tokenizer: a tokenizer with an `end_token_id`.

    Returns:
        list of ints.
    """
    ends = 2 if isinstance(tokenizer, BartTokenizer) else 1
    return [tokenizer.end_token_id] * ends


def tokenize_texts(tokenizer, texts):
    """Token ids of each of several texts.

    A tokenizer that does not split takes a list of strings for the words of one text.

    Args:
        tokenizer: a tokenizer of keras-hub.
        texts: list of strings, or `(batch,)` tensor of TensorFlow.

    Returns:
        list of lists of ints, or a ragged tensor.
    """
    # Only word piece tokenizers have the option.
    splits = getattr(tokenizer, "split", True)
    if not isinstance(texts, list):
        return tokenizer(texts if splits else texts[:, tf.newaxis])
    if not texts:
        return []
    rows = tokenizer(texts if splits else [[text] for text in texts])
    return [list(row) for row in rows]
