"""Masked language modeling: the pretraining task, and filling in blanks."""

import keras
import numpy as np
from keras_hub.layers import MaskedLMHead
from keras_hub.models import MaskedLM

from keras_bigs.compat.cross_entropy import SparseCategoricalCrossentropy
from keras_bigs.models.bigs.bigs_backbone import bigs_kernel_initializer
from keras_bigs.models.bigs.bigs_masked_lm_preprocessor import BiGSMaskedLMPreprocessor
from keras_bigs.models.bigs.bigs_task import BiGSTask
from keras_bigs.models.bigs.validate_preprocessor import validate_preprocessor
from keras_bigs.models.packed_preprocessor import require_preprocessor
from keras_bigs.models.python_values import to_strings
from keras_bigs.models.row_prediction import bucket_lengths
from keras_bigs.models.row_prediction import predict_batches


@keras.saving.register_keras_serializable("keras_bigs")
class BiGSMaskedLM(BiGSTask, MaskedLM):
    """Predicts masked tokens from both sides (paper, section 5).

    Only the masked positions are projected to the vocabulary: a dense layer, GELU,
    layer norm and the transposed token embedding, plus a bias.

    Args:
        backbone: `BiGSBackbone`.
        preprocessor: `BiGSMaskedLMPreprocessor` or `None`. Without one, inputs must be
            tokenized, packed and masked.
        **kwargs: as for `keras_hub.models.MaskedLM`.

    Call arguments:
        inputs: the backbone's inputs and `mask_positions`, `(batch, predictions)` int32
            indices into the sequence.

    Returns:
        `(batch, predictions, vocabulary_size)` logits.

    Raises:
        ValueError: a preprocessor of another task, or whose tokenizer has more tokens
            than the backbone.

    Example:
    ```python
    masked_lm = keras_bigs.models.BiGSMaskedLM.from_preset("bigs_mini_en_uncased")
    masked_lm.fit(["The quick brown fox jumped.", "I forgot my homework."])
    masked_lm.fill_mask("The quick brown [MASK] jumped.", top_k=3)
    ```
    """

    preprocessor_cls = BiGSMaskedLMPreprocessor

    def __init__(self, backbone, preprocessor=None, **kwargs):
        # === Layers ===
        self.backbone = backbone
        self.preprocessor = validate_preprocessor(preprocessor, type(self), backbone)
        self.masked_lm_head = MaskedLMHead(
            vocabulary_size=backbone.vocabulary_size,
            token_embedding=backbone.token_embedding,
            intermediate_activation="gelu",
            layer_norm_epsilon=1e-12,
            kernel_initializer=bigs_kernel_initializer(backbone.hidden_dim),
            dtype=backbone.dtype_policy,
            name="mlm_head",
        )

        # === Functional model ===
        inputs = {
            **backbone.input,
            "mask_positions": keras.Input(
                (None,), dtype="int32", name="mask_positions"
            ),
        }
        outputs = self.masked_lm_head(
            backbone(backbone.input)["sequence_output"], inputs["mask_positions"]
        )
        super().__init__(inputs=inputs, outputs=outputs, **kwargs)

    def compile(self, optimizer="auto", loss="auto", **kwargs):
        """Configures training, with defaults for whatever is `"auto"`.

        Args:
            optimizer: `"auto"` for Adam at 5e-5, or an optimizer.
            loss: `"auto"` for sparse categorical cross-entropy, averaged over the
                masked positions; or a loss.
            **kwargs: as for `keras_hub.models.MaskedLM.compile`.
        """
        if loss == "auto":
            # The default reduction would divide by the unused predictions too.
            loss = SparseCategoricalCrossentropy(
                from_logits=True, reduction="mean_with_sample_weight"
            )
        super().compile(optimizer=optimizer, loss=loss, **kwargs)

    def fill_mask(self, text, top_k=5):
        """Guesses the `"[MASK]"` tokens of a text.

        Args:
            text: a string with one or more `"[MASK]"`, or a list of such strings.
            top_k: int. How many guesses a mask.

        Returns:
            For a string, a list with one entry a mask, each the `top_k` best guesses as
            dicts of `token` (a word piece), `token_id` and `score` (its probability),
            best first. For a list of strings, a list of such lists.

        Raises:
            ValueError: no preprocessor, a text without `"[MASK]"`, a text too long for
                the preprocessor, or a `top_k` outside the vocabulary.

        Example:
        ```python
        masked_lm = keras_bigs.models.BiGSMaskedLM.from_preset("bigs_mini_en_uncased")
        masked_lm.fill_mask("Paris is the [MASK] of France.", top_k=1)
        # [[{"token": "capital", "token_id": 3007, "score": 0.93}]]
        ```
        """
        require_preprocessor(self, "fill_mask")
        tokenizer = self.preprocessor.tokenizer
        # The backbone may have more tokens, to fill up a multiple of 8 or so.
        vocabulary_size = tokenizer.vocabulary_size()
        is_integer = isinstance(top_k, (int, np.integer))
        if not is_integer or not 1 <= top_k <= vocabulary_size:
            raise ValueError(
                "`top_k` must be an integer between 1 and the vocabulary size, "
                f"{vocabulary_size}. Received: top_k={top_k}"
            )
        is_one = isinstance(text, (str, bytes))
        texts = to_strings([text] if is_one else text, "text")
        if not texts:
            return []
        rows = [self._tokenize_masked(text) for text in texts]
        probabilities = self._predict_masked(rows)[..., :vocabulary_size]
        results = []
        for row, scores in zip(rows, probabilities, strict=True):
            scores = scores[: row.count(tokenizer.mask_token_id)]
            best = np.argsort(-scores, axis=-1, kind="stable")[:, :top_k]
            results.append(
                [
                    [
                        {
                            "token": tokenizer.id_to_token(int(i)),
                            "token_id": int(i),
                            "score": float(mask_scores[i]),
                        }
                        for i in ids
                    ]
                    for ids, mask_scores in zip(best, scores, strict=True)
                ]
            )
        return results[0] if is_one else results

    def _tokenize_masked(self, text):
        """`[CLS] text [SEP]` as token ids, every `"[MASK]"` in it a mask token."""
        tokenizer = self.preprocessor.tokenizer
        pieces = text.split(tokenizer.mask_token)
        if len(pieces) == 1:
            raise ValueError(
                f"`text` must contain {tokenizer.mask_token!r}. Received: text={text!r}"
            )
        ids = [tokenizer.start_token_id]
        for i, piece in enumerate(pieces):
            ids += [tokenizer.mask_token_id] * (i > 0)
            ids += np.asarray(tokenizer(piece)).tolist()
        ids.append(tokenizer.end_token_id)
        limit = self.preprocessor.sequence_length
        if len(ids) > limit:
            raise ValueError(
                f"`text` has {len(ids)} tokens and the preprocessor's "
                f"`sequence_length` is {limit}. Shorten the text. "
                f"Received: text={text[:80]!r}..."
            )
        return ids

    def _predict_masked(self, rows):
        """Probabilities at the mask tokens: `(batch, masks, vocabulary_size)`."""
        tokenizer = self.preprocessor.tokenizer
        length = self.preprocessor.sequence_length
        if not self.backbone.depends_on_padding:
            longest = max(len(row) for row in rows)
            length = min(n for n in bucket_lengths(length) if n >= longest)
        masks = max(row.count(tokenizer.mask_token_id) for row in rows)
        token_ids = np.full((len(rows), length), tokenizer.pad_token_id, "int32")
        mask_positions = np.zeros((len(rows), masks), "int32")
        for i, row in enumerate(rows):
            token_ids[i, : len(row)] = row
            where = np.flatnonzero(token_ids[i] == tokenizer.mask_token_id)
            mask_positions[i, : len(where)] = where
        padding_mask = np.array(
            [[1] * len(row) + [0] * (length - len(row)) for row in rows], "int32"
        )
        inputs = {
            "token_ids": token_ids,
            "segment_ids": np.zeros_like(token_ids),
            "padding_mask": padding_mask,
            "mask_positions": mask_positions,
        }
        batches = predict_batches(self, inputs, min(len(rows), 32))
        logits = np.concatenate([outputs for _, outputs in batches])
        return keras.ops.convert_to_numpy(keras.ops.softmax(logits))
