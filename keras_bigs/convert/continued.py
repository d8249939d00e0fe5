"""A trained model, made ready to be pretrained further."""

from typing import Literal

from keras_bigs import data
from keras_bigs import models
from keras_bigs.convert.source import read
from keras_bigs.errors import ConfigError


def continued_masked_lm(
    start,
    folder: data.ShardFolder,
    sequence_length: int,
    method: Literal["tile", "interpolate"] = "tile",
    final_layer_norm: bool = False,
    dropout: float = 0.1,
    rematerialize: bool = True,
) -> models.BiGSMaskedLM:
    """A trained masked language model that takes the sequences of a folder of shards.

    Where the sequences are longer than what it takes, its position embeddings are
    extended (paper, section 5). Where they are shorter, it stays as long as it is, and
    positions beyond are not trained; a line is printed that says so.

    Args:
        start: a preset, or a checkpoint of the original's format: a directory, also in
            a bucket, a name, or a hub handle.
        folder: `keras_bigs.data.ShardFolder`, made with the model's vocabulary. A
            checkpoint without one takes the folder's, if that has as many pieces.
        sequence_length: int. The tokens of a sequence.
        method: see `keras_bigs.models.extend_positions`.
        final_layer_norm: bool. Whether to add a final layer norm where there is none;
            see `keras_bigs.models.with_options`.
        dropout: float. Of embeddings and blocks.
        rematerialize: bool. Whether blocks are computed again in the backward pass.

    Raises:
        ConfigError: `start` holds no masked language model, or the folder has another
            vocabulary.
        CheckpointError: `start` can't be read.

    Example:
    ```python
    folder = keras_bigs.data.open_shard_folder("shards")
    backbone = keras_bigs.models.BiGSBackbone(len(folder.vocabulary), 2, 32, 96)
    preprocessor = keras_bigs.models.BiGSMaskedLMPreprocessor(
        folder.tokenizer(), sequence_length=64
    )
    masked_lm = keras_bigs.models.BiGSMaskedLM(backbone, preprocessor)
    masked_lm.save_to_preset("pretrained")  # or one that was trained

    longer = keras_bigs.convert.continued_masked_lm("pretrained", folder, 1024)
    longer.backbone.max_sequence_length  # 1024
    ```
    """
    source = read(start)
    if not isinstance(source.model, models.BiGSMaskedLM):
        raise ConfigError(
            f"{start} holds a {type(source.model).__name__}. Name a masked language "
            "model: a new head would have to be pretrained first."
        )
    backbone = source.model.backbone
    _check_vocabulary(start, source, folder)
    longest = backbone.max_sequence_length
    if sequence_length < longest:
        print(
            f"The model takes {longest} tokens, and the sequences of {folder.path} "
            f"have {sequence_length}: positions beyond are not trained."
        )
    backbone = models.with_options(
        backbone,
        dropout=dropout,
        embedding_dropout=None,  # a model may have one of its own
        rematerialize=rematerialize,
        final_layer_norm=final_layer_norm or backbone.final_layer_norm is not None,
    )
    preprocessor = models.BiGSMaskedLMPreprocessor(
        folder.tokenizer(), sequence_length=longest
    )
    masked_lm = models.BiGSMaskedLM(backbone, preprocessor)
    masked_lm.masked_lm_head.set_weights(source.model.masked_lm_head.get_weights())
    if sequence_length > longest:
        masked_lm = models.extend_positions(masked_lm, sequence_length, method)
    return masked_lm


def _check_vocabulary(start, source, folder):
    if source.tokenizer is not None:
        folder.check_vocabulary(source.tokenizer, start)
    # The published models come without one.
    elif source.model.backbone.vocabulary_size != len(folder.vocabulary):
        raise ConfigError(
            f"{folder.path} has {len(folder.vocabulary)} word pieces, and {start} "
            f"{source.model.backbone.vocabulary_size}. Prepare the shards with the "
            "--vocabulary that the model was made with."
        )
