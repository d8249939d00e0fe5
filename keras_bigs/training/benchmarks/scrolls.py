"""Fine-tuning on long texts: ContractNLI and QuALITY (paper, section 6.2, table 9)."""

import pathlib

import numpy as np

from keras_bigs.data import scrolls
from keras_bigs.data.batches import BucketedBatches
from keras_bigs.data.tables.labels import encode_labels
from keras_bigs.data.token_counts import cut_off
from keras_bigs.data.token_counts import token_counts
from keras_bigs.errors import DataError
from keras_bigs.training import evaluation
from keras_bigs.training.benchmarks import paper
from keras_bigs.training.classifier_run import ClassifierData
from keras_bigs.training.classifier_run import classifier_run
from keras_bigs.training.figures import draw
from keras_bigs.training.fine_tuning_report import plot_confusion_matrix
from keras_bigs.training.fine_tuning_run import Prepared
from keras_bigs.training.fine_tuning_run import fine_tuning_run

# Where the encoder does not say: as many as its preset takes, up to the paper's.
SEQUENCE_LENGTH = 4096


def fine_tune_contract_nli(
    directory, train, dev, encoder, options, settings, new=None, verbose="auto"
):
    """Fine-tunes a classifier of pairs of a contract and a hypothesis.

    See `classifier_run`; there is `predictions.json` too, for `new`, or else for `dev`,
    with ids and texts as SCROLLS has them. SCROLLS's exact match is `accuracy`.

    Args:
        directory: where.
        train, dev: `TextTable`s of `read_contract_nli`.
        encoder: `EncoderConfig`.
        options: `FineTuningConfig`.
        settings: as for `fine_tuning_run`.
        new: `TextTable` to predict, or `None`.
        verbose: as for `keras.Model.fit`.

    Returns:
        As `classifier_run`; and `cut`: what `cut_off` returns for `train` and `dev`.
    """
    classes = list(scrolls.CONTRACT_NLI_CLASSES)
    data = ClassifierData(
        train=(train.x, encode_labels(train, classes)),
        validation={"dev": (dev.x, encode_labels(dev, classes))},
        classes=classes,
        new={} if new is None else {"new": new.x},
    )
    target, name = (dev, "dev") if new is None else (new, "new")

    def inspect(task):
        counts = {}
        for split, table in (("train", train), ("dev", dev)):
            tokenizer = task.preprocessor.tokenizer
            columns = (table.texts, table.text_pairs)
            counts[split] = 3 + sum(token_counts(tokenizer, x) for x in columns)
        return {"cut": _say_cut(counts, task.preprocessor.sequence_length)}

    def report(outputs, results):
        texts = [
            scrolls.CONTRACT_NLI_TEXTS[classes[i]] for i in outputs[name].argmax(-1)
        ]
        predictions = dict(zip(target.columns["id"], texts, strict=True))
        path = pathlib.Path(directory) / "predictions.json"
        scrolls.write_scrolls_predictions(path, predictions)
        return {}

    return classifier_run(
        directory,
        data,
        encoder,
        options,
        settings,
        report=report,
        inspect=inspect,
        sequence_length=SEQUENCE_LENGTH,
        verbose=verbose,
    )


