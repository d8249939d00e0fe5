"""Two small encoders learn subject-verb agreement, from scratch, in minutes.

    python -m recipes.quickstart

Paper: section 7.3, Figure 8 (Linzen et al. 2016), on generated sentences
(`keras_bigs.data.agreement`). A masked language model sees "the keys behind the old
cabinet [MASK] ready ." and must prefer "are" to "is", with 0 to 4 nouns of the other
number between subject and verb. Test sentences share neither template nor pair of
subject and verb with the training set. BiGS is compared with the STACK/SSM of equal
size: gating is the only difference.

Training begins with sentences that have no noun between subject and verb, then takes
all. As in the paper (Table 7) each architecture has its own learning rate, here the one
of 1e-3 and 3e-3 that left the lower training loss.

Hardware: 2 CPU cores, about 5 minutes. Result with seed 0: BiGS 100% at any number of
attractors, STACK/SSM 98.8, 99.6, 99.6, 96.6 and 93.8% at 0 to 4. Writes
`agreement.png` and `results.json` into `runs/quickstart`.
"""

import dataclasses
import json
import pathlib

import keras
import tyro
from rich.console import Console
from rich.table import Table

from keras_bigs import analysis
from keras_bigs import errors
from keras_bigs import files
from keras_bigs import models
from keras_bigs import training
from keras_bigs.data import agreement


@dataclasses.dataclass
class Config:
    """Trains BiGS and STACK/SSM on generated agreement sentences and compares them."""

    output: pathlib.Path = pathlib.Path("runs/quickstart")
    """Where to write the figure and the results."""
    train_examples: int = 20_000
    test_examples: int = 2_500
    plain_epochs: int = 16
    """Epochs on the sentences without a noun between subject and verb."""
    epochs: int = 4
    """Epochs on all sentences, after that."""
    batch_size: int = 64
    learning_rates: tuple[float, float] = (3e-3, 1e-3)
    """Peak learning rates of BiGS and of STACK/SSM."""
    num_layers: int = 2
    hidden_dim: int = 64
    sequence_length: int = 40
    seed: int = 0


def main(config: Config):
    console = Console()
    keras.utils.set_random_seed(config.seed)
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
            block=block,
            max_sequence_length=config.sequence_length,
            dropout=0.0,
        )
        masked_lm = models.BiGSMaskedLM(backbone, preprocessor)
        console.rule(f"{name}: {backbone.count_params():,} parameters")
        train_masked_lm(masked_lm, train, learning_rate, config)
        correct = analysis.forced_choice(masked_lm, inputs, right, wrong)
        attractors = [example.num_attractors for example in test]
        accuracies[name] = analysis.agreement_accuracy(correct, attractors)
        masked_lms[name] = masked_lm
    report(accuracies, config, console)
    show_examples(masked_lms["BiGS"], test, console)


def train_masked_lm(masked_lm, examples, learning_rate, config):
    """Trains on the masked verbs, plain sentences first."""
    plain = [example for example in examples if example.num_intervening == 0]
    stages = ((plain, config.plain_epochs), (examples, config.epochs))
    steps = sum(
        epochs * -(-len(stage) // config.batch_size) for stage, epochs in stages
    )
    # The inputs are tokenized already: train without the task's preprocessing.
    model = keras.Model(masked_lm.input, masked_lm.output)
    model.compile(
        optimizer=training.adamw(learning_rate, steps, warmup_proportion=0.05),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["sparse_categorical_accuracy"],
    )
    tokenizer = masked_lm.preprocessor.tokenizer
    for stage, epochs in stages:
        inputs, right, _ = agreement.masked_verbs(
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
    with files.atomic_write(config.output / "results.json") as temporary:
        temporary.write_text(json.dumps(accuracies, indent=2))
    figure = config.output / "agreement.png"
    with files.atomic_write(figure) as temporary:
        analysis.plot_agreement(temporary, accuracies, "Agreement past attractors")
    console.print(f"Figure: {figure}")


def show_examples(masked_lm, test, console):
    """Fills the mask of one test sentence for every number of attractors."""
    for attractors in sorted({example.num_attractors for example in test}):
        example = next(e for e in test if e.num_attractors == attractors)
        text = example.masked()
        guesses = masked_lm.fill_mask(text, top_k=3)[0]
        console.print(f"\n{text}", markup=False, highlight=False)
        for guess in guesses:
            console.print(f"  {guess['score']:6.1%}  {guess['token']}")


if __name__ == "__main__":
    errors.run(lambda arguments: main(tyro.cli(Config, args=arguments)))
