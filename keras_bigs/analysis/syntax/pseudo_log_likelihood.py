"""How likely a masked language model finds a token, and a sentence."""

from collections.abc import Callable
from collections.abc import Sequence

import keras
import numpy as np

from keras_bigs.analysis.syntax.word_pieces import WordPieces
from keras_bigs.errors import ConfigError
from keras_bigs.errors import DataError
from keras_bigs.models.row_prediction import bucket_lengths
from keras_bigs.models.row_prediction import predict_batches


def pseudo_log_likelihood(
    masked_lm, sentences: Sequence[str], batch_size: int = 128
) -> np.ndarray:
    """The pseudo-log-likelihood of sentences (Salazar et al. 2020, equation 1).

    The sum over the tokens of a sentence, `[CLS]` and `[SEP]` left out, of
    `log p(token | the others)`, in nats: each token is masked in turn, in a copy of its
    own. It is no probability of the sentence, but tells of two sentences which the
    model finds better. Longer sentences have lower sums.

    Args:
        masked_lm: as for `MaskedTokenScorer`.
        sentences: texts, which are not empty and fit into the model.
        batch_size: int. The masked copies that are computed at once.

    Returns:
        float64 array, `(len(sentences),)`.

    Raises:
        DataError: a sentence is empty or too long.
        ConfigError: as for `MaskedTokenScorer`.

    Example:
    ```python
    masked_lm = keras_bigs.models.BiGSMaskedLM.from_preset("bigs_mini_en_uncased")
    keras_bigs.analysis.pseudo_log_likelihood(
        masked_lm, ["The keys are old.", "The keys is old."]
    )
    ```
    """
    scorer = MaskedTokenScorer(masked_lm, batch_size)
    tokens, owners = [], []
    for index, words in enumerate(scorer.pieces.words(sentences)):
        ids = scorer.pieces.pack(words)
        if len(ids) == 2 or len(ids) > scorer.pieces.sequence_length:
            raise DataError(
                f"Sentence {index} has {len(ids)} tokens, [CLS] and [SEP] among them. "
                f"The model takes 3 to {scorer.pieces.sequence_length}. Leave it out. "
                f"Received: {sentences[index][:80]!r}"
            )
        tokens += all_tokens(ids)
        owners += [index] * (len(ids) - 2)
    scores = scorer.log_probabilities(tokens)
    sums = np.zeros(len(sentences))
    np.add.at(sums, np.array(owners, int), scores)
    return sums


def all_tokens(ids: tuple[int, ...]) -> list[tuple[tuple[int, ...], int]]:
    """A sentence and the position in it, for each of its tokens.

    Args:
        ids: the token ids, `[CLS]` first and `[SEP]` last, which are left out.

    Returns:
        As `MaskedTokenScorer.log_probabilities` takes them.
    """
    return [(ids, position) for position in range(1, len(ids) - 1)]


