"""What a preprocessor makes and what a backbone takes."""

from keras_bigs.models.packed_preprocessor import PackedPreprocessor


def validate_preprocessor(preprocessor, task_class, backbone):
    """Checks a preprocessor against the backbone that it will serve.

    Args:
        preprocessor: a preprocessor with a `tokenizer` and a `sequence_length`, or
            `None`.
        task_class: the class of the task, which has a `preprocessor_cls`.
        backbone: `BiGSBackbone` or `PooledEncoder`.

    Returns:
        `preprocessor`; or a shorter copy, if it packs more tokens than the backbone has
        positions: the default one of a task does not know its backbone.

    Raises:
        ValueError: the preprocessor lacks what the task asks of it, or the tokenizer
            has more tokens than the backbone.
    """
    if preprocessor is None:
        return None
    expected = task_class.preprocessor_cls
    # Of the other tasks one of keras-hub, or of the user's own, may take its place.
    if issubclass(expected, PackedPreprocessor) and not isinstance(
        preprocessor, expected
    ):
        raise ValueError(
            f"The `preprocessor` of `{task_class.__name__}` must be a "
            f"`{expected.__name__}`. Received: a `{type(preprocessor).__name__}`"
        )
    tokens = _vocabulary_size(preprocessor.tokenizer)
    if tokens > backbone.vocabulary_size:
        raise ValueError(
            f"The tokenizer has {tokens} tokens and the backbone "
            f"`vocabulary_size={backbone.vocabulary_size}`. Use the tokenizer that "
            "belongs to the backbone, or build the backbone with at least "
            f"`vocabulary_size={tokens}`."
        )
    if preprocessor.sequence_length > backbone.max_sequence_length:
        return with_sequence_length(preprocessor, backbone.max_sequence_length)
    return preprocessor


def _vocabulary_size(tokenizer):
    """The number of tokens; 0 while a preset is loaded and there are none yet."""
    try:
        return tokenizer.vocabulary_size()
    except ValueError:
        return 0


def with_sequence_length(preprocessor, sequence_length):
    """A copy of a preprocessor that packs another number of tokens."""
    config = preprocessor.get_config()
    # With the tokenizer itself: a config has no vocabulary.
    config["tokenizer"] = preprocessor.tokenizer
    config["sequence_length"] = sequence_length
    return type(preprocessor).from_config(config)
