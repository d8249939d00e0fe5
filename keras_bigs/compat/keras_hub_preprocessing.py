"""keras-hub's conversions between Python, NumPy, TensorFlow and backend tensors.

keras-hub 0.32 keeps to itself what its own preprocessors are written with: running in
Python outside `tf.data` and in TensorFlow within. May go when it is public.
"""

from keras_hub.src.utils.tensor_utils import convert_preprocessing_outputs_python
from keras_hub.src.utils.tensor_utils import convert_to_numpy
from keras_hub.src.utils.tensor_utils import in_tf_function
from keras_hub.src.utils.tensor_utils import no_convert_scope
from keras_hub.src.utils.tensor_utils import preprocessing_function
from keras_hub.src.utils.tensor_utils import tf

__all__ = [
    "convert_preprocessing_outputs_python",
    "convert_to_numpy",
    "in_tf_function",
    "no_convert_scope",
    "preprocessing_function",
    "tf",
]
