"""Extractive question answering: the base class of the task."""

import functools

import keras
import numpy as np
from keras_hub.models import Task

from keras_bigs.models.offsets import tokenize_with_offsets
from keras_bigs.models.packed_preprocessor import require_preprocessor
from keras_bigs.models.packed_preprocessor import special_tokens_of_pair
from keras_bigs.models.row_prediction import predict_rows


class QuestionAnswerer(Task):
    """Base class of tasks that find the answer to a question in a text.

    To fine-tune with `fit()`, pass questions and contexts, and answers with the
    character at which they start in the context; see the preprocessor.

    Example:
    ```python
    answerer = keras_bigs.models.QuestionAnswerer.from_preset("bigs_mini_en_uncased")
    answerer.fit(
        (["Who wrote it?"], ["Ada Lovelace wrote it."]),
        {"answer_text": ["Ada Lovelace"], "answer_start": [0]},
    )
    ```
    """

    def compile(self, optimizer="auto", loss="auto", *, metrics="auto", **kwargs):
        """Configures training, with defaults for whatever is `"auto"`.

        Args:
            optimizer: `"auto"` for Adam at 5e-5, or an optimizer.
            loss: `"auto"` for the mean of the sparse categorical cross-entropies of the
                first and last position; or a loss, or dict of losses by output.
            metrics: `"auto"` for the accuracies of the first and last position; or
                metrics, or a dict of metrics by output.
            **kwargs: as for `keras.Model.compile`.
        """
        outputs = ("start_logits", "end_logits")
        if optimizer == "auto":
            optimizer = keras.optimizers.Adam(5e-5)
        if loss == "auto":
            loss = {
                name: keras.losses.SparseCategoricalCrossentropy(from_logits=True)
                for name in outputs
            }
            kwargs.setdefault("loss_weights", dict.fromkeys(outputs, 0.5))
        if metrics == "auto":
            metrics = {
                name: [keras.metrics.SparseCategoricalAccuracy()] for name in outputs
            }
        super().compile(optimizer=optimizer, loss=loss, metrics=metrics, **kwargs)

    # keras-hub's own take `y` for one array. Here there are two.
    def train_on_batch(self, x, y=None, sample_weight=None, **kwargs):
        data = self.preprocess_samples(x, y, sample_weight)
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        return keras.Model.train_on_batch(self, x, y, sample_weight, **kwargs)

    def test_on_batch(self, x, y=None, sample_weight=None, **kwargs):
        data = self.preprocess_samples(x, y, sample_weight)
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        return keras.Model.test_on_batch(self, x, y, sample_weight, **kwargs)

    def answer(self, question, context, top_k=1, max_answer_length=30, stride=128):
        """Finds the most probable answers to a question in a text.

        Candidates are all runs of at most `max_answer_length` tokens of the context
        that fit beside the question into the preprocessor's `sequence_length`. A
        context that does not fit beside its question is read in overlapping windows,
        and a candidate's logit is the sum of its first token's start logit and its last
        token's end logit, in the window where that is highest. Scores are the softmax
        of these logits over all candidates. Among equals the one that starts first
        wins, then the shorter one.

        Args:
            question: a string, or a list of strings.
            context: a string, or a list of as many strings.
            top_k: int. How many answers to return.
            max_answer_length: int. The most tokens of an answer.
            stride: int. How many tokens later each window starts than the one before
                it. Windows start less far apart where they would otherwise not hold
                every candidate: if answers may be nearly as long as the room beside the
                question, there are nearly as many windows as tokens.

        Returns:
            For strings and `top_k=1` a dict of `text`; `start` and `end`, offsets in
            characters of the context, so that `text == context[start:end]`; and
            `score`, a probability. With `top_k` above 1 a list of such dicts, best
            first, shorter where there are fewer candidates. For lists of strings, a
            list of such.

        Raises:
            ValueError: no preprocessor, inputs that do not match, a context without
                tokens, a question that leaves no room for its context, or an option
                below 1.

        Example:
        ```python
        answerer = keras_bigs.models.QuestionAnswerer.from_preset(
            "bigs_mini_en_uncased"
        )
        answerer.answer("Who wrote it?", "Ada Lovelace wrote it in 1843.")
        # {"text": "Ada Lovelace", "start": 0, "end": 12, "score": 0.97}
        ```
        """
        require_preprocessor(self, "answer")
        options = {
            "top_k": top_k,
            "max_answer_length": max_answer_length,
            "stride": stride,
        }
        for name, value in options.items():
            if value < 1:
                raise ValueError(f"`{name}` must be at least 1. Received: {value}")
        batched = not isinstance(question, str)
        questions = list(question) if batched else [question]
        contexts = list(context) if not isinstance(context, str) else [context]
        if batched == isinstance(context, str) or len(questions) != len(contexts):
            raise ValueError(
                "`question` and `context` must both be strings, or lists of the same "
                "length. Received: "
                f"question={_describe(question)}, context={_describe(context)}"
            )
        # Questions on one context share its tokens.
        tokenize = functools.cache(
            functools.partial(tokenize_with_offsets, self.preprocessor.tokenizer)
        )
        examples = [
            self._read(question, context, max_answer_length, stride, tokenize)
            for question, context in zip(questions, contexts, strict=True)
        ]
        logits = self._predict_windows(examples)
        results = []
        for context, (_, _, offsets, windows) in zip(contexts, examples, strict=True):
            spans = _best_spans(
                len(offsets), [(w, *next(logits)) for w in windows], max_answer_length
            )
            answers = {}
            for first, last, score in spans:
                start, end = offsets[first][0], offsets[last][1]
                # Pieces of one character, such as a ligature, share its offsets.
                answer = {"text": context[start:end], "start": start, "end": end}
                answers.setdefault((start, end), {**answer, "score": score})
                if len(answers) == top_k:
                    break
            answers = list(answers.values())
            results.append(answers[0] if top_k == 1 else answers)
        return results if batched else results[0]

    def _read(self, question, context, max_answer_length, stride, tokenize):
        """Token ids of question and context, the latter's offsets and windows."""
        question_ids, _ = tokenize(question)
        context_ids, offsets = tokenize(context)
        if not context_ids:
            raise ValueError(
                f"`context` must have at least one token. Received: context={context!r}"
            )
        limit = self.preprocessor.sequence_length
        special = special_tokens_of_pair(self.preprocessor.tokenizer)
        room = limit - len(question_ids) - special
        if room < 1:
            raise ValueError(
                f"`question` has {len(question_ids)} tokens, and the preprocessor's "
                f"`sequence_length` of {limit} leaves no room for the context beside "
                f"it and {special} special tokens. Shorten the question or raise "
                f"`sequence_length`. Received: question={question[:80]!r}"
            )
        # Not above `room - max_answer_length + 1`, or some candidates cross the ends of
        # all windows.
        stride = max(1, min(stride, room - max_answer_length + 1))
        windows = [(0, min(room, len(context_ids)))]
        while windows[-1][1] < len(context_ids):
            begin = windows[-1][0] + stride
            windows.append((begin, min(begin + room, len(context_ids))))
        return question_ids, context_ids, offsets, windows

    def _predict_windows(self, examples):
        """Start and end logits of the tokens of each window, one window after another.

        With `mask_padding=False`, where outputs depend on it, windows are padded to
        `sequence_length`, as in training.
        """
        segments, places = ([], []), []
        for question_ids, context_ids, _, windows in examples:
            for begin, end in windows:
                segments[0].append(question_ids)
                segments[1].append(context_ids[begin:end])
                first = len(question_ids) + 2
                places.append(slice(first, first + end - begin))
        for outputs, inside in zip(predict_rows(self, segments), places, strict=True):
            yield outputs["start_logits"][inside], outputs["end_logits"][inside]


def _best_spans(length, windows, max_answer_length):
    """`(first, last, probability)` of the spans of `length` tokens, best first.

    `windows` are `((begin, end), start_logits, end_logits)`.
    """
    # By first token and number of further ones; no span is in no window.
    logits = np.full((length, min(length, max_answer_length)), -np.inf)
    for (begin, end), start_logits, end_logits in windows:
        for more in range(min(logits.shape[1], end - begin)):
            target = logits[begin : end - more, more]
            sums = np.float64(start_logits)[: end - begin - more] + end_logits[more:]
            np.maximum(target, sums, out=target)
    logits = logits.ravel()
    probabilities = np.exp(logits - np.max(logits))
    probabilities /= np.sum(probabilities)
    # A stable sort keeps this array's order, first token and length, among equals.
    for i in np.argsort(-logits, kind="stable")[: np.sum(np.isfinite(logits))]:
        first, more = divmod(int(i), min(length, max_answer_length))
        yield first, first + more, float(probabilities[i])


def _describe(texts):
    return repr(texts[:80]) if isinstance(texts, str) else f"{len(texts)} strings"
