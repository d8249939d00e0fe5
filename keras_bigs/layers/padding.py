"""What every routing layer does about padding."""

from keras import ops


def resolve_mask(padding_mask, mask):
    """The explicit `padding_mask` if there is one, else the Keras mask (or `None`)."""
    return mask if padding_mask is None else padding_mask


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
