"""Two small encoders learn subject-verb agreement, from scratch, in minutes.

    python -m recipes.quickstart

Paper: section 7.3, Figure 8 (Linzen et al. 2016), on generated sentences
(`keras_bigs.data.agreement`). A masked language model sees "the keys behind the old
cabinet [MASK] ready ." and must prefer "are" to "is", with 0 to 4 nouns of the other
number between subject and verb. Test sentences share neither template nor pair of
subject and verb with the training set. BiGS is compared with the STACK/SSM of equal
size: a block without gates, as BERT's, with its norms after it, in which the backward
SSM reads what the forward one wrote.

Training begins with sentences that have no noun between subject and verb, then takes
all. As in the paper (Table 7) each architecture has its own learning rate, here the one
of 1e-3 and 3e-3 that left the lower training loss.

Hardware: 2 CPU cores, about 7 minutes. Result with seed 0: see `recipes/README.md`.
Writes `agreement.png` and `results.json` into `runs/quickstart`.
"""

import dataclasses
import json
import pathlib

from rich.console import Console
from rich.table import Table

import keras_bigs
from keras_bigs import errors
from keras_bigs import files
from keras_bigs.training.command_line import parse_config
from keras_bigs.training.figures import draw


@dataclasses.dataclass
class Config:
    """Trains BiGS and STACK/SSM on generated agreement sentences and compares them."""

    output: pathlib.Path = pathlib.Path("runs/quickstart")
    """The directory to write to."""
    train_examples: int = 20_000
    """Sentences to train on."""
    test_examples: int = 2_500
    """Sentences to test on."""
    plain_epochs: int = 16
    """Epochs on the sentences without a noun between subject and verb."""
    epochs: int = 4
    """Epochs on all sentences, after that."""
    batch_size: int = 64
    """Sentences a step."""
    learning_rates: tuple[float, float] = (3e-3, 1e-3)
    """Peak learning rates of BiGS and of STACK/SSM."""
    num_layers: int = 2
    """The number of blocks of each encoder."""
    hidden_dim: int = 64
    """The width of each encoder."""
    state_dim: int = 64
    """The states of an SSM."""
    sequence_length: int = 40
    """The length that all sentences are padded to."""
    compilation_cache: bool = True
    """Whether JAX keeps compiled programs on disk, so that the next process need not
    compile them again."""
    seed: int = 0
    """Seed of sentences, weights and the order of examples."""


def main(config: Config):
    # A path may have brackets, and should not be broken where a line ends.
    console = Console(markup=False, highlight=False, soft_wrap=True)
    with files.lock(config.output):
        files.claim(
            config.output,
            dataclasses.asdict(config),
            lambda: (config.output / "results.json").exists(),
            free=("output", "compilation_cache"),
        )
        run(config, console)


def run(config, console):
    """Trains, compares, and writes everything."""
    import keras

    models, agreement = keras_bigs.models, keras_bigs.data.agreement
    keras.utils.set_random_seed(config.seed)
    if config.compilation_cache:
        keras_bigs.training.use_compilation_cache()
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer = models.BiGSTokenizer(vocabulary + agreement.vocabulary())
    train = agreement.agreement_sentences("train", config.train_examples, config.seed)
    test = agreement.agreement_sentences("test", config.test_examples, config.seed)
    preprocessor = models.BiGSMaskedLMPreprocessor(
        tokenizer, sequence_length=config.sequence_length
    )
    inputs, right, wrong = agreement.masked_verbs(
        test, tokenizer, config.sequence_length
    )
    accuracies, masked_lms = {}, {}
    # Equal size, layer by layer: 4 d^2 of routing and 9 d^2 around it in either block.
    architectures = (("BiGS", "gated", 3.0), ("STACK/SSM", "stack", 4.5))
    for (name, block, width), learning_rate in zip(
        architectures, config.learning_rates, strict=True
    ):
        backbone = models.BiGSBackbone(
            vocabulary_size=tokenizer.vocabulary_size(),
            num_layers=config.num_layers,
            hidden_dim=config.hidden_dim,
            intermediate_dim=int(width * config.hidden_dim),
            state_dim=config.state_dim,
            block=block,
            max_sequence_length=config.sequence_length,
            dropout=0.0,
        )
        masked_lm = models.BiGSMaskedLM(backbone, preprocessor)
        console.rule(f"{name}: {backbone.count_params():,} parameters")
        train_masked_lm(masked_lm, train, learning_rate, config)
        correct = keras_bigs.analysis.forced_choice(masked_lm, inputs, right, wrong)
        attractors = [example.num_attractors for example in test]
        accuracies[name] = keras_bigs.analysis.agreement_accuracy(correct, attractors)
        masked_lms[name] = masked_lm
    report(accuracies, config, console)
    show_examples(masked_lms["BiGS"], test, console)


def train_masked_lm(masked_lm, examples, learning_rate, config):
    """Trains on the masked verbs, plain sentences first."""
    import keras

    plain = [example for example in examples if example.num_intervening == 0]
    stages = ((plain, config.plain_epochs), (examples, config.epochs))
    steps = sum(
        epochs * -(-len(stage) // config.batch_size) for stage, epochs in stages
    )
    # The inputs are tokenized already: train without the task's preprocessing.
    model = keras.Model(masked_lm.input, masked_lm.output)
    model.compile(
        optimizer=keras_bigs.training.adamw(
            learning_rate, steps, warmup_proportion=0.05
        ),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["sparse_categorical_accuracy"],
    )
    tokenizer = masked_lm.preprocessor.tokenizer
    for stage, epochs in stages:
        inputs, right, _ = keras_bigs.data.agreement.masked_verbs(
            stage, tokenizer, config.sequence_length
        )
        model.fit(inputs, right[:, None], epochs=epochs, batch_size=config.batch_size)


def report(accuracies, config, console):
    """Prints, plots and saves accuracy by number of attractors."""
    table = Table("attractors", "sentences", *accuracies, title="Right verb form, %")
    first = next(iter(accuracies.values()))
    for attractors, (_, count) in first.items():
        scores = (f"{100 * a[attractors][0]:.1f}" for a in accuracies.values())
        table.add_row(str(attractors), str(count), *scores)
    console.print(table)
    files.write_text(config.output / "results.json", json.dumps(accuracies, indent=2))
    draw(
        keras_bigs.analysis.plot_agreement,
        config.output / "agreement.png",
        accuracies,
        "Agreement past attractors",
    )
    console.print(f"Wrote {config.output}")


def show_examples(masked_lm, test, console):
    """Fills the mask of one test sentence for every number of attractors."""
    for attractors in sorted({example.num_attractors for example in test}):
        example = next(e for e in test if e.num_attractors == attractors)
        text = example.masked()
        guesses = masked_lm.fill_mask(text, top_k=3)[0]
        console.print(f"\n{text}")
        for guess in guesses:
            console.print(f"  {guess['score']:6.1%}  {guess['token']}")


def parse(arguments=None):
    """The configuration that the command line asks for."""
    return parse_config(Config, arguments)


if __name__ == "__main__":
    errors.run(files.on_disk(lambda arguments: main(parse(arguments))))
