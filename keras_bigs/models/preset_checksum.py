"""What tells a preset from one of other weights under the same name."""

import pathlib

from keras_bigs import files
from keras_bigs.compat import keras_hub_presets

# Of what a name or hub handle stands for, these are looked at; those that there are.
FILES = (
    keras_hub_presets.CONFIG_FILE,
    keras_hub_presets.TASK_CONFIG_FILE,
    *("model.weights.h5", "model.weights.json", "task.weights.h5"),
    *("flax_model.msgpack", "model.safetensors", "pytorch_model.bin"),
)


def preset_sha256(preset) -> str:
    """The SHA-256 of a preset or checkpoint: of its files, whatever it is called.

    The preset of a name may be another one in the next version, and that of a hub
    handle tomorrow.

    Args:
        preset: a directory, a name or a hub handle, whose files are fetched.

    Returns:
        64 hexadecimal digits.

    Raises:
        ValueError: there is no such preset.
    """
    if pathlib.Path(preset).is_dir():
        return files.sha256_of_all(preset)
    preset = str(preset)
    found = [f for f in FILES if keras_hub_presets.check_file_exists(preset, f)]
    paths = {f: pathlib.Path(keras_hub_presets.get_file(preset, f)) for f in found}
    return files.sha256("".join(f"{f} {files.sha256(p)}\n" for f, p in paths.items()))
