"""How many samples a second tract encodes, beside onnxruntime on the same cores, in turns.

    python3 -m venv venv && venv/bin/pip install onnxruntime numpy
    cargo build -p cognate-host
    venv/bin/python host-tools/witness/throughput.py target/debug/cognate "$COGNATE_DATA"

Each runtime gets what is fastest for it: tract, as `cognate encode` runs it, a plan for one sample and a thread a core;
onnxruntime the better of one session with a thread a core (samples one by one, and in batches of 16) and of a session of
one thread on each core. For cognate the time of a run over few samples is taken off that of one over many, so that reading
and preparing the model does not count; for onnxruntime only the calls are timed. The two take turns, so that whatever else
the machine does touches both; the ratio of the medians is what this prints, a time alone says little.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnxruntime as ort

ROUNDS = 5
FEW, MANY = 8, 200

FACES = """kind = "tensor"
input = "input0"
output = "output0"
shape = [3, 112, 112]
normalize = false
"""
KEYWORDS = """kind = "tensor"
input = "input_1"
output = "conv2d_19"
shape = [76, 32, 1]
normalize = false
"""


def cognate_seconds(program, folder, samples):
    """Seconds of `cognate encode` over an array of samples."""
    arguments = [program, "encode", "model.onnx", samples, "-o", "out.npy", "--no-cache", "--quiet"]
    begin = time.perf_counter()
    subprocess.run(arguments, cwd=folder, check=True)
    return time.perf_counter() - begin


def session(model, threads):
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    return ort.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])


def onnxruntime_ways(model, samples, cores):
    """Calls that encode all samples, by name."""
    wide, narrow = session(model, cores), [session(model, 1) for _ in range(cores)]
    name = wide.get_inputs()[0].name

    def in_batches(size):
        for begin in range(0, len(samples), size):
            wide.run(None, {name: samples[begin : begin + size]})

    def apart():
        def share(index):
            for sample in samples[index::cores]:
                narrow[index].run(None, {name: sample[None]})

        with ThreadPoolExecutor(cores) as pool:
            list(pool.map(share, range(cores)))

    ways = {"one by one": lambda: in_batches(1), "a session a core": apart}
    if not isinstance(wide.get_inputs()[0].shape[0], int):
        ways["batches of 16"] = lambda: in_batches(16)
    return ways


def measure(name, model, toml, samples, program):
    cores = os.cpu_count()
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        (folder / "model.onnx").write_bytes(model.read_bytes())
        (folder / "model.toml").write_text(toml)
        np.save(folder / "few.npy", samples[:FEW])
        np.save(folder / "many.npy", samples)
        ways = onnxruntime_ways(model, samples, cores)
        tract, others = [], {way: [] for way in ways}
        for _ in range(ROUNDS):
            few = cognate_seconds(program, folder, "few.npy")
            many = cognate_seconds(program, folder, "many.npy")
            tract.append((len(samples) - FEW) / (many - few))
            for way, run in ways.items():
                begin = time.perf_counter()
                run()
                others[way].append(len(samples) / (time.perf_counter() - begin))
    ours = statistics.median(tract)
    best = max(others, key=lambda way: statistics.median(others[way]))
    theirs = statistics.median(others[best])
    print(
        json.dumps(
            {
                "model": name,
                "cores": cores,
                "tract": round(ours, 1),
                "onnxruntime": round(theirs, 1),
                "onnxruntime_way": best,
                "ratio": round(theirs / ours, 2),
            }
        )
    )


def main():
    program, data = str(Path(sys.argv[1]).resolve()), Path(sys.argv[2])
    chance = np.random.default_rng(1)
    faces = chance.standard_normal((MANY, 3, 112, 112), dtype=np.float32)
    measure("faces (MobileFaceNet)", data / "faces/MobileFaceNet.onnx", FACES, faces, program)
    keywords = np.load(data / "keyword/fsdd_idx0-9_melspec_f32_n76x32.npy")[..., None].astype(np.float32)
    keywords = np.tile(keywords, (2, 1, 1, 1))
    measure("keywords (openWakeWord)", data / "keyword/embedding_model.onnx", KEYWORDS, keywords, program)


if __name__ == "__main__":
    main()
