"""Texts split into words, as `BiGSTokenizer` does before it looks for word pieces.

The words of `keras_hub.tokenizers.WordPieceTokenizer`, which is BERT's rule, by plain
Python: what only needs words does not wait for TensorFlow and Keras.
"""

import re
import string
import unicodedata

# The tokenizer makes a longer word "[UNK]".
MAX_WORD_BYTES = 100

_ASCII_WORDS = re.compile(r"[A-Za-z0-9]+|[!-/:-@\[-`{-~]")
_ASCII_PUNCTUATION = frozenset(string.punctuation)
_CHINESE = (
    (0x4E00, 0x9FFF),
    (0x3400, 0x4DBF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F),
    (0x2B820, 0x2CEAF),
    (0xF900, 0xFAFF),
    (0x2F800, 0x2FA1F),
)
# Of Unicode's property Default_Ignorable_Code_Point.
_IGNORED = (
    (0x00AD, 0x00AD),
    (0x034F, 0x034F),
    (0x061C, 0x061C),
    (0x115F, 0x1160),
    (0x17B4, 0x17B5),
    (0x180B, 0x180F),
    (0x200B, 0x200F),
    (0x202A, 0x202E),
    (0x2060, 0x206F),
    (0x3164, 0x3164),
    (0xFE00, 0xFE0F),
    (0xFEFF, 0xFEFF),
    (0xFFA0, 0xFFA0),
    (0xFFF0, 0xFFF8),
    (0x1BCA0, 0x1BCA3),
    (0x1D173, 0x1D17A),
    (0xE0000, 0xE0FFF),
)


def split_words(text: str, lowercase: bool, strip_accents: bool) -> list[str]:
    """The words of a text, in the form in which their pieces are looked up.

    Whitespace and control characters part words; punctuation and Chinese characters are
    words of their own.

    Args:
        text: the text.
        lowercase: whether to fold case, and with it what looks alike (NFKC_Casefold).
        strip_accents: whether to remove accents.
    """
    if text.isascii():
        words = _ASCII_WORDS.findall(text)
        return [word.lower() for word in words] if lowercase else words
    if strip_accents:
        text = unicodedata.normalize("NFD", text).translate(_WITHOUT_ACCENTS)
    words = text.translate(_PARTED).split(" ")
    return [word for word in (map(_fold, words) if lowercase else words) if word]


def is_word(character: str) -> bool:
    """Whether a character is a word of its own wherever it stands."""
    return len(_PARTED[ord(character)]) > 1


def _fold(word):
    word = unicodedata.normalize("NFKC", word).casefold()
    return unicodedata.normalize("NFKC", word).translate(_WITHOUT_IGNORED)


class CharacterTable(dict):
    """A table for `str.translate` that a function fills as characters come."""

    def __init__(self, replace):
        self._replace = replace

    def __missing__(self, code):
        return self.setdefault(code, self._replace(chr(code)))


def _part(character):
    """A space for what parts words, and spaces around what is a word."""
    category = unicodedata.category(character)
    if character in " \t\n\r\f" or category in ("Cc", "Cf"):
        return " "
    if (
        character in _ASCII_PUNCTUATION
        or category.startswith("P")
        or _is_in(_CHINESE, character)
    ):
        return f" {character} "
    return character


def _is_in(ranges, character):
    return any(first <= ord(character) <= last for first, last in ranges)


_PARTED = CharacterTable(_part)
_WITHOUT_ACCENTS = CharacterTable(
    lambda c: "" if unicodedata.category(c) == "Mn" else c
)
_WITHOUT_IGNORED = CharacterTable(lambda c: "" if _is_in(_IGNORED, c) else c)
