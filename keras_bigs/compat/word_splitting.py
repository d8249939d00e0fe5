"""The steps inside keras-hub's `WordPieceTokenizer`, one by one.

keras-hub 0.32 tells no offsets of word pieces. To find them, its own steps are taken
here (case folding, splitting at whitespace, punctuation and special tokens, word
pieces), so that token ids are the same. May go when the tokenizer gives offsets.
"""

from keras_hub.src.tokenizers.word_piece_tokenizer import _get_split_patterns
from keras_hub.src.utils.tensor_utils import casefold_utf8

__all__ = ["casefold_utf8", "special_tokens", "split_patterns", "word_pieces"]


def special_tokens(tokenizer):
    """The special tokens that a tokenizer does not take apart: a tuple of strings."""
    return tuple(tokenizer._special_tokens_for_splitting() or ())


def split_patterns(tokenizer):
    """`(delimiter, keep)`: compiled patterns of what parts words, and of what of that
    is a word itself."""
    return _get_split_patterns(tokenizer.split_on_cjk, special_tokens(tokenizer))


def word_pieces(tokenizer, word):
    """The pieces of one word, as strings."""
    return tokenizer._tokenize_word_python(word)
