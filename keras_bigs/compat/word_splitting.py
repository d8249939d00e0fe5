"""The steps inside keras-hub's `WordPieceTokenizer`, one by one.

keras-hub 0.32 tells no offsets of word pieces. To find them, its own steps are taken
here (case folding, splitting at whitespace, punctuation and special tokens, word
pieces), so that token ids are the same. May go when the tokenizer gives offsets.

And outside TensorFlow it takes all of them for every word of every text, in Python:
`TokenIds` takes them once for each different word. May go when that is fast.
"""

import functools
import re
import unicodedata

import regex
from keras_hub.src.tokenizers.word_piece_tokenizer import _get_split_patterns
from keras_hub.src.utils.tensor_utils import casefold_utf8

__all__ = [
    "TokenIds",
    "casefold_utf8",
    "special_tokens",
    "split_patterns",
    "word_pieces",
]

MOST_WORDS = 200_000
"""How many different words are remembered."""


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


class TokenIds:
    """The token ids of texts, by a tokenizer that splits and has no `sequence_length`.

    Equal to those of `keras_hub.tokenizers.WordPieceTokenizer`.
    """

    def __init__(self):
        self._known, self._vocabulary, self._options = {}, None, None

    def __call__(self, tokenizer, texts):
        """A list of ints for each of a list of strings."""
        # The tokenizer makes another map for other pieces.
        pieces_to_ids = tokenizer._token_to_id_map
        unfolded = special_tokens(tokenizer)
        options = (tokenizer.lowercase, unfolded)
        if (
            self._vocabulary is not pieces_to_ids
            or self._options != options
            or len(self._known) > MOST_WORDS
        ):
            self._known, self._vocabulary = {}, pieces_to_ids
            self._options = options
        words = _words(tokenizer.split_on_cjk, unfolded)
        ascii_words = _ascii_words(tokenizer.split_on_cjk)
        known, rows = self._known, []
        for text in texts:
            is_plain = text.isascii()
            if tokenizer.strip_accents and not is_plain:
                text = unicodedata.normalize("NFD", text)
                text = "".join(c for c in text if unicodedata.category(c) != "Mn")
            is_plain = is_plain and not any(token in text for token in unfolded)
            ids = []
            for word in (ascii_words if is_plain else words).findall(text):
                found = known.get(word)
                if found is None:
                    folds = tokenizer.lowercase and word not in unfolded
                    pieces = word_pieces(
                        tokenizer, casefold_utf8(word) if folds else word
                    )
                    found = [pieces_to_ids[piece] for piece in pieces]
                    known[word] = found
                ids += found
            rows.append(ids)
        return rows


@functools.cache
def _words(split_on_cjk, special_tokens):
    """The pattern of what is between delimiters, or a delimiter and a word."""
    delimiter, keep = _get_split_patterns(split_on_cjk, special_tokens)
    return regex.compile(rf"(?:{keep.pattern})|(?:(?!{delimiter.pattern})[\s\S])+")


@functools.cache
def _ascii_words(split_on_cjk):
    """The same for text in ASCII without special tokens, by classes of characters,
    which are a fifth of the time."""
    delimiter, keep = _get_split_patterns(split_on_cjk, ())
    characters = [chr(i) for i in range(128)]
    inside = [re.escape(c) for c in characters if not delimiter.fullmatch(c)]
    alone = [
        re.escape(c) for c in characters if delimiter.fullmatch(c) and keep.fullmatch(c)
    ]
    return re.compile(rf"[{''.join(inside)}]+|[{''.join(alone)}]")
