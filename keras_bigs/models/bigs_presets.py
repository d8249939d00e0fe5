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
    "mini": (12, 13, 192),
    "tiny": (12, 13, 128),
}.items():
    CONFIGS[_name], CONFIGS[f"{_name}_stack"] = _sizes(*_arguments)


def _published(handle, params, description):
    """A preset of the authors' weights on the Hugging Face hub."""
    return {
        "metadata": {
            "description": description,
            "params": params,
            "path": "bigs",
            "source": f"https://huggingface.co/{handle}",
        },
        # keras-hub resolves a built-in name to this handle, whatever its scheme.
        "kaggle_handle": f"hf://{handle}",
    }


PRESETS = {}
"""The published weights (Wang et al. 2023), by name; see `BiGSBackbone.presets`."""

for _length in (128, 512, 1024, 4096):
    _name = f"bigs_large_{_length}_en_uncased"
    # 346,150,492 without position embeddings.
    _params = 346_150_492 + 1024 * _length
    PRESETS[_name] = _published(
        f"JunxiongWang/BiGS_{_length}",
        _params,
        "23-layer BiGS where all input is lowercased, pretrained on Wikipedia and "
        f"BookCorpus, for up to {_length:,} tokens.",
    )
    # The longer ones were not fine-tuned on MNLI.
    if _length <= 512:
        PRESETS[f"{_name}_mnli"] = _published(
            f"JunxiongWang/BiGS_{_length}_MNLI",
            _params,
            f"{_name} fine-tuned on MNLI.",
        )
