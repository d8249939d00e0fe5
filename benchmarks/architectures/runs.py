"""The runs of the comparison: what each is called, where it is, and its command."""

import dataclasses
import json
import pathlib

from benchmarks.architectures import records
from keras_bigs import files
from keras_bigs.data import agreement
from keras_bigs.errors import ConfigError

LAYERS, WIDTH = 4, 96
VALIDATION_EXAMPLES = 2048
ARCHITECTURES = {
    # Equal weights layer by layer: 4 d^2 of routing and 9 d^2 around it.
    "BiGS": {"block": "gated", "routing": "ssm", "intermediate_dim": 3 * WIDTH},
    "STACK/SSM": {
        "block": "stack",
        "routing": "ssm",
        "intermediate_dim": 9 * WIDTH // 2,
    },
    "GATED/ATT": {
        "block": "gated",
        "routing": "attention",
        "intermediate_dim": 3 * WIDTH,
    },
    "BERT": {
        "block": "stack",
        "routing": "attention",
        "intermediate_dim": 9 * WIDTH // 2,
    },
}


@dataclasses.dataclass(frozen=True)
class Run:
    """A command, and the file that is there once it has come to its end."""

    directory: pathlib.Path
    last_file: str
    arguments: tuple[str, ...]

    @property
    def is_finished(self):
        """Whether it has come to its end."""
        return (self.directory / self.last_file).exists()


def search(config):
    """Short runs, each architecture with each learning rate."""
    done = records.searched(config.records)
    return [
        pretraining(
            search_directory(config.output, name, rate),
            config,
            ARCHITECTURES[name] | {"learning_rate": rate},
            steps=config.search_steps,
            evaluations=4,
        )
        for rate in config.learning_rates
        for name in config.architectures
        if (name, rate) not in done
    ]


def train(config):
    """Long runs, each architecture with its best learning rate and several seeds."""
    done = records.trained(config.records)
    rates = chosen_rates(config)
    return [
        pretraining(
            train_directory(config.output, name, seed),
            config,
            ARCHITECTURES[name] | {"learning_rate": rates[name], "seed": seed},
            steps=config.steps,
            evaluations=20,
        )
        for seed in config.seeds
        for name in config.architectures
        if (name, seed) not in done
    ]


def train_on_long_texts(config):
    """Runs of one seed on texts four times as long, with as many tokens a step."""
    rates = chosen_rates(config)
    long = {
        "data": config.long_data,
        "batch_size": config.batch_size // 4,
        "validation_examples": VALIDATION_EXAMPLES // 4,
    }
    return [
        pretraining(
            config.output / "long" / slug(name),
            config,
            ARCHITECTURES[name] | long | {"learning_rate": rates[name]},
            steps=config.steps,
            evaluations=20,
        )
        for name in config.architectures
    ]


def evaluate(config):
    """Agreement, CoLA and SST-2 of what `train` has finished."""
    pairs = config.output / "agreement.jsonl"
    if not pairs.exists():
        write_agreement(pairs)
    done = {
        (name, seed, measure.split()[0])
        for name, seed, measure in records.scored(config.records)
    }
    return [
        run
        for seed in config.seeds
        for name in config.architectures
        # Not yet trained, or on another machine.
        if (train_directory(config.output, name, seed) / "results.json").exists()
        for measure, run in evaluations(config, name, seed, pairs).items()
        if (name, seed, measure) not in done
    ]


def evaluations(config, name, seed, pairs):
    """The runs that evaluate a long run, by the measure that they are for."""
    preset = train_directory(config.output, name, seed) / "preset"
    where = config.output / "evaluate" / f"{slug(name)}-seed{seed}"
    found = {
        "linzen": command(
            "recipes.syntax",
            where / "linzen",
            "results.json",
            set="linzen",
            data=config.syntax / "linzen2016" / "subj_agr_filtered",
            preset=preset,
            examples_per_case=300,
        ),
        "agreement": command(
            "recipes.syntax",
            where / "agreement",
            "results.json",
            pairs=pairs,
            preset=preset,
        ),
    }
    for task, epochs, options in (
        ("cola", 3, {}),
        ("sst2", 1, {"train_examples": 20_000}),
    ):
        found[task] = command(
            "recipes.glue",
            where / task,
            "glue.md",
            task=task,
            model=preset,
            data_dir=config.glue,
            dropout=0.0,
            learning_rates=1e-3,
            batch_sizes=32,
            epochs=epochs,
            seeds=0,
            **options,
        )
    return found


