"""The error of checkpoints that cannot be read or do not fit."""


class CheckpointError(ValueError):
    """A checkpoint of the original implementation is damaged or does not fit.

    The message names the file, and lists every tensor that is missing, unexpected or
    of the wrong shape.
    """
