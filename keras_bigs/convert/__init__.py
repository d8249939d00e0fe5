"""Checkpoints of the original implementation (`jxiw/BiGS`): read and written."""

from keras_bigs.convert.loader import OriginalPresetLoader
from keras_bigs.convert.loader import register_loader
from keras_bigs.convert.names import tensor_map
from keras_bigs.convert.writer import save_original
from keras_bigs.errors import CheckpointError

register_loader()
