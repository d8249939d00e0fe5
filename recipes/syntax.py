"""What masked language models know of syntax, by minimal pairs (paper, section 7.3).

    python -m recipes.syntax --set marvin_linzen --data marvin_linzen.tsv.gz \\
        --preset bigs_mini_en_uncased runs/bert/preset --examples_per_case 500
    python -m recipes.syntax --set linzen --data linzen2016/subj_agr_filtered
    python -m recipes.syntax --pairs blimp/*.jsonl --group linguistics_term

Paper: Table 5 (Marvin and Linzen 2018) and Figure 8 (Linzen et al. 2016), after
Goldberg (2019): where two sentences differ in one word, it is masked, and a model
should find the right word likelier than the wrong one. That takes words of one word
piece; pairs with others, or that differ in more, are compared by the
pseudo-log-likelihood of the whole sentences (Salazar et al. 2020), and accuracy is
given for the former and for all. Ties are wrong. Any number of models, side by side.

`marvin_linzen` is a table of `case`, `condition`, `good`, `bad`, `bad2`; `linzen` are
PREFIX.text and PREFIX.gold of Gulordava et al. (2018); `--pairs` are files of one's own
(see `keras_bigs.data.syntax`).

Writes into `--output` `results.json` and `results.csv`, accuracies with 95% intervals;
`left_out.csv`, the pairs that could not be compared, and why; `syntax.png` and `.svg`;
and `scores.jsonl`, the scores of all sentences. Killed and started again by the same
command, it goes on there and scores nothing twice; other models can be added.

Expected: the paper's values are in the table, of BiGS and BERT with 330M parameters;
Figure 8 has no numbers. The first edition of `bigs_mini_en_uncased` (7M) knew agreement
with the next word at best (seed 0, words of one piece): of 200 pairs a row 72.5 where
verbs follow their subjects and 78.6 in a sentential complement, else about 50 (2
minutes on a CPU core); and of 300 sentences each 74.6, 45.6, 41.1, 43.9 and 38.1 at 0
to 4 attractors (5 minutes).
"""

import dataclasses
import json
import pathlib
from dataclasses import dataclass
from typing import Literal

import keras_bigs
from keras_bigs import errors
from keras_bigs import files
from keras_bigs.training import figures
from keras_bigs.training.command_line import parse_config
from keras_bigs.training.tables import show


@dataclass(kw_only=True)
class Config:
    """Evaluates masked language models on minimal pairs."""

    preset: tuple[str, ...] = ("bigs_mini_en_uncased",)
    """Masked language models: directories, names or hub handles of presets, of BiGS or
    of keras-hub's BERT. NAME=PRESET says how tables and figures call it."""
    vocabulary: pathlib.Path | None = None
    """A file with one word piece a line, for presets that have none, as the published
    weights."""
    set: Literal["marvin_linzen", "linzen"] | None = None
    """One of the paper's two sets."""
    data: pathlib.Path | None = None
    """The file of `--set`, or for `linzen` the path without .text and .gold."""
    pairs: tuple[pathlib.Path, ...] = ()
    """Files of minimal pairs, JSONL or TSV, in place of `--set`."""
    group: str | None = None
    """The key or column of `--pairs` to group by. Default: UID or group."""
    examples_per_case: int | None = None
    """So many pairs of each group, drawn at random. Default: all of them."""
    seed: int = 0
    """Seed of that draw."""
    batch_size: int = 128
    """Masked sentences that are computed at once."""
    output: pathlib.Path = pathlib.Path("runs/syntax")
    """The directory to write to."""


def main(config: Config):
    analysis = keras_bigs.analysis
    presets = analysis.named(config.preset, "preset")
    pairs = read(config)
    for preset in presets.values():
        analysis.check_masked_lm(preset, config.vocabulary)
    with files.lock(config.output):
        files.claim(
            config.output,
            dataclasses.asdict(config)
            | {"data_sha256": files.sha256(json.dumps([p[:3] for p in pairs]))},
            lambda: (config.output / "scores.jsonl").exists(),
            # Scores are kept by model, and the sum is that of what was read and drawn.
            free=("preset", "vocabulary", "data", "pairs", "batch_size", "output"),
        )
        scores = {}
        for name, preset in presets.items():
            masked_lm = analysis.load_masked_lm(preset, config.vocabulary)
            ledger = analysis.PairLedger(
                config.output / "scores.jsonl",
                analysis.preset_identity(preset, config.vocabulary),
            )
            scores[name] = analysis.score_pairs(
                masked_lm, pairs, ledger, config.batch_size, description=name
            )
        report(config, pairs, scores)


def read(config) -> list:
    """The pairs that the configuration names."""
    syntax = keras_bigs.data.syntax
    if (config.set is None) == (not config.pairs):
        raise errors.ConfigError(
            "Give either --set marvin_linzen or linzen with --data, or --pairs FILE."
        )
    if (config.set is None) != (config.data is None):
        raise errors.ConfigError("--set and --data go together.")
    if config.set is not None and config.group is not None:
        raise errors.ConfigError(
            f"--group is for --pairs: --set {config.set} has groups of its own."
        )
    if config.batch_size < 1:
        raise errors.ConfigError("--batch_size must be at least 1.")
    if config.set == "marvin_linzen":
        pairs = syntax.read_marvin_linzen(config.data)
    elif config.set == "linzen":
        pairs = syntax.read_linzen(config.data)
    else:
        files_of_pairs = (syntax.read_pairs(p, config.group) for p in config.pairs)
        pairs = [pair for pairs in files_of_pairs for pair in pairs]
    return syntax.draw_by_group(pairs, config.examples_per_case, config.seed)


def report(config, pairs, scores):
    """Prints, draws and saves accuracy by group."""
    analysis = keras_bigs.analysis
    results = {name: analysis.pair_results(pairs, s) for name, s in scores.items()}
    title = {
        "marvin_linzen": "Marvin and Linzen (2018)",
        "linzen": "Agreement by attractors, Linzen et al. (2016)",
        None: "Minimal pairs",
    }[config.set]
    paper = {}
    if config.set == "marvin_linzen":
        table_5 = keras_bigs.data.syntax.TABLE_5
        paper = {f"{name} (paper)": values for name, values in table_5.items()}
    if config.set == "linzen":
        results = {
            name: dict(sorted(groups.items(), key=lambda item: int(item[0])))
            for name, groups in results.items()
        }
    show(analysis.pair_table(f"{title}, % [95% interval]", results, paper))
    if table := analysis.left_out_table(results):
        show(table)
    paths = figures.pictures(config.output / "syntax")
    if config.set == "linzen":
        figures.draw(analysis.plot_attractors, paths, results, title)
    else:
        figures.draw(analysis.plot_pairs, paths, results, title, paper)
    analysis.write_pairs(config.output, results, pairs, scores, paper)


def parse(arguments=None):
    """The configuration that the command line asks for."""
    return parse_config(Config, arguments)


if __name__ == "__main__":
    errors.run(files.on_disk(lambda arguments: main(parse(arguments))))
