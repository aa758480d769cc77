"""Runs an exported model under Python's ONNX Runtime, and compares it with the recorded run.

    transprune export triton owner/name -o exported
    pip install onnxruntime numpy
    python golden.py exported

Outputs may differ in the last digits, tokens may not. Exits with 1 if anything else differs.
"""

import json
import platform
import sys
from pathlib import Path

import numpy as np
import onnxruntime

# Of the largest number of an output.
TOLERANCE = 1e-3

exported = Path(sys.argv[1])
golden = json.loads((exported / "golden" / "golden.json").read_text(encoding="utf-8"))
print(f"Python {platform.python_version()}, onnxruntime {onnxruntime.__version__}, NumPy {np.__version__}")


def open_model(name):
    path = exported / "models" / name / "1" / "model.onnx"
    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


def load(files):
    return {name: np.load(exported / "golden" / file) for name, file in files.items()}


sessions = {name: open_model(name) for name in sorted({run["model"] for run in golden["runs"]})}
number_types = {"float32": np.float32, "float16": np.float16, "int64": np.int64}
caches = {
    cache["input"]: np.zeros(cache["dims"], number_types[cache["type"]])
    for cache in golden["caches"]
}
differs = False


def report(what, is_right):
    global differs
    differs = differs or not is_right
    print(f"{what}: {'equal' if is_right else 'DIFFERENT'}")


tokens = []
for run in golden["runs"]:
    session = sessions[run["model"]]
    is_decoder = "token" in run
    feeds = load(run["inputs"]) | (caches if is_decoder else {})
    names = [output.name for output in session.get_outputs()]
    outputs = dict(zip(names, session.run(names, feeds)))
    for name, expected in load(run["outputs"]).items():
        got = outputs[name][0, -1] if is_decoder else outputs[name]
        got, expected = got.astype(np.float64), expected.astype(np.float64)
        difference = np.abs(got - expected).max()
        print(f"{run['model']}.{name} {list(got.shape)}: differs by {difference:.1e} at most")
        differs = differs or not difference <= TOLERANCE * np.abs(expected).max()
    if not is_decoder:
        continue
    if not tokens:
        lengths = [dims[2] for name, dims in run["caches"].items() if name.endswith("key")]
        print(f"tokens in the caches of the layers after the prompt: {lengths}")
        shapes = {name: list(outputs[name].shape) for name in run["caches"]}
        report("sizes of the caches", shapes == run["caches"])
    tokens.append(int(outputs["logits"][0, -1].argmax()))
    caches = {cache["input"]: outputs[cache["output"]] for cache in golden["caches"]}

print(f"{golden['question']} {golden['text']}")
print(f"tokens {tokens}")
report("tokens", tokens == golden["tokens"])
sys.exit(differs)
