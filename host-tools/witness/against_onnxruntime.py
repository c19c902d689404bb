"""Quantizes ONNX encoders with `cognate` and compares their embeddings with those of onnxruntime, in f32.

    pip install onnx onnxruntime numpy
    python host-tools/witness/against_onnxruntime.py target/debug/cognate models/*.onnx

Samples are random, six each of eight subjects: this says whether a graph was understood, not how well a model does.
"""

import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime

SUBJECTS, SAMPLES = 8, 6
LEAST_COSINE = 0.98


def compare(cognate, path, folder):
    """The cosine of each sample's int8 embedding and onnxruntime's."""
    graph = onnx.load(path).graph
    name, output = graph.input[0].name, graph.output[0].name
    shape = [axis.dim_value for axis in graph.input[0].type.tensor_type.shape.dim][1:]
    chance = np.random.default_rng(0)
    samples = np.repeat(chance.normal(size=(SUBJECTS, *shape)), SAMPLES, 0)
    samples = (samples + 0.5 * chance.normal(size=samples.shape)).astype(np.float32)
    np.save(folder / "samples.npy", samples)
    labels = [str(row // SAMPLES) for row in range(len(samples))]
    (folder / "samples.csv").write_text("\n".join(["subject", *labels, ""]))
    (folder / "model.onnx").write_bytes(pathlib.Path(path).read_bytes())
    preprocessing = [f'input = "{name}"', f'output = "{output}"', 'kind = "tensor"', f"shape = {shape}", "normalize = true", ""]
    (folder / "model.toml").write_text("\n".join(preprocessing))
    quantize = ["quantize", "model.onnx", "samples.npy", "--labels", "samples.csv", "-o", "model.encoder", "--force", "--quiet"]
    encode = ["encode", "model.encoder", "samples.npy", "-o", "int8.npy", "--quiet"]
    for arguments in (quantize, encode):
        subprocess.run([cognate, *arguments], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    expected = [session.run([output], {name: sample[None]})[0].ravel() for sample in samples]
    found = np.load(folder / "int8.npy")
    return [a @ b / np.sqrt((a @ a) * (b @ b)) for a, b in zip(expected, found)]


def main():
    cognate, paths = str(pathlib.Path(sys.argv[1]).resolve()), sys.argv[2:]
    worst = 1.0
    for path in paths:
        with tempfile.TemporaryDirectory() as folder:
            cosines = compare(cognate, path, pathlib.Path(folder))
        print(f"{pathlib.Path(path).name}: mean {np.mean(cosines):.5f}, least {min(cosines):.5f}")
        worst = min(worst, *cosines)
    return int(not worst >= LEAST_COSINE)


if __name__ == "__main__":
    sys.exit(main())
