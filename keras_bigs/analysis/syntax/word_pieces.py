"""The word pieces of sentences, as a masked language model reads them."""

from keras_hub.tokenizers import WordPieceTokenizer

from keras_bigs.errors import ConfigError
from keras_bigs.models import BiGSTokenizer
from keras_bigs.models import to_bigs_tokenizer
from keras_bigs.models.packed_preprocessor import tokenize_texts

Words = tuple[tuple[int, ...], ...]


class WordPieces:
    """Splits sentences into words, and these into word pieces.

    Words are those of the tokenizer, which are divided by spaces and punctuation. So
    that BERT and BiGS read the same text, accents are stripped for both where text is
    lower-cased (see `keras_bigs.models.to_bigs_tokenizer`).

    Args:
        masked_lm: a task with a preprocessor whose tokenizer is one of word pieces,
            such as `BiGSMaskedLM` or `keras_hub.models.BertMaskedLM`.

    Attributes:
        tokenizer: `BiGSTokenizer`.
        sequence_length: int. The most tokens of a sentence, `[CLS]` and `[SEP]` among
            them.

    Raises:
        ConfigError: the task has no preprocessor, or another kind of tokenizer.

    Example:
    ```python
    masked_lm = keras_bigs.models.BiGSMaskedLM.from_preset("bigs_mini_en_uncased")
    pieces = keras_bigs.analysis.WordPieces(masked_lm)
    pieces.words(["The old lighthouse."])  # [((8,), (95,), (312, 45), (6,))]
    ```
    """

    def __init__(self, masked_lm):
        preprocessor = masked_lm.preprocessor
        tokenizer = getattr(preprocessor, "tokenizer", None)
        if not isinstance(tokenizer, WordPieceTokenizer):
            raise ConfigError(
                f"{type(masked_lm).__name__} must have a preprocessor with a tokenizer "
                "of word pieces, such as BiGS and BERT have, to tell which tokens are "
                f"one word. Received: tokenizer={tokenizer!r}"
            )
        if not isinstance(tokenizer, BiGSTokenizer):
            tokenizer = to_bigs_tokenizer(tokenizer)
        self.tokenizer = tokenizer
        lengths = [preprocessor.sequence_length]
        # As many as there are position embeddings, where there are any.
        lengths += filter(
            None, [getattr(masked_lm.backbone, "max_sequence_length", None)]
        )
        self.sequence_length = min(lengths)
        self.unknown_id = tokenizer.token_to_id(tokenizer.oov_token)
        self._continues = [
            piece.startswith(tokenizer.suffix_indicator)
            for piece in tokenizer.get_vocabulary()
        ]
        self._words: dict[str, Words] = {}

    def words(self, sentences) -> list[Words]:
        """The words of each sentence, as tuples of the ids of their pieces.

        Args:
            sentences: list of strings.

        Returns:
            A list of tuples of words, one a sentence, without `[CLS]` and `[SEP]`. A
            word that has no pieces is one `[UNK]`.
        """
        parts = [sentence.split() for sentence in sentences]
        # Tokens do not depend on what is beyond a space, and words come again.
        new = dict.fromkeys(
            part for row in parts for part in row if part not in self._words
        )
        for part, ids in zip(
            new, tokenize_texts(self.tokenizer, list(new)), strict=True
        ):
            words: list[list[int]] = []
            for i in map(int, ids):
                if self._continues[i]:
                    words[-1].append(i)
                else:
                    words.append([i])
            self._words[part] = tuple(map(tuple, words))
        return [sum((self._words[part] for part in row), ()) for row in parts]

    def pack(self, words: Words) -> tuple[int, ...]:
        """The token ids of a sentence: `[CLS]`, its pieces, `[SEP]`."""
        start, end = self.tokenizer.start_token_id, self.tokenizer.end_token_id
        return (start, *(piece for word in words for piece in word), end)
