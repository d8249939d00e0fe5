"""Contexts, questions and choices to multiple choice inputs."""

import keras
import numpy as np
from keras_hub.tokenizers import BytePairTokenizer

from keras_bigs.compat.keras_hub_preprocessing import convert_to_numpy
from keras_bigs.compat.keras_hub_preprocessing import preprocessing_function
from keras_bigs.compat.keras_hub_preprocessing import tf
from keras_bigs.models.bigs.bigs_backbone import BiGSBackbone
from keras_bigs.models.bigs.bigs_tokenizer import BiGSTokenizer
from keras_bigs.models.multiple_choice import check_labels
from keras_bigs.models.packed_preprocessor import PackedPreprocessor
from keras_bigs.models.packed_preprocessor import special_tokens_of_pair
from keras_bigs.models.packed_preprocessor import tokenize_texts
from keras_bigs.models.python_values import to_ints
from keras_bigs.models.python_values import to_strings
from keras_bigs.models.ragged_task import pad_rows


@keras.saving.register_keras_serializable("keras_bigs")
class BiGSMultipleChoicePreprocessor(PackedPreprocessor):
    """Tokenizes choices: each is `[CLS] context [SEP] question choice [SEP]`.

    Where that does not fit, the context is cut at its end, and only if that is not
    enough the choice, as is usual for RACE and QuALITY.

    Args:
        tokenizer: `BiGSTokenizer`, or BART's or FNet's, see `load_tokenizer`. With
            BART's it packs `<s> context </s></s> question choice </s>`.
        sequence_length: int. The length of packed inputs, in tokens.
        **kwargs: as for `keras_hub.models.Preprocessor`.

    Call arguments:
        x: a tuple `(contexts, choices)` or `(contexts, questions, choices)`. Contexts
            and questions are strings or batches of strings; choices are a list of
            strings for each. An empty string is a missing choice; rows with fewer
            choices than others end in such.
        y: optional indices of the right choices, passed through.
        sample_weight: optional weights, passed through.

    Returns:
        A dict of `token_ids`, `segment_ids` (0 in the context, 1 in question and
        choice) and `padding_mask`, each `(batch, choices, sequence_length)`, all
        padding at a missing choice; with `y` a tuple `(x, y)` and so on. For one
        example the same without the batch.

    Raises:
        ValueError: inputs of another form, or a `y` that is none of the choices.

    Example:
    ```python
    preprocessor = keras_bigs.models.BiGSMultipleChoicePreprocessor.from_preset(
        "bigs_mini_en_uncased", sequence_length=16
    )
    x, y = preprocessor((["It rained."], [["She got wet.", "She flew."]]), [0])
    ```
    """

    backbone_cls = BiGSBackbone
    tokenizer_cls = BiGSTokenizer
    takes_tuples = True

    # Contexts are cut, so that choices are whole.
    truncate = "first"

    def call_python(self, x, y, sample_weight):
        contexts, questions, choices = _unpack(x)
        contexts, choices = to_strings(contexts), to_strings(choices, "choices")
        batched = isinstance(contexts, list)
        if not batched:
            contexts, choices = [contexts], [choices]
        if questions is not None:
            questions = to_strings(questions, "questions")
            questions = questions if batched else [questions]
        if any(isinstance(row, str) for row in choices):
            raise ValueError(
                "`x` must have a list of choices for each context. Received: "
                f"choices={choices}"
            )
        lengths = {len(v) for v in (contexts, questions, choices) if v is not None}
        if len(lengths) > 1:
            raise ValueError(
                "`x` must have as many contexts, questions and lists of choices. "
                f"Received: {sorted(lengths)}"
            )
        if not any(map(len, choices)):
            raise ValueError(
                "`x` must have one choice or more in its lists of choices. Received: "
                f"choices={choices[:3]}"
            )
        choices = pad_rows(choices, "", object)
        is_choice = choices != ""
        if y is not None:
            y = np.asarray(to_ints(y), "int32")
            check_labels(np.atleast_1d(y), choices)
        if sample_weight is not None:
            sample_weight = convert_to_numpy(sample_weight).astype("float32")
        context_rows, ending_rows = [], []
        gap = self._gap(questions)
        endings = [gap + choice for choice in choices.ravel().tolist()]
        choice_ids = iter(tokenize_texts(self.tokenizer, endings))
        context_ids = tokenize_texts(self.tokenizer, contexts)
        question_ids = [[]] * len(contexts)
        if questions is not None:
            question_ids = tokenize_texts(self.tokenizer, questions)
        most = self._room()
        for i in range(len(contexts)):
            for _ in range(choices.shape[1]):
                ending = [*question_ids[i], *next(choice_ids)]
                room = max(0, most - len(ending))
                context_rows.append(context_ids[i][:room])
                ending_rows.append(ending)
        x = self.pack((context_rows, ending_rows))
        empty = {"token_ids": self.tokenizer.pad_token_id}
        for key, value in x.items():
            value = value.reshape((*choices.shape, -1))
            value = np.where(is_choice[..., None], value, empty.get(key, 0))
            value = value.astype(x[key].dtype)
            x[key] = value if batched else value[0]
        return keras.utils.pack_x_y_sample_weight(x, y, sample_weight)

    @preprocessing_function
    def call_tf(self, x, y=None, sample_weight=None):
        contexts, questions, choices = _unpack(x)
        batched = contexts.shape.rank > 0
        if not batched:
            contexts, choices = contexts[tf.newaxis], choices[tf.newaxis]
            questions = None if questions is None else questions[tf.newaxis]
        if isinstance(choices, tf.RaggedTensor):
            choices = choices.to_tensor("")
        shape = tf.shape(choices)
        flat = tf.reshape(choices, (-1,))
        rows = tf.repeat(tf.range(shape[0]), shape[1])
        gap = self._gap(questions)
        endings = tf.strings.join((gap, flat)) if gap else flat
        endings = tokenize_texts(self.tokenizer, endings)
        if questions is not None:
            question_ids = tokenize_texts(self.tokenizer, questions)
            endings = tf.concat((tf.gather(question_ids, rows), endings), axis=1)
        # Cut before it is repeated for each choice: an article may be much longer.
        context_ids = tokenize_texts(self.tokenizer, contexts)[:, : self._room()]
        context_ids = tf.gather(context_ids, rows)
        room = self._room() - endings.row_lengths()
        fits = tf.ragged.range(context_ids.row_lengths()) < room[:, tf.newaxis]
        x = self.pack((tf.ragged.boolean_mask(context_ids, fits), endings))
        empty = {
            "token_ids": self.tokenizer.pad_token_id,
            "segment_ids": 0,
            "padding_mask": False,
        }
        for key, value in x.items():
            value = tf.where((flat != "")[:, tf.newaxis], value, empty[key])
            value = tf.reshape(value, (shape[0], shape[1], self.sequence_length))
            x[key] = value if batched else value[0]
        return keras.utils.pack_x_y_sample_weight(x, y, sample_weight)

    def _room(self):
        """How many tokens are not special ones."""
        return self.sequence_length - special_tokens_of_pair(self.tokenizer)

    def _gap(self, questions):
        """What parts a choice from its question, where a space is part of a token."""
        is_byte_level = isinstance(self.tokenizer, BytePairTokenizer)
        return " " if is_byte_level and questions is not None else ""


def _unpack(x):
    """`(contexts, questions, choices)`, questions `None` where there are none."""
    if not isinstance(x, tuple) or len(x) not in (2, 3):
        raise ValueError(
            "`x` must be a tuple `(contexts, choices)` or "
            f"`(contexts, questions, choices)`. Received: x={x!r}"
        )
    return x if len(x) == 3 else (x[0], None, x[1])
