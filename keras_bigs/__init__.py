"""BiGS: bidirectional gated state space models in Keras.

`keras_bigs.ssm` has the mathematics, `keras_bigs.layers` the routing layers and blocks,
`keras_bigs.models` the encoder and its tasks.
"""

from keras_bigs import convert
from keras_bigs import layers
from keras_bigs import models
from keras_bigs import ssm
