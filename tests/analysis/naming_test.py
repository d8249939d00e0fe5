import pytest

from keras_bigs.analysis import named
from keras_bigs.errors import ConfigError

pytestmark = pytest.mark.without_backend


def test_names(tmp_path):
    preset = tmp_path / "lr=1e-3" / "preset"
    preset.mkdir(parents=True)
    assert named([str(preset)], "preset") == {"lr=1e-3": str(preset)}
    assert named(["STACK/SSM=runs/a=1", "runs/b/"], "model") == {
        "STACK/SSM": "runs/a=1",
        "b": "runs/b/",
    }
    assert named(["A=a,b", "c"], "model", several=True) == {"A": ["a", "b"], "c": ["c"]}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([], "--model needs one value or more"),
        (["A="], "--model A= is not NAME=WHERE"),
        (["=b"], "--model =b is not NAME=WHERE"),
        (["A=a,,b"], "is not NAME=WHERE"),
        (["a/b", "c/b"], "two are called b. .* as in bA=c/b"),
    ],
)
def test_bad_names(values, message):
    with pytest.raises(ConfigError, match=message):
        named(values, "model", several=True)
