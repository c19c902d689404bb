"""All pairs of embeddings into histograms: `cognate evaluate` beside numpy, in one go.

    cargo build -p cognate-host
    python3 host-tools/witness/score_pairs.py target/debug/cognate            # needs numpy

numpy multiplies blocks of rows in float32 and counts each block's scores. It is given two ways: `numpy.histogram`, as one
would write it, and the fastest that was found: one thread of the product a core, and `numpy.bincount` of scaled scores. Its
histograms have 65,536 bins; those of cognate have one for every score, 2**24 of them.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
import numpy as np  # noqa: E402, after the number of threads is set

BLOCK = 2048
BINS = 65_536


def embeddings(rows, columns):
    generator = np.random.default_rng(0)
    subjects = np.repeat(np.arange(rows // 10 + 1), 10)[:rows]
    centers = generator.standard_normal((subjects.max() + 1, columns), dtype=np.float32)
    values = centers[subjects] + 1.2 * generator.standard_normal((rows, columns), dtype=np.float32)
    return values / np.linalg.norm(values, axis=1, keepdims=True), subjects


def by_histogram(scores):
    return np.histogram(scores, bins=BINS, range=(-1, 1))[0]


def by_bincount(scores):
    scores = (scores + 1) * (BINS / 2)
    return np.bincount(np.minimum(scores, BINS - 1).astype(np.int64), minlength=BINS)


def by_numpy(values, count):
    rows = len(values)

    def block(place):
        row, column = place
        scores = values[row : row + BLOCK] @ values[column : column + BLOCK].T
        return count(scores[np.triu_indices(len(scores), 1)] if row == column else scores.ravel())

    places = [(row, column) for row in range(0, rows, BLOCK) for column in range(row, rows, BLOCK)]
    total = np.zeros(BINS, np.int64)
    begin = time.perf_counter()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for counts in pool.map(block, places):
            total += counts
    assert total.sum() == rows * (rows - 1) // 2
    return total.sum() / (time.perf_counter() - begin)


def by_cognate(tool, values, subjects):
    with tempfile.TemporaryDirectory() as folder:
        array, labels = os.path.join(folder, "rows.npy"), os.path.join(folder, "rows.csv")
        np.save(array, values)
        with open(labels, "w") as file:
            file.write("subject\n" + "".join(f"{subject}\n" for subject in subjects))
        command = [tool, "evaluate", "--embeddings", array, "--labels", labels, "--json", "--probes", "1000"]
        figures = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    # In kilobytes.
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    return figures["pairs_per_second"], figures["device"]["pairs_per_second"], memory


def main():
    tool = sys.argv[1]
    rows = int(sys.argv[2]) if len(sys.argv) > 2 else 100_000
    values, subjects = embeddings(rows, 128)
    print(f"{rows} embeddings of 128 elements, {rows * (rows - 1) // 2} pairs, {os.cpu_count()} cores")
    in_float, on_device, memory = by_cognate(tool, values, subjects)
    plain, fastest = by_numpy(values, by_histogram), by_numpy(values, by_bincount)
    for name, rate in [
        ("cognate, f32 cosine", in_float),
        ("cognate, the device's integers", on_device),
        ("numpy.histogram", plain),
        ("numpy.bincount", fastest),
    ]:
        print(f"{name:<32}{rate / 1e6:8.1f} million pairs a second, {rate / fastest:5.2f} times numpy's best")
    print(f"memory of cognate at its highest: {memory / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
