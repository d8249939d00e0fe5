"""Checkpoints of the original implementation (`jxiw/BiGS`): read and written."""

from keras_bigs.convert.errors import CheckpointError
from keras_bigs.convert.loader import OriginalPresetLoader
from keras_bigs.convert.loader import register_loader
from keras_bigs.convert.names import tensor_map
from keras_bigs.convert.writer import save_original

register_loader()
