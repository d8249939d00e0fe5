"""What every routing layer does about padding."""

from keras import ops


def resolve_mask(padding_mask, mask, x):
    """The explicit `padding_mask` if there is one, else the Keras mask (or `None`).

    Args:
        padding_mask: `(batch, length)` bool or number, true at real tokens; or `None`.
        mask: the Keras mask of `x`, or `None`.
        x: `(batch, length, dim)`.

    Raises:
        ValueError: it is not of the shape of `x`.
    """
    padding_mask = mask if padding_mask is None else padding_mask
    if padding_mask is not None:
        sizes = [*zip(padding_mask.shape, x.shape[:2], strict=False)]
        # Where they are known: others are `None`, or symbols.
        known = [pair for pair in sizes if all(isinstance(n, int) for n in pair)]
        if len(padding_mask.shape) != 2 or any(n != m for n, m in known):
            raise ValueError(
                "`padding_mask` must have the inputs' `(batch, length)`. Received: "
                f"padding_mask.shape={tuple(padding_mask.shape)}, "
                f"inputs.shape={tuple(x.shape)}"
            )
    return padding_mask


def zero_padding(x, padding_mask):
    """Zeroes `x` at padding, so that nothing flows from there.

    Args:
        x: `(batch, length, dim)`.
        padding_mask: `(batch, length)` bool or number, true at real tokens; or `None`.

    Returns:
        A tensor of the shape and dtype of `x`.
    """
    if padding_mask is None:
        return x
    # A product would let a NaN at padding through.
    keep = ops.expand_dims(ops.cast(padding_mask, "bool"), -1)
    return ops.where(keep, x, ops.zeros((), x.dtype))
