"""The paper's optimizer: AdamW after a warm-up."""

import keras

from keras_bigs.compat.torch_adamw import FusedAdamW
from keras_bigs.training.meshes import MeshParallel

# Biases, layer norm scales and SSM parameters are no matrices to be kept small:
# decaying `A` or `log_step` would change the time scale of a kernel.
SSM_PARAMETERS = ("A_re", "A_im", "C", "D", "log_step")
UNDECAYED = ("bias", "output_bias", "gamma", "beta", *SSM_PARAMETERS)


# The power of the fall of the learning rate.
POWERS = {"linear": 1.0, "cubic": 3.0}


@keras.saving.register_keras_serializable("keras_bigs")
class WarmupPolynomialDecay(keras.optimizers.schedules.LearningRateSchedule):
    """A linear rise from 0 to a peak, then a fall to 0 as a power of what is left.

    With power 1 BERT's schedule, with power 3 Longformer's (Beltagy et al. 2020).

    Args:
        learning_rate: float. The peak.
        total_steps: int. The step at which 0 is reached.
        warmup_steps: int. The step of the peak.
        power: float.
    """

    def __init__(self, learning_rate, total_steps, warmup_steps=0, power=1.0):
        super().__init__()
        self.learning_rate = learning_rate
        self.total_steps = total_steps
        self.warmup_steps = warmup_steps
        self.power = power

    def __call__(self, step):
        step = keras.ops.cast(step, "float32")
        rise = step / max(self.warmup_steps, 1)
        left = (self.total_steps - step) / (self.total_steps - self.warmup_steps)
        fall = keras.ops.maximum(left, 0.0) ** self.power
        return self.learning_rate * keras.ops.where(
            step < self.warmup_steps, rise, fall
        )

    def get_config(self):
        return {
            "learning_rate": self.learning_rate,
            "total_steps": self.total_steps,
            "warmup_steps": self.warmup_steps,
            "power": self.power,
        }


@keras.saving.register_keras_serializable("keras_bigs")
class AdamW(FusedAdamW):
    """`keras.optimizers.AdamW` whose state `MeshParallel` may divide between devices.

    Takes its arguments.
    """

    def add_variable(self, shape, *args, layout=None, **kwargs):
        distribution = keras.distribution.distribution()
        if layout is not None and isinstance(distribution, MeshParallel):
            layout = distribution.get_optimizer_layout(layout, shape)
        return super().add_variable(shape, *args, layout=layout, **kwargs)


def adamw(
    learning_rate,
    total_steps,
    warmup_proportion=0.1,
    weight_decay=0.01,
    decay="cosine",
    ssm_learning_rate=None,
    accumulation_steps=1,
    global_clipnorm=None,
):
    """AdamW after a warm-up (paper, section 5 and tables 7 to 9).

    The learning rate rises linearly from 0 to `learning_rate` over the first
    `warmup_proportion` of the steps and falls to 0 over the rest. Betas are 0.9 and
    0.98, epsilon 1e-6. Biases, layer norms and the parameters of SSMs are not decayed.

    Args:
        learning_rate: float. The peak.
        total_steps: int. The number of updates.
        warmup_proportion: float in [0, 1). The share of steps that warm up.
        weight_decay: float. The decoupled weight decay.
        decay: `"cosine"`, `"linear"`, or `"cubic"` (Longformer's).
        ssm_learning_rate: float. The peak for the parameters of SSMs, with the same
            schedule. `None` for that of all.
        accumulation_steps: int. The number of batches whose gradients are averaged for
            an update.
        global_clipnorm: float. The largest norm of all gradients together, or `None`;
            with `ssm_learning_rate`, of the two groups each.

    Returns:
        A `keras.optimizers.AdamW`; with `ssm_learning_rate`, a
        `keras.optimizers.MultiOptimizer` of two.

    Raises:
        ValueError: `total_steps` or `accumulation_steps` below 1, a
            `warmup_proportion` outside [0, 1), or an unknown `decay`.

    Example:
    ```python
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile(keras_bigs.training.adamw(1e-2, total_steps=10), "mse")
    x = np.random.default_rng(0).normal(size=(80, 3))
    model.fit(x, x.sum(1), batch_size=8)
    ```
    """
    for name, number in {
        "total_steps": total_steps,
        "accumulation_steps": accumulation_steps,
    }.items():
        if number < 1:
            raise ValueError(f"`{name}` must be at least 1. Received: {number}")
    if not 0 <= warmup_proportion < 1:
        raise ValueError(
            "`warmup_proportion` must be at least 0 and below 1. "
            f"Received: {warmup_proportion}"
        )
    if decay not in ("cosine", *POWERS):
        raise ValueError(
            f"`decay` must be one of {['cosine', *POWERS]}. Received: decay={decay!r}"
        )
    # With gradient accumulation Keras counts batches in schedules, not updates.
    total_steps *= accumulation_steps
    warmup_steps = int(warmup_proportion * total_steps)

    def make(peak, weight_decay):
        if decay in POWERS:
            schedule = WarmupPolynomialDecay(
                peak, total_steps, warmup_steps, POWERS[decay]
            )
        else:
            schedule = keras.optimizers.schedules.CosineDecay(
                initial_learning_rate=0.0 if warmup_steps else peak,
                decay_steps=total_steps - warmup_steps,
                warmup_target=peak if warmup_steps else None,
                warmup_steps=warmup_steps,
            )
        return AdamW(
            schedule,
            weight_decay=weight_decay,
            beta_1=0.9,
            beta_2=0.98,
            epsilon=1e-6,
            global_clipnorm=global_clipnorm,
            gradient_accumulation_steps=(
                accumulation_steps if accumulation_steps > 1 else None
            ),
        )

    optimizer = make(learning_rate, weight_decay)
    # Keras asks with its variables' names (`bias`), and on TensorFlow with those of
    # TensorFlow's (`dense/bias:0`).
    names = "|".join(UNDECAYED)
    optimizer.exclude_from_weight_decay(var_names=[rf"(^|/)({names})(:\d+)?$"])
    if ssm_learning_rate is None:
        return optimizer
    ssm_optimizer = make(ssm_learning_rate, 0.0)
    return keras.optimizers.MultiOptimizer(
        keras.optimizers.OptimizerMap(
            optimizer, {f".*/({'|'.join(SSM_PARAMETERS)})": ssm_optimizer}
        )
    )


def current_learning_rate(optimizer):
    """The learning rate of the next step, a float; not that of SSMs if they differ."""
    return float(keras.ops.convert_to_numpy(_main(optimizer).learning_rate))


def accumulation_steps_of(optimizer):
    """The number of batches whose gradients an optimizer averages for an update."""
    return _main(optimizer).gradient_accumulation_steps or 1


def _main(optimizer):
    """The optimizer of most parameters within a loss scale and a division of them."""
    if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        optimizer = optimizer.inner_optimizer
    if isinstance(optimizer, keras.optimizers.MultiOptimizer):
        optimizer = optimizer.optimizers[-1]
    return optimizer
