"""
Title: Ship it
Author: the authors of keras_bigs
Date created: 2026/11/29
Last modified: 2026/11/29
Description: int8 weights, export with verified outputs, an HTTP service, the Hub.
Accelerator: None
"""

"""
## From a preset to where users are

There are two ways to run a fine-tuned model in production: load the preset in a Python
service, or export the forward pass to a file that another runtime reads. Or publish the
preset for others to load. In all of them a model should be small, and give the outputs
that you measured.

This guide needs `pip install ".[guides]"`, for the server; on TensorFlow and PyTorch
`".[guides,onnx]"`, for an exported file's runtime.

The classifier below has a new output layer and stands for your fine-tuned one.
"""

import os

os.environ.setdefault("KERAS_BACKEND", "jax")

import json
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

import keras
import numpy as np

import keras_bigs

keras.utils.set_random_seed(0)
folder = pathlib.Path(tempfile.mkdtemp())
classifier = keras_bigs.models.BiGSTextClassifier.from_preset(
    "bigs_mini_en_uncased", num_classes=3, activation="softmax"
)
texts = [
    "my parcel has not come yet.",
    "the card was charged twice!",
    "your app keeps asking for a code, and then for another one.",
]
expected = classifier.predict(texts, verbose=0)

"""
## Smaller: int8

`quantize` stores the large matrices in 8 bits, with a scale for each column. A preset
of the quantized model loads as it was saved.
"""


def megabytes(path):
    return sum(file.stat().st_size for file in path.rglob("*")) / 1e6


classifier.save_to_preset(folder / "float32")
small = keras_bigs.models.BiGSTextClassifier.from_preset(str(folder / "float32"))
small.quantize("int8")
small.save_to_preset(folder / "int8")
for name in ("float32", "int8"):
    print(f"{name}: {megabytes(folder / name):.1f} MB")
change = np.abs(small.predict(texts, verbose=0) - expected).max()
print(f"largest change of a probability: {change:.4f}")

"""
What matters is the metric: evaluate the quantized model on your evaluation set before
you ship it.

## Another runtime: export

`export` writes the forward pass as a file that needs neither Keras nor this package.
Which format can be written depends on the backend; a preset saved on one can be loaded
on another for that.

| format | from | read by |
|---|---|---|
| `tf_saved_model` | TensorFlow, JAX | TensorFlow, TF Serving |
| `onnx` | TensorFlow, PyTorch | ONNX Runtime |
| `openvino` | TensorFlow, PyTorch | OpenVINO |
| `litert` | TensorFlow | LiteRT, on phones |
| `torch` | PyTorch | `torch.export.load` |
| `jax` | JAX | `jax.export.deserialize` |

Batch and length stay open, within limits that the page *Export* of the documentation
lists. `export_package` writes the file, runs it in its own runtime
on real texts at several lengths, and compares: where outputs differ nothing is written.
"""

format = "tf_saved_model" if keras.config.backend() == "jax" else "onnx"
found = keras_bigs.models.export_package(classifier, folder / "package", format)
for length, difference in found.differences.items():
    print(f"{length} tokens: largest difference {difference:.1e}")
print(sorted(path.name for path in (folder / "package").iterdir()))

"""
Beside it lie the vocabulary and `usage.py`, a short script that tokenizes with
[tokenizers](https://huggingface.co/docs/tokenizers) and runs the file, to begin your
own service from. It needs neither Keras nor this package:
"""

usage = [sys.executable, folder / "package" / "usage.py", texts[0]]
done = subprocess.run(usage, capture_output=True, text=True, check=True)
print(done.stdout)
print("by Keras:", expected[0])

"""
The command for it is `python -m recipes.export`, which also quantizes, and measures
what that costs on your evaluation file:

```
KERAS_BACKEND=tensorflow python -m recipes.export runs/mine/preset --format onnx \\
    --quantize int8 --eval dev.tsv --text sentence --label label --output runs/mine/onnx
```

## An HTTP service

[LitServe](https://lightning.ai/docs/litserve) is a server for models, on FastAPI: it
gathers requests that come at about the same time into batches, runs workers in
processes of their own, and answers at `/health` whether they are ready. The whole
service:
"""

SERVER = """
import litserve


class Classifier(litserve.LitAPI):
    def setup(self, device):
        import keras_bigs

        self.model = keras_bigs.models.BiGSTextClassifier.from_preset("PRESET")
        self.model.predict(["compiles before the first request"], verbose=0)

    def decode_request(self, request):
        return request["text"]

    def predict(self, texts):
        return self.model.predict(list(texts), verbose=0).tolist()

    def encode_response(self, output):
        return {"probabilities": output}


if __name__ == "__main__":
    api = Classifier(max_batch_size=16, batch_timeout=0.02)
    server = litserve.LitServer(api, accelerator="cpu")
    server.run(host="127.0.0.1", port=8764, generate_client_file=False)
"""
(folder / "server.py").write_text(SERVER.replace("PRESET", str(folder / "float32")))
log = (folder / "server.log").open("w")
server = subprocess.Popen(
    [sys.executable, folder / "server.py"],
    stdout=log,
    stderr=log,
    start_new_session=True,
)

"""
Wait until it is healthy, then ask it, as any client would:
"""


def request(path, body=None):
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    address = f"http://127.0.0.1:8764{path}"
    asked = urllib.request.Request(address, data, headers)
    with urllib.request.urlopen(asked, timeout=60) as response:
        return response.read().decode()


def is_healthy():
    try:
        return request("/health") == "ok"
    except (urllib.error.URLError, ConnectionError):
        return False


try:
    while not is_healthy():
        if server.poll() is not None:
            raise RuntimeError((folder / "server.log").read_text()[-2000:])
        time.sleep(0.5)
    answer = json.loads(request("/predict", {"text": texts[1]}))
finally:
    os.killpg(server.pid, signal.SIGTERM)  # its workers too
    server.wait()
print(answer)
print("difference:", np.abs(np.array(answer["probabilities"]) - expected[1]).max())

"""
(`start` and `end` of a `BiGSQuestionAnswerer`, or the classes of words, are served the
same way; only `predict` changes.)

## Publish

`save_to_preset` is all that others need. For a model that you pretrained,
`recipes.publish` halves the weights and writes a model card from the run's own records:
how it was made, on how many tokens, and what it scores. Then it goes to the hub:

```
python -m recipes.publish runs/bigs --name bigs_contracts --output bigs_contracts \\
    --data "contracts of our archive"
```

```python
import keras_hub

keras_hub.upload_preset("hf://your_name/bigs_contracts", "bigs_contracts")
```

and everybody has it by
`keras_bigs.models.BiGSMaskedLM.from_preset("hf://your_name/bigs_contracts")`.
"""
