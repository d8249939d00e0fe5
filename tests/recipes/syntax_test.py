"""The syntax recipe on each kind of input, with models of random weights."""

import csv
import json

import pytest

from keras_bigs import analysis
from keras_bigs import errors
from keras_bigs import files
from keras_bigs.analysis.syntax import minimal_pairs
from recipes import syntax
from tests.analysis.syntax.masked_lm_models import bert_masked_lm
from tests.analysis.syntax.masked_lm_models import bigs_masked_lm
from tests.backend import fast_on_torch
from tests.recipes.commands import read_results
from tests.recipes.commands import to_arguments


@pytest.fixture(scope="module")
def presets(tmp_path_factory):
    folder = tmp_path_factory.mktemp("presets")
    bigs_masked_lm().save_to_preset(str(folder / "bigs"))
    bert_masked_lm().save_to_preset(str(folder / "bert"))
    return folder


def write(path, lines):
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def parse(folder, presets, **options):
    options |= {
        "preset": [presets / "bigs", f"other={presets / 'bert'}"],
        "output": folder / "run",
    }
    return syntax.parse(to_arguments(options))


def write_stimuli(folder):
    lines = ["case\tcondition\tgood\tbad\tbad2"]
    for noun, right, wrong in (("boy", "is", "are"), ("boys", "are", "is")):
        for case, middle in (("simple_agrmt", ""), ("prep_anim", " near the cats")):
            start = f"the {noun}{middle}"
            lines += [f"{case}\tx\t{start} {right} old\t{start} {wrong} old\t"]
    lines += ["simple_agrmt\tx\tthe boy runs\tthe boy run\t"]
    lines += ["simple_npi_anim\tx\tno boy is old\tthe boy is old\tmost boy is old"]
    return write(folder / "stimuli.tsv", lines)


@fast_on_torch
def test_marvin_linzen(tmp_path, presets, capsys):
    config = parse(tmp_path, presets, set="marvin_linzen", data=write_stimuli(tmp_path))
    syntax.main(config)
    results = read_results(config)
    assert list(results["models"]) == ["bigs", "other"]
    groups = results["models"]["other"]
    assert list(groups) == [
        "Simple",
        "Across a prepositional phrase",
        "NPI: simple, no or most",
        "NPI: simple, no or the",
    ]
    assert groups["Simple"]["masked_word"]["count"] == 2
    assert groups["Simple"]["all"]["count"] == 3
    assert groups["Simple"]["coverage"] == pytest.approx(2 / 3)
    assert results["paper"]["BiGS (paper)"]["Across a prepositional phrase"] == 88.6
    printed = capsys.readouterr().out
    assert "Across a prepositional phrase" in printed and "LSTM (paper)" in printed
    assert "left out" not in printed
    assert (config.output / "syntax.png").read_bytes().startswith(b"\x89PNG")
    assert b"<svg" in (config.output / "syntax.svg").read_bytes()
    with open(config.output / "results.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["model"] for row in rows} == {
        *("bigs", "other", "BiGS (paper)", "BERT (paper)", "LSTM (paper)")
    }


@fast_on_torch
def test_accuracy_is_that_of_the_scores(tmp_path, presets):
    config = parse(tmp_path, presets, set="marvin_linzen", data=write_stimuli(tmp_path))
    syntax.main(config)
    scores = read_scores(config)
    assert len(scores) == 2 * 7
    for name in ("bigs", "bert"):
        mine = [
            (good, bad)
            for (model, *_), (good, bad) in scores.items()
            if model.startswith(str(presets / name))
        ]
        right = sum(good > bad for good, bad in mine)
        model = "bigs" if name == "bigs" else "other"
        total = read_results(config)["all_groups"][model]["all"]
        assert (total["correct"], total["count"]) == (right, len(mine)) == (right, 7)


@fast_on_torch
def test_linzen(tmp_path, presets, capsys):
    sentences, answers = [], []
    for attractors in (10, 2, 0):
        for noun, right, wrong in (("boy", "Is", "Are"), ("boys", "are", "is")):
            middle = " near the cats" * min(attractors, 3)
            sentences.append(f"the {noun}{middle} {right.lower()} old . <eos>")
            index = len(sentences[-1].split()) - 4
            answers.append(f"{index}\t{right}\t{wrong}\t{attractors}")
    write(tmp_path / "test.text", sentences)
    write(tmp_path / "test.gold", answers)
    config = parse(tmp_path, presets, set="linzen", data=tmp_path / "test")
    syntax.main(config)
    groups = read_results(config)["models"]["bigs"]
    # As numbers.
    assert list(groups) == ["0", "2", "10"]
    assert all(group["masked_word"]["count"] == 2 for group in groups.values())
    assert (config.output / "syntax.png").read_bytes().startswith(b"\x89PNG")
    assert "(paper)" not in capsys.readouterr().out


