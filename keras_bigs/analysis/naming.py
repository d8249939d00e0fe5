"""Models and runs as a command line names them."""

import pathlib

from keras_bigs.errors import ConfigError


def named(values, option, several=False):
    """Presets or runs by the names that tables and figures show.

    Args:
        values: strings `NAME=WHERE`, or `WHERE` alone, whose name is then that of the
            last folder, but of the one before where that is `preset`, as in a run.
        option: the option that they were given for, for messages.
        several: bool. Whether `WHERE` may be several, with commas between: one model
            trained with several seeds.

    Returns:
        dict of strings by name, or of lists of strings.

    Raises:
        ConfigError: there are none, one is empty, or two have the same name.
    """
    found = {}
    for value in values:
        name, equals, where = value.partition("=")
        # A folder may have a "=" in its name.
        if not equals or pathlib.Path(value).exists():
            where = value
            parts = pathlib.PurePath(value.split(",")[0]).parts
            name = (
                parts[-2]
                if parts[1:] and parts[-1] == "preset"
                else "".join(parts[-1:])
            )
        places = where.split(",") if several else [where]
        if not name or not all(places):
            raise ConfigError(f"--{option} {value} is not NAME=WHERE.")
        if name in found:
            raise ConfigError(
                f"--{option}: two are called {name}. Give them names of their own, as "
                f"in {name}A={where}."
            )
        found[name] = places if several else where
    if not found:
        raise ConfigError(f"--{option} needs one value or more.")
    return found
