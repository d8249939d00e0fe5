"""The kernels by which SSMs route (paper, section 7.1)."""
