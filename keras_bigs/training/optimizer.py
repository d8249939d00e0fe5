"""The paper's optimizer: AdamW after a warm-up."""

import keras

# Biases, layer norm scales and SSM parameters are no matrices to be kept small:
# decaying `A` or `log_step` would change the time scale of a kernel.
UNDECAYED = (
    "bias",
    "output_bias",
    "gamma",
    "beta",
    "A_re",
    "A_im",
    "C",
    "D",
    "log_step",
)


def adamw(learning_rate, total_steps, warmup_proportion=0.1, weight_decay=0.01):
    """AdamW with warm-up and cosine decay (paper, section 5 and tables 7 to 9).

    The learning rate rises linearly from 0 to `learning_rate` over the first
    `warmup_proportion` of the steps and falls to 0 along a cosine over the rest.
    Betas are 0.9 and 0.98, epsilon 1e-6. Biases, layer norms and the parameters of SSMs
    are not decayed.

    Args:
        learning_rate: float. The peak.
        total_steps: int. The number of training steps.
        warmup_proportion: float in [0, 1). The share of steps that warm up.
        weight_decay: float. The decoupled weight decay.

    Returns:
        `keras.optimizers.AdamW`.

    Raises:
        ValueError: `total_steps` below 1 or a `warmup_proportion` outside [0, 1).
    """
    if total_steps < 1:
        raise ValueError(f"`total_steps` must be at least 1. Received: {total_steps}")
    if not 0 <= warmup_proportion < 1:
        raise ValueError(
            "`warmup_proportion` must be at least 0 and below 1. "
            f"Received: {warmup_proportion}"
        )
    warmup_steps = int(warmup_proportion * total_steps)
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0 if warmup_steps else learning_rate,
        decay_steps=total_steps - warmup_steps,
        warmup_target=learning_rate if warmup_steps else None,
        warmup_steps=warmup_steps,
    )
    optimizer = keras.optimizers.AdamW(
        schedule, weight_decay=weight_decay, beta_1=0.9, beta_2=0.98, epsilon=1e-6
    )
    optimizer.exclude_from_weight_decay(var_names=[f"^{name}$" for name in UNDECAYED])
    return optimizer
