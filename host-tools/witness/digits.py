"""How well embeddings of `data/digits`, as the tool wrote them, tell digits apart that training never saw.

The digits 5 to 8 are enrolled with five samples each; their other samples are genuine probes, every sample of 9 and of 0 to 4 is a stranger.
Means over 20 disjoint choices of the enrolled samples, percent, as the example `train_glyphs --judge` has them for a model in f32:

    pip install numpy
    cognate encode digits.encoder data/digits/samples.csv -o digits.npy
    python host-tools/witness/digits.py digits.npy
"""

import csv
import pathlib
import sys

import numpy as np

ENROLLED, STRANGERS, SAMPLES, DRAWS = "5678", "901234", 5, 20


def equal_error_rate(genuine, impostors):
    genuine, impostors = np.sort(genuine), np.sort(impostors)
    thresholds = np.concatenate([genuine, impostors])
    missed = np.searchsorted(genuine, thresholds) / len(genuine)
    passed = 1 - np.searchsorted(impostors, thresholds) / len(impostors)
    at = np.argmin(np.abs(missed - passed))
    return (missed[at] + passed[at]) / 2


def missed(genuine, strangers, passing):
    threshold = np.sort(strangers)[len(strangers) - 1 - int(passing * len(strangers))]
    return np.mean(genuine <= threshold)


def figures(unit, rows, draw, fuse):
    templates, probes, own = [], [], []
    for place, digit in enumerate(ENROLLED):
        chosen = rows[digit][draw * SAMPLES:][:SAMPLES]
        others = np.setdiff1d(rows[digit], chosen)
        templates.append(unit[chosen])
        probes.append(unit[others])
        own += [place] * len(others)
    strangers = unit[np.concatenate([rows[digit] for digit in STRANGERS])]
    genuine, strange = (np.stack([fuse(some, own) for own in templates], 1) for some in (np.concatenate(probes), strangers))
    is_own = np.arange(len(ENROLLED)) == np.array(own)[:, None]
    best = strange.max(1)
    impostors = np.concatenate([genuine[~is_own], strange.ravel()])
    claims = genuine[is_own]
    return [
        np.mean(genuine.argmax(1) == own), equal_error_rate(claims, impostors), equal_error_rate(claims, best),
        missed(claims, best, 0.01), missed(claims, best, 0.05),
    ]


def centroid(probes, templates):
    total = templates.sum(0)
    return probes @ (total / np.linalg.norm(total))


def main():
    table = pathlib.Path(__file__).resolve().parents[2] / "data/digits/samples.csv"
    with open(table, newline="", encoding="utf-8") as file:
        subjects = np.array([row["subject"] for row in csv.DictReader(file)])
    embeddings = np.load(sys.argv[1]).astype(np.float64)
    assert len(embeddings) == len(subjects), f"{len(embeddings)} rows for {len(subjects)} samples"
    unit = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    rows = {digit: np.flatnonzero(subjects == digit) for digit in ENROLLED + STRANGERS}
    print("percent             rank-1  EER, 1:1  EER, strangers  FNMR at 1 %  at 5 % of strangers")
    for name, fuse in (("maximum of five", lambda p, t: (p @ t.T).max(1)), ("centroid of five", centroid)):
        mean = 100 * np.mean([figures(unit, rows, draw, fuse) for draw in range(DRAWS)], axis=0)
        print("{:18}  {:6.2f}  {:8.2f}  {:14.2f}  {:11.2f}  {:19.2f}".format(name, *mean), flush=True)


main()
