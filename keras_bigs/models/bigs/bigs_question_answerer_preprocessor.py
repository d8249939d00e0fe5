"""Questions, contexts and answers to question answerer inputs."""

import functools

import keras
import numpy as np

from keras_bigs.compat.keras_hub_preprocessing import convert_to_numpy
from keras_bigs.compat.keras_hub_preprocessing import no_convert_scope
from keras_bigs.compat.keras_hub_preprocessing import preprocessing_function
from keras_bigs.compat.keras_hub_preprocessing import tf
from keras_bigs.models.bigs.bigs_backbone import BiGSBackbone
from keras_bigs.models.bigs.bigs_tokenizer import BiGSTokenizer
from keras_bigs.models.offsets import tokenize_with_offsets
from keras_bigs.models.packed_preprocessor import PackedPreprocessor
from keras_bigs.models.packed_preprocessor import special_tokens_of_pair
from keras_bigs.models.python_values import to_ints
from keras_bigs.models.python_values import to_strings

ANSWER_FIELDS = ("answer_start", "answer_text")


@keras.saving.register_keras_serializable("keras_bigs")
class BiGSQuestionAnswererPreprocessor(PackedPreprocessor):
    """Tokenizes questions and contexts: `[CLS] question [SEP] context [SEP]`.

    Answers become the positions of their first and last token. Where the context does
    not fit it is cut at its end, and an answer that is not wholly in what is left has
    position 0, `"[CLS]"`, as in SQuAD recipes (Devlin et al. 2019, appendix).
    `BiGSQuestionAnswerer.answer` reads all of a context.

    Character offsets need Python: inside `tf.data` pipelines the layer runs as a
    `tf.numpy_function`, which uses one core whatever `num_parallel_calls` is, at one to
    two milliseconds for an example of SQuAD. Where that holds up training, map the
    layer over a grain dataset with several workers, or once, before training.

    Args:
        tokenizer: `BiGSTokenizer`.
        sequence_length: int. The length of packed inputs, in tokens.
        **kwargs: as for `keras_hub.models.Preprocessor`.

    Call arguments:
        x: a tuple `(questions, contexts)` of strings or batches of strings.
        y: optional answers, a dict with SQuAD's fields: `answer_text`, strings, and
            `answer_start`, ints: the character (code point) of the context at which the
            text starts. An empty text is no answer, position 0.
        sample_weight: optional weights, passed through.

    Returns:
        A dict of `token_ids`, `segment_ids` (0 in the question, 1 in the context) and
        `padding_mask`, each `(batch, sequence_length)`; with `y` a tuple `(x, y)` where
        `y` is a dict of `start_logits` and `end_logits`, `(batch,)` int32: the
        positions of the answer's first and last token, under the names of the outputs
        that are trained with them. For one example the same without the batch.

    Raises:
        ValueError: inputs of another form, or an answer that is not at `answer_start`.

    Example:
    ```python
    preprocessor = keras_bigs.models.BiGSQuestionAnswererPreprocessor.from_preset(
        "bigs_mini_en_uncased", sequence_length=16
    )
    x = (["Who wrote it?"], ["Ada Lovelace wrote it."])
    y = {"answer_text": ["Ada Lovelace"], "answer_start": [0]}
    x, y = preprocessor(x, y)
    # [CLS] who wrote it ? [SEP] ada lovelace wrote it . [SEP]
    # y  {"start_logits": [6], "end_logits": [7]}
    ```
    """

    backbone_cls = BiGSBackbone
    tokenizer_cls = BiGSTokenizer
    needs_word_pieces = True
    takes_tuples = True

    def call_python(self, x, y, sample_weight):
        _check_pair(x)
        questions, contexts = to_strings(x[0]), to_strings(x[1])
        batched = isinstance(questions, list)
        if not batched:
            questions, contexts = [questions], [contexts]
        if not isinstance(contexts, list) or len(questions) != len(contexts):
            raise ValueError(
                "`x` must have a context for each question. Received: "
                f"{len(questions)} questions and contexts={contexts!r}"
            )
        # Questions on one context share its tokens.
        tokenize = functools.cache(
            functools.partial(tokenize_with_offsets, self.tokenizer)
        )
        rows = [tokenize(text) for text in contexts]
        question_rows = [tokenize(question)[0] for question in questions]
        x = self.pack((question_rows, [ids for ids, _ in rows]))
        if y is not None:
            spans = self._character_spans(y, contexts)
            room = self.sequence_length - special_tokens_of_pair(self.tokenizer)
            room = [max(0, room - len(question)) for question in question_rows]
            positions = np.zeros((len(rows), 2), "int32")
            for i, ((_, offsets), span) in enumerate(zip(rows, spans, strict=True)):
                inside = [
                    j
                    for j, (start, end) in enumerate(offsets)
                    if span[0] < span[1] and start < span[1] and end > span[0]
                ]
                if inside and inside[-1] < room[i]:
                    first = len(question_rows[i]) + 2
                    positions[i] = first + inside[0], first + inside[-1]
            y = {"start_logits": positions[:, 0], "end_logits": positions[:, 1]}
        if sample_weight is not None:
            sample_weight = convert_to_numpy(sample_weight).astype("float32")
        if not batched:
            x, y = keras.tree.map_structure(
                lambda v: None if v is None else v[0], (x, y)
            )
        return keras.utils.pack_x_y_sample_weight(x, y, sample_weight)

    @preprocessing_function
    def call_tf(self, x, y=None, sample_weight=None):
        _check_pair(x)
        questions, contexts = x
        if y is not None:
            _check_answers(y)
        answers = () if y is None else tuple(y[name] for name in ANSWER_FIELDS)

        def run(questions, contexts, *answers):
            y = dict(zip(ANSWER_FIELDS, answers, strict=True)) if answers else None
            with no_convert_scope():
                outputs = self.call_python((questions, contexts), y, None)
            x, y, _ = keras.utils.unpack_x_y_sample_weight(outputs)
            labels = [y["start_logits"], y["end_logits"]] if answers else []
            return [x["token_ids"], x["segment_ids"], *labels]

        token_ids, segment_ids, *labels = tf.numpy_function(
            run, [questions, contexts, *answers], ["int32"] * (4 if answers else 2)
        )
        # Shapes do not pass through NumPy.
        for tensor in (token_ids, segment_ids):
            tensor.set_shape([*questions.shape, self.sequence_length])
        for tensor in labels:
            tensor.set_shape(questions.shape)
        x = {
            "token_ids": token_ids,
            "segment_ids": segment_ids,
            "padding_mask": token_ids != self.tokenizer.pad_token_id,
        }
        if labels:
            y = dict(zip(("start_logits", "end_logits"), labels, strict=True))
        return keras.utils.pack_x_y_sample_weight(x, y, sample_weight)

    def _character_spans(self, y, contexts):
        """`(start, end)` of the answers in characters, checked against the contexts."""
        _check_answers(y)
        starts = to_ints(y["answer_start"], "answer_start")
        texts = to_strings(y["answer_text"], "answer_text")
        if isinstance(texts, str):
            starts, texts = [starts], [texts]
        if not len(starts) == len(texts) == len(contexts):
            raise ValueError(
                "`y` must have one answer for each question. Received: "
                f"{len(contexts)} questions, {len(starts)} `answer_start` and "
                f"{len(texts)} `answer_text`."
            )
        spans = []
        for start, text, context in zip(starts, texts, contexts, strict=True):
            end = start + len(text)
            if text and (start < 0 or context[start:end] != text):
                found = context.find(text)
                raise ValueError(
                    f"The answer {text!r} is not at character `answer_start={start}` "
                    "of its context, which has "
                    f"{context[max(start, 0) : max(end, 0)]!r} there. Offsets count "
                    "characters (code points), not bytes. The text is "
                    + ("not in the context." if found < 0 else f"at {found}.")
                )
            spans.append((start, end))
        return spans


def _check_answers(y):
    if not isinstance(y, dict) or set(y) != set(ANSWER_FIELDS):
        raise ValueError(
            f"`y` must be a dict of `answer_start` and `answer_text`. Received: y={y!r}"
        )


def _check_pair(x):
    if not isinstance(x, tuple) or len(x) != 2:
        raise ValueError(
            f"`x` must be a tuple `(questions, contexts)`. Received: x={x!r}"
        )
