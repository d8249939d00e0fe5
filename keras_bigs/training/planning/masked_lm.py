"""The plan of a pretraining run."""

import keras
import numpy as np

from keras_bigs.models import BiGSBackbone
from keras_bigs.models import BiGSMaskedLM
from keras_bigs.training.planning.plans import plan


def plan_masked_lm(
    backbone,
    make_optimizer,
    *,
    topology,
    batch_size,
    sequence_length,
    steps,
    predictions,
    model_flops,
    accumulation_steps=1,
    mesh=None,
    shard="nothing",
    estimate_time=True,
    progress=print,
):
    """Plans the pretraining of a masked language model; see `plan`.

    Args:
        backbone: dict of the arguments of `BiGSBackbone`.
        make_optimizer: a function of `accumulation_steps` that returns a new optimizer.
        topology: string, see `tpu_topology`.
        batch_size: int. Texts of an update, on all devices.
        sequence_length: int. Tokens of a text.
        steps: int. Updates of the run.
        predictions: int. Tokens to predict in a text.
        model_flops: number. The operations that the model asks for in the training
            step of one text.
        accumulation_steps: int. Into how many batches an update is divided.
        mesh: dict of the sizes of axes, see `MeshParallel`.
        shard: see `MeshParallel`.
        estimate_time: bool, see `plan`.
        progress: see `plan`.

    Returns:
        `Plan`.

    Raises:
        ConfigError: see `plan`.
    """

    def build(num_layers, rematerialize, accumulation_steps):
        config = {**backbone, "max_sequence_length": sequence_length}
        config |= {"num_layers": num_layers, "rematerialize": rematerialize}
        masked_lm = BiGSMaskedLM(BiGSBackbone(**config), preprocessor=None)
        masked_lm.backbone.pooled_dense.trainable = False
        masked_lm.compile(
            make_optimizer(accumulation_steps),
            weighted_metrics=[keras.metrics.SparseCategoricalAccuracy("accuracy")],
        )
        return masked_lm

    def batch_of(texts):
        tokens = np.zeros((texts, sequence_length), "int32")
        labels = np.zeros((texts, predictions), "int32")
        x = dict.fromkeys(("token_ids", "segment_ids", "padding_mask"), tokens)
        return {**x, "mask_positions": labels}, labels, labels.astype("float32")

    return plan(
        build,
        batch_of,
        topology=topology,
        num_layers=backbone["num_layers"],
        batch_size=batch_size,
        sequence_length=sequence_length,
        steps=steps,
        accumulation_steps=accumulation_steps,
        model_flops=lambda texts: model_flops * texts,
        mesh=mesh,
        shard=shard,
        rematerialize=backbone.get("rematerialize", False),
        estimate_time=estimate_time,
        progress=progress,
    )
