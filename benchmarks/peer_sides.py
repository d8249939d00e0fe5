"""The sides of `benchmarks.peers`, each in a process of its own.

A side is an encoder of a library: `bigs:torch` is ours on PyTorch, `bert:jax` and
`fnet:jax` are keras-hub's, `hf_bert` and `hf_modernbert` are those of Hugging Face's
transformers, which are PyTorch. All have equally many parameters, to 4% (position
tables differ), and the same dropout. The process does one of `TASKS` for each line with
its name on the standard input, and answers with the seconds it took; it answers
`memory` with the most MiB it ever held, and `parameters` with their number. Lines that
start with `{"answer":` are answers: libraries write others.
"""

import dataclasses
import importlib.resources
import json
import os
import sys
import time

import numpy as np

from benchmarks import compared_models
from benchmarks import timing

KERAS_MODELS = {"bigs": "BiGS", "bert": "BERT", "fnet": "FNet"}
"""Names in `compared_models` of the sides that are models of Keras."""
BACKENDS = {"jax": "JAX", "tensorflow": "TensorFlow", "torch": "PyTorch"}
SIDES = {
    **{
        f"{name}:{backend}": f"{model}, {'' if name == 'bigs' else 'keras-hub, '}{on}"
        for name, model in KERAS_MODELS.items()
        for backend, on in BACKENDS.items()
    },
    "hf_bert": "BERT, Hugging Face",
    "hf_modernbert": "ModernBERT, Hugging Face",
}
"""Their names in figures."""
DTYPES = {"float32": "float32", "bfloat16": "mixed_bfloat16"}
"""Keras' names of what the sides compute in."""
TASKS = {
    "train": "a training step",
    "encode": "the encoder",
    "predict": "classes of raw strings",
}
"""A step of masked language modeling; the encoder's outputs of a batch; and classes of
raw strings, four batches of them. With their names in figures."""
PREDICTED_BATCHES = 4


@dataclasses.dataclass
class Case:
    """What all sides do alike."""

    length: int
    batch: int
    dtype: str
    dim: int
    layers: int
    """Of BiGS. Others have as many as make as many parameters."""
    vocabulary_size: int
    dropout: float

    def tokens_of(self, task):
        """How many tokens a task works on."""
        batches = PREDICTED_BATCHES if task == "predict" else 1
        return self.length * self.batch * batches

    @property
    def vocabulary(self):
        """The file of a preset of this package: enough words to make texts of."""
        folder = importlib.resources.files("keras_bigs") / "presets"
        return str(folder / "bigs_mini_en_uncased/assets/tokenizer/vocabulary.txt")

    def texts(self):
        """Of as many words as fill up `length` tokens."""
        with open(self.vocabulary, encoding="utf-8") as file:
            words = [w for w in file.read().split("\n") if w.isalpha() and w.isascii()]
        size = (PREDICTED_BATCHES * self.batch, self.length)
        rows = np.random.default_rng(2).choice(words, size)
        return [" ".join(row) for row in rows]


def keras_side(name, case):
    """Ours and keras-hub's: one function a task, and the number of parameters."""
    import keras
    import keras_hub

    import keras_bigs

    keras.config.set_dtype_policy(DTYPES[case.dtype])
    masked_lm = compared_models.masked_lm(
        KERAS_MODELS[name],
        case.length,
        case.dim,
        case.vocabulary_size,
        layers=case.layers,
        dropout=case.dropout,
    )
    backbone = masked_lm.backbone
    masked_lm.compile(
        keras_bigs.training.adamw(1e-4, total_steps=10**6)
        if name == "bigs"
        else keras.optimizers.AdamW(1e-4)
    )
    x, y = compared_models.masked_batch(case.batch, case.length, case.vocabulary_size)
    inputs = {name: x[name] for name in masked_lm.input}
    features = {name: x[name] for name in backbone.input}
    tasks = {
        # Past the preprocessing of a task.
        "train": lambda: keras.Model.train_on_batch(masked_lm, inputs, y),
        "encode": lambda: backbone.predict_on_batch(features),
    }
    # FNet has none: its tokenizer is SentencePiece's, which the vocabulary is not for.
    classifiers = {
        "bigs": keras_bigs.models.BiGSTextClassifier,
        "bert": keras_hub.models.BertTextClassifier,
    }
    if name in classifiers:
        preprocessor = classifiers[name].preprocessor_cls
        tokenizer = preprocessor.tokenizer_cls(case.vocabulary, lowercase=True)
        model = classifiers[name](
            backbone,
            num_classes=2,
            preprocessor=preprocessor(tokenizer, sequence_length=case.length),
        )
        texts = case.texts()
        tasks["predict"] = lambda: model.predict(
            texts, batch_size=case.batch, verbose=0
        )
    return tasks, masked_lm.count_params()


