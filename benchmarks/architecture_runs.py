"""The architectures that `benchmarks.architectures` compares."""

LAYERS, WIDTH = 4, 96
ARCHITECTURES = {
    # Equal weights layer by layer: 4 d^2 of routing and 9 d^2 around it.
    "BiGS": {"block": "gated", "routing": "ssm", "intermediate_dim": 3 * WIDTH},
    "STACK/SSM": {
        "block": "stack",
        "routing": "ssm",
        "intermediate_dim": 9 * WIDTH // 2,
    },
    "GATED/ATT": {
        "block": "gated",
        "routing": "attention",
        "intermediate_dim": 3 * WIDTH,
    },
    "BERT": {
        "block": "stack",
        "routing": "attention",
        "intermediate_dim": 9 * WIDTH // 2,
    },
}


def slug(name):
    """The name of an architecture in that of a directory."""
    return name.lower().replace("/", "-")
