"""Configurations of commands from the arguments of their command lines."""

import tyro


def parse_config(config_class, arguments=None):
    """What a command line asks for, in options without the names of their parts.

    Args:
        config_class: a dataclass whose fields are options, or dataclasses of options.
        arguments: list of strings. Defaults to those of the process.
    """
    return tyro.cli(
        config_class,
        args=arguments,
        use_underscores=True,
        config=(tyro.conf.OmitArgPrefixes,),
    )


def parse_named_config(configs, arguments=None):
    """One of several named configurations, as a command line changes it.

    Args:
        configs: dict of `(description, configuration)` by name, the first argument.
        arguments: list of strings. Defaults to those of the process.
    """
    return tyro.extras.overridable_config_cli(
        configs,
        args=arguments,
        use_underscores=True,
        config=(tyro.conf.OmitArgPrefixes,),
    )
