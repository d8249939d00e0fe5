"""WordPiece vocabularies learnt from the user's own texts."""

from collections.abc import Iterable

import keras_hub
import tensorflow as tf

SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def learn_vocabulary(
    texts: Iterable[str],
    vocabulary_size: int = 8000,
    lowercase: bool = True,
    strip_accents: bool | None = None,
) -> list[str]:
    """Learns word pieces from texts, for a `keras_hub.tokenizers.WordPieceTokenizer`.

    Give the tokenizer the same `lowercase` and `strip_accents`.

    The result is a function of the arguments. Its order is that of `SPECIAL_TOKENS`,
    the alphabet, the alphabet with "##", and longer pieces from frequent to rare. As
    the alphabet is complete, no word of `texts` becomes "[UNK]", unless it is over 50
    characters long or has a character that is not among the 1000 most frequent.

    A piece must occur about 10 times, so few texts give a small vocabulary. The time
    grows with the number of distinct words: 13 s for the 67,349 phrases of SST-2 on two
    CPU cores, two minutes for 10 MB of books.

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
            alphabet.
    """
    if isinstance(texts, str):
        raise ValueError("Give texts as a list of strings. Received one string.")
    dataset = tf.data.Dataset.from_tensor_slices(tf.constant(list(texts), tf.string))
    try:
        vocabulary = keras_hub.tokenizers.compute_word_piece_vocabulary(
            dataset.batch(1024),
            max(vocabulary_size, len(SPECIAL_TOKENS) + 1),  # else it has no alphabet
            lowercase=lowercase,
            strip_accents=lowercase if strip_accents is None else strip_accents,
            reserved_tokens=list(SPECIAL_TOKENS),
        )
    except StopIteration:  # raised by the counter of words if there are none
        vocabulary = []
    alphabet = [piece for piece in vocabulary if len(piece) == 1]
    if not alphabet:
        raise ValueError("There are no words in texts to learn a vocabulary from.")
    # keras-hub has cut off the last pieces, among them rare characters with "##".
    alphabet += ["##" + character for character in alphabet]
    size = len(SPECIAL_TOKENS) + len(alphabet)
    if size > vocabulary_size:
        raise ValueError(
            f"vocabulary_size={vocabulary_size} is too small: the special tokens and "
            f"the alphabet of the texts alone are {size} pieces or more."
        )
    single = {*SPECIAL_TOKENS, *alphabet}
    longer = [piece for piece in vocabulary if piece not in single]
    return [*SPECIAL_TOKENS, *alphabet, *longer[: vocabulary_size - size]]
