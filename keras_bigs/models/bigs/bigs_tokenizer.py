"""The tokenizer: WordPiece with BERT's special tokens."""

import os

import keras
from keras_hub.tokenizers import WordPieceTokenizer

from keras_bigs.compat.keras_hub_preprocessing import in_tf_function
from keras_bigs.compat.word_splitting import TokenIds
from keras_bigs.models.bigs.bigs_backbone import BiGSBackbone
from keras_bigs.vocabulary import read_vocabulary


@keras.saving.register_keras_serializable("keras_bigs")
class BiGSTokenizer(WordPieceTokenizer):
    """Splits text into WordPiece tokens, as BERT and the published BiGS models do.

    A `keras_hub.tokenizers.WordPieceTokenizer` that knows BERT's special tokens and
    checks that the vocabulary has them. The published models are uncased, hence
    `lowercase=True` by default; and as BERT's uncased tokenizer does, accents are
    stripped where text is lower-cased.

    Args:
        vocabulary: list of word pieces, or the path of a text file with one a line.
            Must contain `"[PAD]"`, `"[UNK]"`, `"[CLS]"`, `"[SEP]"` and `"[MASK]"`.
        lowercase: bool. Whether to lower-case the text first.
        strip_accents: bool or `None`. Whether to take the accents off letters. `None`
            does so where text is lower-cased.
        special_tokens_in_strings: bool. Whether special tokens in the text are read as
            such instead of as plain text.
        **kwargs: as for `keras_hub.tokenizers.WordPieceTokenizer`.

    Call arguments:
        inputs: a string, or a list or tensor of strings.

    Returns:
        int32 token ids: `(length,)` for a string, ragged `(batch, None)` for several.

    Raises:
        ValueError: the vocabulary lacks a special token.
        DataError: a file that is no vocabulary, see `read_vocabulary`.

    Example:
    ```python
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "fox", "."]
    tokenizer = keras_bigs.models.BiGSTokenizer(vocabulary)
    tokenizer("The fox.")  # [5, 6, 7]
    ```
    """

    backbone_cls = BiGSBackbone

    def __init__(self, vocabulary=None, lowercase=True, strip_accents=None, **kwargs):
        self._add_special_token("[CLS]", "cls_token")
        self._add_special_token("[SEP]", "sep_token")
        self._add_special_token("[PAD]", "pad_token")
        self._add_special_token("[MASK]", "mask_token")
        # The names that packers look for.
        self._add_special_token("[CLS]", "start_token")
        self._add_special_token("[SEP]", "end_token")
        if isinstance(vocabulary, str | os.PathLike):
            vocabulary = read_vocabulary(vocabulary)
        super().__init__(
            vocabulary=vocabulary,
            lowercase=lowercase,
            strip_accents=lowercase if strip_accents is None else strip_accents,
            **kwargs,
        )
        self._token_ids = TokenIds()
        # There is nothing to build; Keras would run a model once for what is not built.
        self.built = True

    def __call__(self, inputs, **kwargs):
        if not kwargs and _are_texts(inputs) and self._gives_lists():
            return self._token_ids(self, inputs)
        return super().__call__(inputs, **kwargs)

    def get_config(self):
        # keras-hub 0.32 forgets that one.
        return {**super().get_config(), "split_on_cjk": self.split_on_cjk}

    def _gives_lists(self):
        """Whether a list of texts becomes a list of lists of ids."""
        is_int = keras.backend.standardize_dtype(self.compute_dtype).startswith("int")
        is_plain = is_int and self.split and not self.sequence_length
        return is_plain and bool(self.vocabulary) and not in_tf_function()


def _are_texts(inputs):
    is_list = type(inputs) is list and bool(inputs)
    return is_list and all(type(text) is str for text in inputs)
