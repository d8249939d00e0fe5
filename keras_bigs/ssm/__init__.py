"""State space models as pure functions on `keras.ops`: no layers, no state.

Begin with `naive.py`, the definition. `discretization.py` makes a continuous SSM
discrete, `kernel.py` has the taps of its convolution, and `toeplitz.py`, `fft.py` and
`chunked.py` are fast ways to the same map. `convolution.py` chooses one.
"""

from keras_bigs.ssm.convolution import METHODS
from keras_bigs.ssm.convolution import auto_method
from keras_bigs.ssm.convolution import check_method
from keras_bigs.ssm.convolution import convolutions
from keras_bigs.ssm.convolution import convolve
from keras_bigs.ssm.discretization import DISCRETIZATIONS
from keras_bigs.ssm.discretization import DiscreteSSM
from keras_bigs.ssm.discretization import check_discretization
from keras_bigs.ssm.discretization import discretize
from keras_bigs.ssm.kernel import kernel
from keras_bigs.ssm.parameters import STATE_MATRICES
from keras_bigs.ssm.parameters import SSMParameters
from keras_bigs.ssm.parameters import check_initial
from keras_bigs.ssm.parameters import initial_parameters
from keras_bigs.ssm.parameters import s4d_inv
from keras_bigs.ssm.parameters import s4d_legs
from keras_bigs.ssm.parameters import s4d_lin
