"""Small masked language models with random weights, and what they find likely."""

import keras
import keras_hub
import numpy as np
from scipy.special import log_softmax

from keras_bigs import models

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
NOUNS = ["boy", "boys", "cat", "cats"]
VERBS = ["run", "##s", "jump", "is", "are"]
VOCABULARY = [*SPECIAL, *NOUNS, *VERBS, "the", "no", "most", "near", "old", "."]
LENGTH = 20


def bigs_masked_lm(
    block="stack", routing="attention", sequence_length=LENGTH, **kwargs
):
    """A `BiGSMaskedLM`; by default of what is the quickest to compile."""
    keras.utils.set_random_seed(1)
    backbone = models.BiGSBackbone(
        # More tokens than the tokenizer has.
        vocabulary_size=len(VOCABULARY) + 4,
        num_layers=1,
        hidden_dim=8,
        intermediate_dim=16,
        state_dim=4,
        max_sequence_length=sequence_length,
        block=block,
        routing=routing,
        **kwargs,
    )
    preprocessor = models.BiGSMaskedLMPreprocessor(
        models.BiGSTokenizer(VOCABULARY), sequence_length=sequence_length
    )
    return livelier(models.BiGSMaskedLM(backbone, preprocessor))


def bert_masked_lm(sequence_length=LENGTH):
    """A `keras_hub.models.BertMaskedLM`."""
    keras.utils.set_random_seed(2)
    backbone = keras_hub.models.BertBackbone(
        vocabulary_size=len(VOCABULARY),
        num_layers=1,
        num_heads=2,
        hidden_dim=8,
        intermediate_dim=16,
        max_sequence_length=sequence_length,
    )
    tokenizer = keras_hub.models.BertTokenizer(VOCABULARY, lowercase=True)
    preprocessor = keras_hub.models.BertMaskedLMPreprocessor(
        tokenizer, sequence_length=sequence_length
    )
    return livelier(keras_hub.models.BertMaskedLM(backbone, preprocessor))


def livelier(task):
    """The task with larger weights: initial ones find all words equally likely."""
    rng = np.random.default_rng(3)
    for weight in task.trainable_weights:
        if len(weight.shape) == 2:
            weight.assign(weight + 0.5 * rng.standard_normal(weight.shape))
    return task


def naive_log_probability(task, ids, position, length):
    """`log p(token | the others)`: one masked copy at a time, padded to `length`."""
    row = np.zeros((1, length), "int32")
    row[0, : len(ids)] = ids
    target = row[0, position]
    mask = (np.arange(length) < len(ids)).astype("int32")[None]
    row[0, position] = VOCABULARY.index("[MASK]")
    inputs = {
        "token_ids": row,
        "segment_ids": np.zeros_like(row),
        "padding_mask": mask,
        "mask_positions": np.array([[position]], "int32"),
    }
    logits = keras.Model.predict_on_batch(task, inputs)[0, 0, : len(VOCABULARY)]
    return log_softmax(logits.astype("float64"))[target]


def token_ids(sentence):
    """By hand: words that are all in the vocabulary, or stem and ending."""
    ids = [VOCABULARY.index("[CLS]")]
    for word in sentence.split():
        pieces = [word] if word in VOCABULARY else [word[:-1], f"##{word[-1]}"]
        ids += map(VOCABULARY.index, pieces)
    return (*ids, VOCABULARY.index("[SEP]"))