class MaskedTokenScorer:
    """Computes `log p(token | the others)` of many tokens at once.

    Copies of about one length share a batch, padded to one of
    `keras_bigs.models.row_prediction.bucket_lengths`, or to the whole
    `sequence_length` where outputs depend on padding; so few programs are compiled. The
    vocabulary is projected at the masked position alone. Copies that are the same are
    computed once, such as two sentences that differ in the masked word only.

    Args:
        masked_lm: a masked language model in keras-hub's shape, that maps `token_ids`,
            `padding_mask`, `mask_positions` and perhaps `segment_ids` to logits of the
            masked positions: `BiGSMaskedLM`, `keras_hub.models.BertMaskedLM`. It has a
            preprocessor with a tokenizer of word pieces.
        batch_size: int. The copies that are computed at once.

    Attributes:
        pieces: `WordPieces` of the model.

    Raises:
        ConfigError: the model has other inputs, or as for `WordPieces`.

    Example:
    ```python
    masked_lm = keras_bigs.models.BiGSMaskedLM.from_preset("bigs_mini_en_uncased")
    scorer = keras_bigs.analysis.MaskedTokenScorer(masked_lm)
    (words,) = scorer.pieces.words(["the keys are old"])
    scorer.log_probabilities([(scorer.pieces.pack(words), 3)])
    ```
    """

    def __init__(self, masked_lm, batch_size: int = 128):
        known = ("token_ids", "segment_ids", "padding_mask", "mask_positions")
        if unknown := sorted(set(masked_lm.input) - set(known)):
            raise ConfigError(
                f"{type(masked_lm).__name__} has the inputs {unknown}, and those of a "
                f"masked language model such as BiGS or BERT are {known}."
            )
        self.pieces = WordPieces(masked_lm)
        self._masked_lm = masked_lm
        self._batch_size = batch_size
        length = self.pieces.sequence_length
        depends = getattr(masked_lm.backbone, "depends_on_padding", False)
        self._buckets = np.array([length] if depends else bucket_lengths(length))

    def log_probabilities(
        self,
        tokens: Sequence[tuple[tuple[int, ...], int]],
        advance: Callable[[float], None] | None = None,
    ) -> np.ndarray:
        """The log probability of each of some tokens, given the others of its sentence.

        Args:
            tokens: pairs of the ids of a sentence, `[CLS]` and `[SEP]` among them, and
                the position of the token in it.
            advance: called with the share of the work that is done, after each batch;
                all of them sum to 1.

        Returns:
            float64 array, `(len(tokens),)`, in nats. The logits, as float32, are
            normalised over the tokenizer's vocabulary: a model may have more tokens.

        Raises:
            ConfigError: the model's output is not finite.
        """
        mask = self.pieces.tokenizer.mask_token_id
        contexts: dict[tuple, list[int]] = {}
        for index, (ids, position) in enumerate(tokens):
            masked = (*ids[:position], mask, *ids[position + 1 :])
            contexts.setdefault((masked, position), []).append(index)
        order = sorted(contexts, key=lambda context: len(context[0]))
        scores = np.empty(len(tokens))
        size = min(self._batch_size, len(order))
        for start in range(0, len(order), self._batch_size):
            batch = order[start : start + self._batch_size]
            logits, normalizers = self._predict(batch, size)
            for row, context in enumerate(batch):
                for index in contexts[context]:
                    ids, position = tokens[index]
                    # In float64, where no two float32 logits become equal.
                    logit = np.float64(logits[row, ids[position]])
                    scores[index] = logit - normalizers[row]
            if advance is not None:
                advance(len(batch) / len(order))
        if not np.isfinite(scores).all():
            raise ConfigError(
                f"{self._masked_lm.name} gives scores that are not finite. Its weights "
                "are damaged, or overflow in its dtype: load it as float32."
            )
        return scores

    def _predict(self, contexts, size):
        """Logits `(contexts, vocabulary_size)` and their log-sum-exp, float32."""
        tokenizer = self.pieces.tokenizer
        longest = max(len(ids) for ids, _ in contexts)
        length = int(self._buckets[np.searchsorted(self._buckets, longest)])
        shape = (len(contexts), length)
        token_ids = np.full(shape, tokenizer.pad_token_id, "int32")
        padding_mask = np.zeros(shape, "int32")
        mask_positions = np.zeros((len(contexts), 1), "int32")
        for row, (ids, position) in enumerate(contexts):
            token_ids[row, : len(ids)] = ids
            padding_mask[row, : len(ids)] = 1
            mask_positions[row] = position
        inputs = {
            "token_ids": token_ids,
            "segment_ids": np.zeros_like(token_ids),
            "padding_mask": padding_mask,
            "mask_positions": mask_positions,
        }
        ((_, outputs),) = predict_batches(self._masked_lm, inputs, size)
        logits = outputs[:, 0, : tokenizer.vocabulary_size()]
        normalizers = keras.ops.logsumexp(logits, axis=-1)
        return logits, keras.ops.convert_to_numpy(normalizers).astype("float64")
