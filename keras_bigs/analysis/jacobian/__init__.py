"""Which token moved which: the Jacobian of an encoder."""
