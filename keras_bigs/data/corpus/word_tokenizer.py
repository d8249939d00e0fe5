"""Fast tokenization of much text by remembering words."""

import itertools
from collections.abc import Iterable
from collections.abc import Sequence

from keras_bigs.data.words import MAX_WORD_BYTES
from keras_bigs.data.words import split_words


class WordTokenizer:
    """Token ids as a `BiGSTokenizer` gives them, computed once for each distinct word.

    Most words come again and again, so this is about ten times as fast as tokenizing
    all of the text; and it needs neither Keras nor TensorFlow.

    Args:
        vocabulary: the word pieces in the order of their ids, "[UNK]" among them.
        lowercase: bool. Whether to lower the case of the texts and remove accents.
        max_words: int. When more words than this are remembered, all are forgotten.

    Call arguments:
        texts: strings.

    Returns:
        A list of token ids for each text.
    """

    def __init__(
        self, vocabulary: Sequence[str], lowercase: bool, max_words: int = 2**20
    ):
        self._piece_ids = {piece: i for i, piece in enumerate(vocabulary)}
        self._unknown = (self._piece_ids["[UNK]"],)
        self._lowercase = lowercase
        self._max_words = max_words
        # Of what stands between spaces, and of the words in it, which come in many
        # forms that differ in punctuation only: "word", "word,", "(word". Tuples: the
        # garbage collector does not go through those of numbers.
        self._string_ids: dict[str, tuple[int, ...]] = {}
        self._word_ids: dict[str, tuple[int, ...]] = {}

    def __call__(self, texts: Iterable[str]) -> list[list[int]]:
        split = [text.split(" ") for text in texts]
        if len(self._string_ids) > self._max_words:
            self._string_ids.clear()
            self._word_ids.clear()
        for string in set().union(*split) - self._string_ids.keys():
            self._string_ids[string] = self._tokenize(string)
        known = self._string_ids.__getitem__
        return [
            list(itertools.chain.from_iterable(map(known, strings)))
            for strings in split
        ]

    def _tokenize(self, string):
        ids: tuple[int, ...] = ()
        for word in split_words(string, self._lowercase, strip_accents=self._lowercase):
            if word not in self._word_ids:
                self._word_ids[word] = self._look_up(word)
            ids += self._word_ids[word]
        return ids

    def _look_up(self, word):
        """The longest piece that a word begins with, then of the rest, and so on."""
        if len(word.encode()) > MAX_WORD_BYTES:
            return self._unknown
        ids, start, prefix = [], 0, ""
        while start < len(word):
            for end in range(len(word), start, -1):
                piece = self._piece_ids.get(prefix + word[start:end])
                if piece is not None:
                    break
            else:
                return self._unknown
            ids.append(piece)
            start, prefix = end, "##"
        return tuple(ids)
