"""Fine-tuning on SQuAD 1.1 (paper, section 6.1 and table 9)."""

import collections
import dataclasses
import json
import pathlib

from keras_bigs import files
from keras_bigs.data import squad
from keras_bigs.data.batches import BucketedBatches
from keras_bigs.training.answer_metrics import answer_metrics
from keras_bigs.training.benchmarks import paper
from keras_bigs.training.figures import draw
from keras_bigs.training.figures import figure
from keras_bigs.training.fine_tuning_run import Prepared
from keras_bigs.training.fine_tuning_run import fine_tuning_run


def fine_tune_squad(
    directory,
    train,
    dev,
    encoder,
    options,
    stride=128,
    max_answer_length=30,
    n_best=20,
    verbose="auto",
):
    """Fine-tunes a `BiGSQuestionAnswerer`, and leaves all of it in a directory.

    The best epoch is that of F1. See `fine_tuning_run`; there are `predictions.json`,
    as the official evaluation script reads it; `nbest_predictions.json`, the most
    probable answers to each question with their probabilities; and `scores.png`.

    Args:
        directory: where.
        train, dev: lists of `SquadExample`.
        encoder: `EncoderConfig`.
        options: `FineTuningConfig`.
        stride: int. How many tokens later each window of a long context starts than the
            one before it.
        max_answer_length: int. The most tokens of a predicted answer.
        n_best: int. How many answers to write.
        verbose: as for `keras.Model.fit`.

    Returns:
        As `fine_tuning_run`, with `exact_match` and `f1` in percent; and `windows`, the
        number of training examples after long contexts were cut.
    """
    directory = pathlib.Path(directory)
    questions = [example.question for example in dev]
    contexts = [example.context for example in dev]
    right = {example.id: example.answers for example in dev}

    def answer(task, top_k):
        return task.answer(questions, contexts, top_k, max_answer_length, stride)

    def prepare():
        options.begin(encoder.dtype)
        task = encoder.question_answerer(
            lambda: {text for e in train for text in (e.question, e.context)}
        )
        # To find out what cannot be answered.
        squad.fit_contexts(dev, task, stride, max_answer_length)
        windows = squad.fit_contexts(train, task, stride, max_answer_length)

        def evaluate(model, dev):
            answers = (best["text"] for best in answer(task, 1))
            return answer_metrics(dict(zip(right, answers, strict=True)), right)

        def report(task, tuned):
            answers = answer(task, max(2, n_best))
            predictions = {
                question: best[0]["text"]
                for question, best in zip(right, answers, strict=True)
            }
            squad.write_predictions(directory / "predictions.json", predictions)
            n_best_answers = {
                question: [
                    {"text": x["text"], "probability": x["score"]}
                    for x in best[:n_best]
                ]
                for question, best in zip(right, answers, strict=True)
            }
            path = directory / "nbest_predictions.json"
            files.write_text(path, json.dumps(n_best_answers, ensure_ascii=False))
            draw(plot_by_kind, directory / "scores.png", dev, predictions)
            return {"windows": len(windows)}

        return Prepared(
            task,
            BucketedBatches.for_task(
                task,
                *squad.columns(windows),
                batch_size=options.batch_size,
                shuffle=True,
                seed=options.seed,
            ),
            dev,
            evaluate,
            metric="f1",
            report=report,
        )

    examples = [dataclasses.astuple(example) for example in (*train, *dev)]
    identity = {
        "stride": stride,
        "max_answer_length": max_answer_length,
        "n_best": n_best,
        "data_sha256": files.sha256(json.dumps([len(train), examples])),
    }
    return fine_tuning_run(directory, encoder, options, identity, prepare, verbose)


def plot_by_kind(path, examples, predictions):
    """Draws exact match and F1 by the first word of the question.

    Args:
        path: the picture.
        examples: list of `SquadExample`.
        predictions: the text of the predicted answer by question id.

    Raises:
        ImportError: there is no Matplotlib.
    """
    groups = collections.defaultdict(list)
    for example in examples:
        word = example.question.split()[0].lower()
        groups[word if word in QUESTION_WORDS else "other"].append(example)
    names = ["all", *sorted(groups, key=lambda name: -len(groups[name]))]
    groups["all"] = examples
    scores = [
        answer_metrics(predictions, {e.id: e.answers for e in groups[name]})
        for name in names
    ]
    with figure(path, figsize=(8, 4)) as axes:
        for offset, metric in ((-0.2, "exact_match"), (0.2, "f1")):
            axes.bar(
                [i + offset for i in range(len(names))],
                [score[metric] for score in scores],
                width=0.4,
                label=metric,
            )
        ticks = [f"{name}\n({len(groups[name]):,})" for name in names]
        axes.set_xticks(range(len(names)), ticks)
        axes.set(ylabel="%", xlabel="first word of the question (number)")
        axes.legend()


QUESTION_WORDS = ("what", "who", "how", "when", "where", "which", "why", "in")


def comparison(results):
    """The result beside the paper's table 2, as rows of name, exact match and F1."""
    metrics = results["metrics"]
    rows = [("this run", f"{metrics['exact_match']:.1f}", f"{metrics['f1']:.1f}")]
    rows += [(f"{name}, paper", "", f"{f1:.1f}") for name, f1 in paper.SQUAD_F1.items()]
    return rows
