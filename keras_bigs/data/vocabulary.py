"""WordPiece vocabularies learnt from the user's own texts."""

import collections
from collections.abc import Iterable

from keras_bigs.data.words import MAX_WORD_BYTES
from keras_bigs.data.words import is_word
from keras_bigs.data.words import split_words

SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
# As many characters as are pieces by themselves; rarer ones are "[UNK]".
MAX_ALPHABET = 1000
# How often two neighbours must come to be joined to a piece.
MIN_FREQUENCY = 10


def learn_vocabulary(
    texts: Iterable[str],
    vocabulary_size: int = 8000,
    lowercase: bool = True,
    strip_accents: bool | None = None,
) -> list[str]:
    """Learns word pieces from texts, for a `BiGSTokenizer` with the same options.

    Beginning with single characters, the two neighbours in words that come together
    most often are joined to a new piece, again and again (the trainer of Hugging Face's
    `tokenizers`). The result is a function of the words and how often each comes. Its
    order is that of `SPECIAL_TOKENS`, the characters, the characters with "##", and the
    joined pieces as they were found, from frequent to rare.

    As all characters are pieces, no word of `texts` becomes "[UNK]", but for one of
    more than 100 bytes, one with a no-break space in it, or one with a character that
    is not among the 1000 most frequent.

    Neighbours must come together 10 times, so few texts give a small vocabulary. 7.7 MB
    of prose take three seconds of processor time.

    Args:
        texts: the texts, of which one at least has a word.
        vocabulary_size: int. The most word pieces, special tokens included.
        lowercase: bool. Whether to lower the case of the texts.
        strip_accents: bool. Whether to remove the accents of the texts. `None` does so
            where the case is lowered, as `BiGSTokenizer` does.

    Returns:
        At most `vocabulary_size` word pieces, without repetition.

    Raises:
        ValueError: there are no words, or `vocabulary_size` is too small for the
            characters.
    """
    if isinstance(texts, str):
        raise ValueError("Give texts as a list of strings. Received one string.")
    strip_accents = lowercase if strip_accents is None else strip_accents
    counts = _count_words(texts, lowercase, strip_accents)
    alphabet = _alphabet(counts)
    counts = {word: n for word, n in counts.items() if alphabet.issuperset(word)}
    if not counts:
        raise ValueError("There are no words in texts to learn a vocabulary from.")
    # What is a word by itself does not continue one, unless folding made it several
    # characters, as "…".
    inside = set().union(*(word[1:] for word in counts))
    continuing = {c for c in alphabet if c in inside or not is_word(c)}
    single = [
        *SPECIAL_TOKENS,
        *sorted(alphabet),
        *(f"##{character}" for character in sorted(continuing)),
    ]
    if len(single) > vocabulary_size:
        raise ValueError(
            f"vocabulary_size={vocabulary_size} is too small: the special tokens and "
            f"the characters of the texts alone are {len(single)} pieces."
        )
    return _join_neighbours(counts, single, vocabulary_size)


def _count_words(texts, lowercase, strip_accents):
    """How often each word comes that is not `[UNK]` in any case."""
    # Split at spaces first, so that what comes again is looked at once.
    strings = collections.Counter()
    for text in texts:
        strings.update(text.split(" "))
    counts = collections.Counter()
    for string, n in strings.items():
        for word in split_words(string, lowercase, strip_accents):
            if len(word.encode()) <= MAX_WORD_BYTES and word.split() == [word]:
                counts[word] += n
    return counts


def _alphabet(counts):
    """The most frequent characters; of equally frequent ones the first in Unicode."""
    characters = collections.Counter()
    for word, n in counts.items():
        for character in word:
            characters[character] += n
    by_frequency = sorted(characters, key=lambda c: (-characters[c], c))
    return set(by_frequency[:MAX_ALPHABET])


def _join_neighbours(counts, single, vocabulary_size):
    """The vocabulary: pieces that are there in any case, and those learnt."""
    import tokenizers

    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordPiece(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    trainer = tokenizers.trainers.WordPieceTrainer(
        vocab_size=vocabulary_size,
        min_frequency=MIN_FREQUENCY,
        show_progress=False,
        # Equally frequent neighbours are joined in the order of their ids. These have
        # theirs from the start; else hash tables would order the pieces with "##".
        special_tokens=single,
    )
    words = (" ".join([word] * n) for word, n in counts.items())
    tokenizer.train_from_iterator(words, trainer)
    ids = tokenizer.get_vocab()
    return sorted(ids, key=ids.get)
