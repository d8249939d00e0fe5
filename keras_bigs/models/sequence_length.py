"""The length that a preprocessor packs and the length that a backbone takes."""


def fit_length(preprocessor, backbone):
    """Shortens a preprocessor that packs more tokens than the backbone has positions.

    A task's default preprocessor does not know the backbone it will serve.

    Args:
        preprocessor: a preprocessor with a `sequence_length`, or `None`.
        backbone: `BiGSBackbone`.

    Returns:
        `preprocessor`.
    """
    longest = backbone.max_sequence_length
    if getattr(preprocessor, "sequence_length", 0) > longest:
        preprocessor.sequence_length = longest
    return preprocessor
