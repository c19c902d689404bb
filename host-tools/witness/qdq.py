"""Quantizes an encoder with `cognate quantize --qdq`, and lets onnxruntime run what that wrote: do the two compute the same?

    pip install onnx onnxruntime numpy
    python host-tools/witness/qdq.py target/debug/cognate models/glyphs.onnx data/calibration/samples.csv

Arguments: the command, the model with its preprocessing beside it, labeled samples, and the labels of an `.npy` array. Every
tensor that a step of the encoder completes is compared twice: computed by onnxruntime from the core's own inputs of that
operator, and at the end of the whole path, where a difference of one step goes on. Embeddings are compared as the full codes
of templates.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime
from onnx.utils import Extractor

WANTED = 0.999


def session(model, optimized):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    level = onnxruntime.GraphOptimizationLevel
    options.graph_optimization_level = level.ORT_ENABLE_ALL if optimized else level.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def codes(rows):
    """Full codes, ties away from zero."""
    scaled = 127 * rows / np.abs(rows).max(1, keepdims=True)
    return (np.sign(scaled) * np.floor(np.abs(scaled) + 0.5)).astype(int)


def model_inputs(preprocessing, samples):
    """What the f32 model takes, of pictures and tensors in one array."""
    if preprocessing["kind"] == "tensor":
        return samples.reshape(len(samples), *preprocessing["shape"]).astype(np.float32)
    pixels = samples.reshape(len(samples), preprocessing["height"], preprocessing["width"], -1)
    mean, std = np.float32(preprocessing["mean"]), np.float32(preprocessing["std"])
    values = (pixels.astype(np.float32) * np.float32(preprocessing["scale"]) - mean) / std
    return values.transpose(0, 3, 1, 2) if preprocessing["layout"] == "nchw" else values


def sheet_samples(path, count):
    """The pictures of a manifest's places in sheets, as one array, with their labels."""
    import csv

    from PIL import Image

    rows = list(csv.DictReader(path.open()))
    chosen = [index * len(rows) // count for index in range(count)]
    rows = [rows[index] for index in chosen]
    pixels = []
    for row in rows:
        x, y = int(row["x"]), int(row["y"])
        box = (x, y, x + int(row["width"]), y + int(row["height"]))
        pixels.append(np.asarray(Image.open(path.parent / row["file"]).convert("L").crop(box)))
    return np.stack(pixels)[..., None], chosen


class Tally:
    def __init__(self):
        self.elements, self.equal, self.within, self.most = 0, 0, 0, 0

    def add(self, a, b):
        apart = np.abs(a.astype(int).ravel() - b.astype(int).ravel())
        self.elements += apart.size
        self.equal += int((apart == 0).sum())
        self.within += int((apart <= 1).sum())
        self.most = max(self.most, int(apart.max()))

    def share(self):
        return self.within / self.elements

    def __str__(self):
        return f"{100 * self.equal / self.elements:.3f} % equal, {100 * self.share():.4f} % within one step, at most {self.most}"


def operands(model, output, steps):
    """The tensors of steps, or inputs of the model, that an operator's elements are made of."""
    givers = {name: node for node in model.graph.node for name in node.output}
    stops = steps | {value.name for value in model.graph.input}
    found, open_ = [], list(givers[output].input)
    while open_:
        name = open_.pop()
        if name in stops:
            found.append(name)
        elif name in givers:
            open_.extend(givers[name].input)
    return sorted(set(found))


def compare(model, inputs, tensors, embeddings, optimized):
    steps = {entry.value: int(entry.key.rsplit(".", 1)[1]) for entry in model.metadata_props if entry.key.startswith("cognate.step.")}
    source, result = model.graph.input[0].name, model.graph.output[0].name
    known = {value.name: value for value in model.graph.value_info}
    shape = lambda name: [axis.dim_value for axis in known[name].type.tensor_type.shape.dim]

    def channels_first(name, tensor):
        _, channels, rows, columns = shape(name)
        return tensor.reshape(-1, rows, columns, channels).transpose(0, 3, 1, 2)

    core = {name: channels_first(name, tensors[step]) for name, step in steps.items()}
    shown = onnx.ModelProto()
    shown.CopyFrom(model)
    shown.graph.output.extend(known[name] for name in steps)
    whole = session(shown, optimized)
    names = [result, *steps]
    runs = [dict(zip(names, whole.run(names, {source: sample[None]}))) for sample in inputs]
    along, alone = Tally(), Tally()
    for name in steps:
        along.add(np.concatenate([run[name] for run in runs]).reshape(core[name].shape), core[name])
    # The extractor takes what is before an input for granted: the quantized input is the core's too.
    first = next(node.output[0] for node in model.graph.node if node.op_type == "QuantizeLinear")
    stops = set(steps) | {first}
    core_first = np.concatenate([part for part in (session(cut(model, [source], [first]), False).run([first], {source: sample[None]})[0] for sample in inputs)])
    given = {**core, first: core_first}
    worst = (2.0, "")
    for name in [*steps, result]:
        needed = operands(model, name, stops)
        part = session(cut(model, needed, [name]), optimized)
        found = [part.run([name], {key: given[key][row : row + 1] for key in needed})[0] for row in range(len(inputs))]
        one = Tally()
        if name == result:
            last = np.concatenate(found)
            one.add(codes(last), codes(embeddings))
            alone_result = one
        else:
            one.add(np.concatenate(found), core[name])
            alone.add(np.concatenate(found), core[name])
        worst = min(worst, (one.share(), name))
    final = Tally()
    # Alone, so that nothing keeps onnxruntime from joining operators.
    only = session(model, optimized)
    outputs = np.concatenate([only.run([result], {source: sample[None]})[0] for sample in inputs])
    final.add(codes(outputs), codes(embeddings))
    unit = lambda rows: rows / np.linalg.norm(rows, axis=1, keepdims=True)
    cosines = (unit(outputs) * unit(embeddings)).sum(1)
    kind = "fused to integers" if optimized else "operator by operator"
    print(f"onnxruntime, {kind}, {len(inputs)} samples, {len(steps)} steps")
    print(f"  each operator from the core's inputs: {alone}; worst {worst[1]} {100 * worst[0]:.4f} %")
    print(f"  last layer from the core's inputs, codes: {alone_result}")
    print(f"  all tensors of the whole path: {along}")
    print(f"  embeddings of the whole path, codes: {final}; cosine at least {cosines.min():.6f}")
    last = max(steps, key=steps.get)
    elements = np.concatenate([run[last] for run in runs]).transpose(0, 2, 3, 1)
    return min(alone.share(), alone_result.share()), outputs, {last: elements.reshape(len(runs), -1)}


def cut(model, inputs, outputs):
    part = Extractor(model).extract_model(inputs, outputs)
    part.ir_version = model.ir_version
    return part


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cognate")
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("samples", type=pathlib.Path)
    parser.add_argument("labels", type=pathlib.Path, nargs="?")
    parser.add_argument("--count", type=int, default=10, help="samples that are compared")
    parser.add_argument("--int16", help="as for `cognate quantize`: the most layers that may have int16")
    parser.add_argument("--keep", type=pathlib.Path, help="a folder for the encoder and the QDQ model")
    parser.add_argument("--record", type=pathlib.Path, help="what onnxruntime gave, for the tests; of a manifest's samples")
    arguments = parser.parse_args()
    import tomllib

    preprocessing = tomllib.loads(arguments.model.with_suffix(".toml").read_text())
    cognate = str(pathlib.Path(arguments.cognate).resolve())
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        keep = arguments.keep or folder
        keep.mkdir(exist_ok=True)
        encoder, qdq = keep / "model.encoder", keep / "model.qdq.onnx"
        labels = ["--labels", arguments.labels] if arguments.labels else []
        run = lambda *words: subprocess.run([cognate, *map(str, words), "--quiet"], check=True, stdout=subprocess.DEVNULL)
        wide = ["--int16", arguments.int16] if arguments.int16 else []
        run("quantize", arguments.model, arguments.samples, *labels, *wide, "-o", encoder, "--qdq", qdq, "--force")
        if arguments.samples.suffix == ".npy":
            samples = np.load(arguments.samples)
            samples = samples[[index * len(samples) // arguments.count for index in range(arguments.count)]]
        else:
            samples, chosen = sheet_samples(arguments.samples, arguments.count)
        np.save(folder / "samples.npy", samples)
        (folder / "samples.csv").write_text("\n".join(["subject", *["0"] * len(samples), ""]))
        run("encode", encoder, folder / "samples.npy", "--labels", folder / "samples.csv", "-o", folder / "int8.npy", "--steps", folder / "steps", "--no-cache")
        tensors = {int(path.stem): np.load(path) for path in (folder / "steps").glob("*.npy")}
        embeddings = np.load(folder / "int8.npy")
        model = onnx.load(qdq)
        onnx.checker.check_model(model, full_check=True)
        inputs = model_inputs(preprocessing, samples)
        found = [compare(model, inputs, tensors, embeddings, optimized) for optimized in (False, True)]
        shares = [share for share, _, _ in found]
        if arguments.record:
            # Operator by operator, as ONNX defines them.
            _, outputs, last = found[0]
            record = {
                "onnxruntime": onnxruntime.__version__,
                "rows": chosen,
                "embeddings": [[float(f"{value:.6g}") for value in row] for row in outputs],
                "tensors": {name: rows.tolist() for name, rows in last.items()},
            }
            arguments.record.write_text(json.dumps(record) + "\n")
    return int(min(shares) < WANTED)


if __name__ == "__main__":
    sys.exit(main())