def transformers_side(name, case):
    """Hugging Face's, as its own trainer and pipelines run them."""
    import torch
    import transformers

    common = {
        "vocab_size": case.vocabulary_size,
        "hidden_size": case.dim,
        "num_hidden_layers": compared_models.stacked_layers(case.layers),
        "num_attention_heads": max(1, case.dim // 64),
        "max_position_embeddings": case.length,
        "attn_implementation": "sdpa",
        "num_labels": 2,
    }
    if name == "hf_bert":
        config = transformers.BertConfig(
            intermediate_size=4 * case.dim,
            hidden_dropout_prob=case.dropout,
            attention_probs_dropout_prob=case.dropout,
            **common,
        )
        masked_lm = transformers.BertForMaskedLM(config)
        classifier = transformers.BertForSequenceClassification(config).eval()
    else:
        config = transformers.ModernBertConfig(
            # Gated: three matrices instead of two.
            intermediate_size=round(8 / 3 * case.dim),
            attention_dropout=case.dropout,
            mlp_dropout=case.dropout,
            embedding_dropout=case.dropout,
            sparse_prediction=True,
            reference_compile=False,
            pad_token_id=0,
            cls_token_id=2,
            bos_token_id=2,
            sep_token_id=3,
            eos_token_id=3,
            **common,
        )
        masked_lm = transformers.ModernBertForMaskedLM(config)
        classifier = transformers.ModernBertForSequenceClassification(config).eval()
    tokenizer = transformers.BertTokenizerFast(case.vocabulary, do_lower_case=True)

    x, y = compared_models.masked_batch(case.batch, case.length, case.vocabulary_size)
    ids = torch.tensor(x["token_ids"], dtype=torch.int64)
    mask = torch.ones_like(ids)
    labels = torch.full_like(ids, -100)
    positions = torch.tensor(x["mask_positions"], dtype=torch.int64)
    labels.scatter_(1, positions, torch.tensor(y, dtype=torch.int64))
    optimizer = torch.optim.AdamW(masked_lm.parameters(), 1e-4, fused=True)
    parameters = sum(p.numel() for p in masked_lm.parameters())
    low = case.dtype == "bfloat16"
    encoder = (classifier.bert if name == "hf_bert" else classifier.model).eval()
    if low:
        classifier.to(torch.bfloat16)
    else:
        # One encoder, as on the other sides.
        shared = masked_lm.bert if name == "hf_bert" else masked_lm.model
        encoder.load_state_dict(shared.state_dict(), strict=False, assign=True)

    def train():
        with torch.autocast("cpu", torch.bfloat16, enabled=low):
            loss = masked_lm(ids, attention_mask=mask, labels=labels).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return loss.item()

    @torch.inference_mode()
    def encode():
        return encoder(ids, attention_mask=mask).last_hidden_state.float().numpy()

    texts = case.texts()

    @torch.inference_mode()
    def predict():
        for start in range(0, len(texts), case.batch):
            batch = tokenizer(
                texts[start : start + case.batch],
                padding="max_length",
                truncation=True,
                max_length=case.length,
                return_tensors="pt",
            )
            batch.pop("token_type_ids", None)
            classifier(**batch).logits.float().numpy()

    return {"train": train, "encode": encode, "predict": predict}, parameters


def main():
    """Answers the lines of the standard input."""
    side, case = sys.argv[1], Case(**json.loads(sys.argv[2]))
    name, _, backend = side.partition(":")
    if backend:
        os.environ["KERAS_BACKEND"] = backend
        tasks, parameters = keras_side(name, case)
    else:
        tasks, parameters = transformers_side(name, case)
    for line in sys.stdin:
        question = line.strip()
        if question == "memory":
            answer = timing.peak_memory()
        elif question == "parameters":
            answer = parameters
        elif question in tasks:
            start = time.perf_counter()
            tasks[question]()
            answer = time.perf_counter() - start
        else:
            answer = None
        print(json.dumps({"answer": answer}), flush=True)


if __name__ == "__main__":
    main()
