"""One-shot classification within alphabets (Lake, Salakhutdinov and Tenenbaum, 2015), of embeddings that the tool wrote.

Of 20 characters of an alphabet one drawing each is known, all by one writer, and one drawing of each by another writer is given the
nearest of them. Prints the share of wrong ones over 400 such trials for each array and alphabet, percent:

    pip install numpy
    python host-tools/witness/one_shot.py [--seed N] LABELS.csv EMBEDDINGS.npy [LABELS.csv EMBEDDINGS.npy ...]

Another seed chooses other trials. The labels are rows with a column `subject`, `Alphabet/character`; those that were made of others (`-` in
their names) are left out. Each array is of one alphabet's rows, in their order, as `cognate encode` writes it beside its CSV file.
"""

import argparse
import csv

import numpy as np

WAYS, TRIALS = 20, 400


def one_shot(embeddings, subjects, generator):
    unit = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    rows = {subject: np.flatnonzero(subjects == subject) for subject in sorted(set(subjects))}
    names, wrong = list(rows), 0
    for _ in range(TRIALS):
        chosen = [rows[names[index]] for index in generator.choice(len(names), WAYS, replace=False)]
        known, unknown = generator.choice(min(map(len, chosen)), 2, replace=False)
        gallery, probes = (unit[[own[writer] for own in chosen]] for writer in (known, unknown))
        wrong += int(np.sum(np.argmax(probes @ gallery.T, axis=1) != np.arange(WAYS)))
    return 100 * wrong / (TRIALS * WAYS)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=1, metavar="N")
    parser.add_argument("files", nargs="+", metavar="LABELS.csv EMBEDDINGS.npy")
    arguments = parser.parse_args()
    if len(arguments.files) % 2:
        parser.error("labels and embeddings come in pairs")
    errors = []
    for labels, array in zip(arguments.files[::2], arguments.files[1::2]):
        with open(labels, newline="", encoding="utf-8") as file:
            subjects = np.array([row["subject"] for row in csv.DictReader(file)])
        drawn = np.array(["-" not in subject.split("/")[1] for subject in subjects])
        embeddings = np.load(array)
        assert len(embeddings) == len(subjects), f"{array}: {len(embeddings)} rows for {len(subjects)} labels"
        errors.append(one_shot(embeddings[drawn], subjects[drawn], np.random.default_rng(arguments.seed)))
        print(f"{array}: {errors[-1]:.2f}", flush=True)
    print(f"mean: {np.mean(errors):.2f}")


main()