@fast_on_torch
def test_pairs(tmp_path, presets, capsys):
    blimp = [
        {"sentence_good": f"No {n} is old.", "sentence_bad": f"Most {n} is old."}
        | {"UID": "npi", "field": "semantics"}
        for n in ("boy", "cat", "boys")
    ]
    equal = {"sentence_good": "The boy.", "sentence_bad": "the boy.", "UID": "none"}
    first = write(tmp_path / "blimp.jsonl", map(json.dumps, [*blimp, equal]))
    second = write(tmp_path / "mine.tsv", ["good\tbad", "the cat is\tthe cat are"])
    config = parse(tmp_path, presets, pairs=[first, second], examples_per_case=2)
    syntax.main(config)
    groups = read_results(config)["models"]["other"]
    assert {name: group["all"]["count"] for name, group in groups.items()} == {
        "npi": 2,
        "none": 0,
        "mine": 1,
    }
    assert groups["none"]["left_out"] == {"equal": 1}
    assert "Pairs left out" in capsys.readouterr().out
    with open(config.output / "left_out.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["where"] for row in rows] == 2 * [f"{first}, line 4"]

    with pytest.raises(errors.DataError, match="line 4: 'field' must be a string"):
        syntax.main(parse(tmp_path, presets, pairs=first, group="field"))


def read_scores(config):
    """The scores of each pair of each model, in the order of the file."""
    lines = (config.output / "scores.jsonl").read_text(encoding="utf-8").splitlines()
    rows = map(json.loads, lines)
    return {(row["model"], row["good"], row["bad"]): row["scores"] for row in rows}


class Killed(BaseException):
    pass


@fast_on_torch
def test_killed_and_started_again(tmp_path, presets, monkeypatch):
    """And with one more model, which is all that is scored then."""
    monkeypatch.setattr(minimal_pairs, "PAIRS_A_CHUNK", 3)
    options = {"set": "marvin_linzen", "data": write_stimuli(tmp_path)}
    expected = parse(tmp_path / "whole", presets, **options)
    syntax.main(expected)

    scored = []
    original = analysis.MaskedTokenScorer.log_probabilities

    def count(limit):
        def log_probabilities(self, tokens, advance=None):
            if len(scored) == limit:
                raise Killed
            scored.append(tokens)
            return original(self, tokens, advance)

        return log_probabilities

    config = parse(tmp_path / "killed", presets, **options)
    with monkeypatch.context() as patch:
        patch.setattr(analysis.MaskedTokenScorer, "log_probabilities", count(1))
        with pytest.raises(Killed):
            syntax.main(config)
    assert not (config.output / "results.json").exists()
    config.preset = config.preset[:1]
    monkeypatch.setattr(analysis.MaskedTokenScorer, "log_probabilities", count(None))
    syntax.main(config)
    # Seven pairs, of which three were scored before.
    assert len(scored) == 1 + 2
    config.preset = parse(tmp_path, presets).preset
    syntax.main(config)
    assert len(scored) == 3 + 3
    assert read_results(config) == read_results(expected)
    for name in ("results.csv", "left_out.csv"):
        first, second = (c.output / name for c in (config, expected))
        assert first.read_bytes() == second.read_bytes()
    first, second = map(read_scores, (config, expected))
    assert list(first) == list(second)
    for texts in first:
        assert first[texts] == pytest.approx(second[texts], abs=1e-5)


@fast_on_torch
def test_other_options_and_data_are_refused(tmp_path, presets):
    options = {"set": "marvin_linzen", "data": write_stimuli(tmp_path)}
    syntax.main(parse(tmp_path, presets, **options))
    with pytest.raises(errors.ConfigError, match="other options.*examples_per_case"):
        syntax.main(parse(tmp_path, presets, examples_per_case=1, **options))
    lines = options["data"].read_text(encoding="utf-8").splitlines()
    write(options["data"], lines[:-1])
    with pytest.raises(errors.ConfigError, match="data: data_sha256"):
        syntax.main(parse(tmp_path, presets, **options))


@fast_on_torch
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "Give either --set"),
        ({"set": "linzen", "data": "x", "pairs": "y"}, "Give either --set"),
        ({"set": "linzen"}, "--set and --data go together"),
        ({"data": "x", "pairs": "y"}, "--set and --data go together"),
        ({"set": "linzen", "data": "x", "group": "g"}, "--group is for --pairs"),
        ({"pairs": "y", "batch_size": 0}, "--batch_size must be at least 1"),
        ({"pairs": "mine.tsv", "examples_per_case": 0}, "examples_per_case"),
    ],
)
def test_what_is_refused(options, message, tmp_path, presets, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "mine.tsv", ["good\tbad", "a\tb"])
    with pytest.raises(errors.ConfigError, match=message):
        syntax.main(parse(tmp_path, presets, **options))
    assert not (tmp_path / "run").exists()


@fast_on_torch
def test_presets_are_checked_before_the_work(tmp_path, presets, monkeypatch):
    monkeypatch.setattr(analysis, "score_pairs", None)
    pairs = write(tmp_path / "mine.tsv", ["good\tbad", "a\tb"])
    config = parse(tmp_path, presets, pairs=pairs)
    config.preset = (*config.preset, "none=bigs_of_no_size")
    with pytest.raises(errors.ConfigError, match="bigs_of_no_size cannot be loaded"):
        syntax.main(config)
    config.preset = (config.preset[0], config.preset[0])
    with pytest.raises(errors.ConfigError, match="two are called bigs"):
        syntax.main(config)
    config.preset = config.preset[:1]
    with (
        files.lock(config.output),
        pytest.raises(errors.ConfigError, match="is being written by"),
    ):
        syntax.main(config)
