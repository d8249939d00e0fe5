"""The options of a new model to pretrain."""

from dataclasses import dataclass
from typing import Literal

import keras_bigs
from keras_bigs.errors import ConfigError


@dataclass(kw_only=True)
class ModelConfig:
    """The encoder."""

    num_layers: int | None = None
    """Number of layers. Default: 12 with `--block gated`, and 13 with `--block stack`,
    which have about as many weights."""
    hidden_dim: int = 192
    """Width of the encoder."""
    intermediate_dim: int | None = None
    """Width inside a block. Default: 3 times `--hidden_dim` with `--block gated`, 4
    times with `--block stack`; with 4.5 times, equally many layers weigh the same."""
    block: Literal["gated", "stack"] = "gated"
    """What surrounds the routing of a layer."""
    routing: str = "ssm"
    """What lets positions mix: `ssm`, `attention`, `convolution`, `lstm`, `fourier`, or
    another of `keras_bigs.layers.routing_names()`."""
    state_dim: int = 64
    """Number of states of an SSM."""
    final_layer_norm: bool = False
    """Whether to normalize the last hidden state, which the paper's models do not."""
    dropout: float = 0.1
    """Dropout rate of embeddings and blocks."""
    rematerialize: bool = False
    """Whether to save memory by computing blocks again; on CPUs JAX needs a flag for
    it, see `BiGSBackbone`."""

    def check(self):
        """Raises `ConfigError` if an option is out of its range."""
        keras_bigs.training.check_ranges(dropout=self.dropout)
        known = keras_bigs.layers.routing_names()
        if self.routing not in known:
            raise ConfigError(f"--routing {self.routing} is not one of {known}.")

    def backbone_options(self, vocabulary_size, sequence_length):
        """The arguments of `keras_bigs.models.BiGSBackbone`, as a dict."""
        sizes = keras_bigs.models.architecture_sizes(
            self.block, self.hidden_dim, self.num_layers
        )
        if self.intermediate_dim is not None:
            sizes["intermediate_dim"] = self.intermediate_dim
        return {
            "vocabulary_size": vocabulary_size,
            **sizes,
            "routing": self.routing,
            "state_dim": self.state_dim,
            "final_layer_norm": self.final_layer_norm,
            "dropout": self.dropout,
            "max_sequence_length": sequence_length,
            "rematerialize": self.rematerialize,
        }

    def build(self, folder, sequence_length):
        """A new `BiGSMaskedLM`, with the tokenizer of a `ShardFolder`."""
        models = keras_bigs.models
        options = self.backbone_options(len(folder.vocabulary), sequence_length)
        preprocessor = models.BiGSMaskedLMPreprocessor(
            folder.tokenizer(), sequence_length=sequence_length
        )
        return models.BiGSMaskedLM(models.BiGSBackbone(**options), preprocessor)