def fine_tune_quality(
    directory, train, dev, encoder, options, settings, new=None, verbose="auto"
):
    """Fine-tunes a `BiGSMultipleChoice` on questions about articles.

    Where an article does not fit beside question and option, its end is cut. See
    `fine_tuning_run`; there are `predictions.json`, the texts of the chosen options by
    id as SCROLLS has them, for `new` or else for `dev`; and `confusion_matrix.png`, of
    the places of right and chosen options. SCROLLS's exact match is `accuracy`.

    Args:
        directory: where.
        train, dev: lists of `ChoiceExample` with labels.
        encoder: `EncoderConfig`.
        options: `FineTuningConfig`.
        settings: as for `fine_tuning_run`.
        new: list of `ChoiceExample` to predict, or `None`.
        verbose: as for `keras.Model.fit`.

    Returns:
        As `fine_tuning_run`; and `cut`: what `cut_off` returns for `train` and `dev`;
        `hard`: the metrics of the hard questions, where some are marked; and
        `always_first`, the accuracy of always choosing the first option.

    Raises:
        DataError: an example of `train` or `dev` has no label.
    """
    directory = pathlib.Path(directory)
    for example in (*train, *dev):
        if example.label is None:
            raise DataError(
                f"{example.where}: the question has no right option. Train and "
                "evaluate on files with labels."
            )

    def prepare():
        options.begin(encoder.dtype)
        task = encoder.multiple_choice(lambda: _texts(train), SEQUENCE_LENGTH)
        limit = task.preprocessor.sequence_length
        tokenizer = task.preprocessor.tokenizer
        cut = _say_cut(
            {
                split: _choice_lengths(tokenizer, examples)
                for split, examples in (("train", train), ("dev", dev))
            },
            limit,
        )

        def batches(examples, **kwargs):
            x = tuple(
                [getattr(example, name) for example in examples]
                for name in ("article", "question", "options")
            )
            y = [example.label for example in examples]
            return BucketedBatches.for_task(
                task,
                x,
                None if None in y else y,
                batch_size=options.batch_size,
                seed=options.seed,
                **kwargs,
            )

        validation = batches(dev)

        def report(task, tuned):
            outputs = evaluation.predict(tuned.model, validation)
            labels, chosen = validation.labels, outputs.argmax(-1)
            places = [str(i + 1) for i in range(outputs.shape[-1])]
            path = directory / "confusion_matrix.png"
            draw(plot_confusion_matrix, path, labels, chosen, places)
            target = dev
            if new is not None:
                target = new
                chosen = evaluation.predict(tuned.model, batches(new)).argmax(-1)
            predictions = {
                example.id: example.options[i]
                for example, i in zip(target, chosen, strict=True)
            }
            path = directory / "predictions.json"
            scrolls.write_scrolls_predictions(path, predictions)
            results = {"cut": cut, "always_first": float(np.mean(labels == 0))}
            is_hard = np.array([example.is_hard is True for example in dev])
            if is_hard.any():
                results["hard"] = evaluation.metrics_of(
                    outputs[is_hard], labels[is_hard]
                )
            return results

        return Prepared(task, batches(train, shuffle=True), validation, report=report)

    return fine_tuning_run(directory, options, settings, prepare, verbose)


def comparison(task, results):
    """The result beside the paper's table 3, as rows of name and scores in percent.

    Args:
        task: "contract_nli" or "quality".
        results: what the run returned.

    Returns:
        Rows of strings: with "quality" of all and of hard questions.
    """
    scores = [results["metrics"]["accuracy"]]
    if task == "quality":
        scores.append(results.get("hard", {}).get("accuracy"))
    rows = [("this run, dev", *("" if x is None else f"{100 * x:.1f}" for x in scores))]
    names = ("contract_nli",) if task == "contract_nli" else ("quality", "quality_hard")
    for name, values in paper.SCROLLS.items():
        rows.append((f"{name}, paper, test", *(f"{values[x]:.1f}" for x in names)))
    return rows


def _texts(examples):
    return {
        text for e in examples for text in (e.article, e.question, " ".join(e.options))
    }


def _choice_lengths(tokenizer, examples):
    """Tokens of article, question and the longest option, and the special ones."""
    articles = token_counts(tokenizer, [e.article for e in examples])
    questions = token_counts(tokenizer, [e.question for e in examples])
    options = token_counts(tokenizer, [o for e in examples for o in e.options])
    ends = np.cumsum([len(e.options) for e in examples])[:-1]
    longest = np.array([part.max() for part in np.split(options, ends)])
    return 3 + articles + questions + longest


def _say_cut(lengths, sequence_length):
    """Prints and returns what is lost of each split."""
    cut = {}
    for split, counts in lengths.items():
        cut[split] = cut_off(counts, sequence_length)
        print(
            f"{split}: {cut[split]['cut']:,} of {cut[split]['examples']:,} inputs are "
            f"cut to {sequence_length:,} tokens; of all tokens "
            f"{cut[split]['tokens_kept']:.0%} are read"
        )
    return cut
