"""keras-hub's conformance tests, as this package conforms to them."""

from keras_hub.src.tests import test_case

from keras_bigs import ssm


class TestCase(test_case.TestCase):
    """keras-hub's `TestCase`, which knows that SSM parameters are always float32."""

    def assertDTypeEqual(self, x, expected_dtype, msg=None):
        name = getattr(x, "path", "").split("/")[-1]
        if name in ssm.SSMParameters._fields:
            expected_dtype = "float32"
        super().assertDTypeEqual(x, expected_dtype, msg)