def pretraining(directory, config, options, *, steps, evaluations):
    """A run of `recipes.pretrain`, evaluated and saved so many times."""
    period = steps // evaluations
    common = {
        "data": config.data,
        "num_layers": LAYERS,
        "hidden_dim": WIDTH,
        # The paper's architectures have none.
        "final_layer_norm": False,
        "dropout": 0.0,
        "dtype": "mixed_bfloat16",
        "warmup_proportion": 0.1,
        "batch_size": config.batch_size,
        "validation_examples": VALIDATION_EXAMPLES,
        "steps": steps,
        "steps_per_epoch": period,
        "save_every": period,
        "keep": evaluations,
    }
    return command(
        "recipes.pretrain", directory, "results.json", "mini", **common | options
    )


def command(module, directory, last_file, *positional, **options):
    """A run of a recipe."""
    options = {"output": directory, **options}
    named = (_argument(name, value) for name, value in options.items())
    return Run(directory, last_file, (module, *positional, *named))


def _argument(name, value):
    if isinstance(value, bool):
        return f"--{name}" if value else f"--no-{name}"
    return f"--{name}={value}"


def write_agreement(path):
    """Generated sentences with 0 to 4 attractors, 400 each, and their wrong forms."""
    lines = []
    for example in agreement.agreement_sentences("test", 2000):
        words = example.sentence.split()
        words[example.verb_index] = example.foil
        pair = {"good": example.sentence, "bad": " ".join(words)}
        lines.append(json.dumps(pair | {"group": str(example.num_attractors)}))
    files.write_text(path, "\n".join(lines) + "\n")


def chosen_rates(config):
    """The learning rates of long runs."""
    rates = best_rates(search_losses(config))
    if missing := {*config.architectures} - rates.keys():
        raise ConfigError(
            f"No short run of {', '.join(sorted(missing))} is finished: `search` first."
        )
    return rates


def best_rates(losses):
    """The learning rate of the least held-out loss of each architecture."""
    best = {}
    for (name, rate), loss in losses.items():
        if name not in best or loss < losses[name, best[name]]:
            best[name] = rate
    return best


def search_losses(config):
    """Held-out losses of short runs, by architecture and learning rate."""
    losses = records.searched(config.records)
    for name in ARCHITECTURES:
        for path in (config.output / "search").glob(f"{slug(name)}-*/"):
            loss = records.loss_of(path, config.search_steps)
            if loss is not None:
                losses[name, float(path.name.removeprefix(f"{slug(name)}-"))] = loss
    return losses


def train_histories(config):
    """Evaluations of long runs on their way, by architecture and seed."""
    histories = records.trained(config.records)
    for name in ARCHITECTURES:
        for path in (config.output / "train").glob(f"{slug(name)}-seed*/"):
            history = records.history_of(path, config.steps)
            if history is not None:
                histories[name, int(path.name.rpartition("seed")[2])] = history
    return histories


def scores(config):
    """What long runs are worth, by architecture, seed and measure."""
    found = records.scored(config.records)
    for name in ARCHITECTURES:
        for path in (config.output / "evaluate").glob(f"{slug(name)}-seed*/"):
            seed = int(path.name.rpartition("seed")[2])
            for measure, score in records.scores_of(path).items():
                found[name, seed, measure] = score
    return found


def search_directory(output, name, rate):
    """Where a short run is."""
    return output / "search" / f"{slug(name)}-{rate:g}"


def train_directory(output, name, seed):
    """Where a long run is."""
    return output / "train" / f"{slug(name)}-seed{seed}"


def slug(name):
    """The name of an architecture in that of a directory."""
    return name.lower().replace("/", "-")
