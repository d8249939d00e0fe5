"""Less for the garbage collector to look through."""

import gc

import keras_hub  # noqa: F401

import keras_bigs.models  # noqa: F401

# Keras collects garbage for every layer that it quantizes. What the libraries made at
# their import, two seconds of looking, stays anyway.
gc.freeze()
