"""Sizes of BiGS: the paper's, and smaller ones for laptops."""

BERT_VOCABULARY_SIZE = 30522


def _sizes(num_layers, stack_layers, hidden_dim):
    """A gated encoder and its stacked counterpart of about as many weights.

    A gated layer has about 13 d^2 weights and a stacked one 12 d^2, so 12 gated layers
    match 13 stacked ones. `large` is as in the paper: 23 gated, 24 stacked layers.
    """
    common = {"vocabulary_size": BERT_VOCABULARY_SIZE, "hidden_dim": hidden_dim}
    gated = {"num_layers": num_layers, "intermediate_dim": 3 * hidden_dim}
    stack = {"num_layers": stack_layers, "intermediate_dim": 4 * hidden_dim}
    return {**common, **gated}, {**common, **stack, "block": "stack"}


CONFIGS = {}
"""Arguments of `BiGSBackbone` by size: `"large"`, `"base"`, `"small"`, `"mini"` and
`"tiny"` are BiGS, the same names with `"_stack"` the stacked encoders of about as many
weights. `{**CONFIGS["base"], "routing": "attention"}` is GATED/ATT, and with
`"base_stack"` BERT."""

for _name, _arguments in {
    "large": (23, 24, 1024),
    "base": (12, 13, 768),
    "small": (12, 13, 512),
    "mini": (12, 13, 256),
    "tiny": (12, 13, 128),
}.items():
    CONFIGS[_name], CONFIGS[f"{_name}_stack"] = _sizes(*_arguments)
