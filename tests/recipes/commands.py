"""Command lines of recipes, and what they leave."""

import json


def to_arguments(options):
    """The command line of options: `True` is a flag, `None` none, a list several."""
    arguments = []
    for name, value in options.items():
        if value is True:
            arguments.append(f"--{name}")
        elif value is not None:
            values = value if isinstance(value, (list, tuple, range)) else [value]
            arguments += [f"--{name}", *map(str, values)]
    return arguments


def read_json(path):
    return json.loads(path.read_text(encoding="utf-8"))


def read_results(config):
    return read_json(config.output / "results.json")
