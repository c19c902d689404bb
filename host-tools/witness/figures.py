"""What independent code makes of the same scores and embeddings; the tests of `cognate_host::evaluation` compare.

    python3 host-tools/witness/figures.py > host-tools/witness/figures.json   # needs numpy, scipy and scikit-learn

Made with numpy 2.4.6, scipy 1.17.1 and scikit-learn 1.9.1.
"""

import json
from itertools import combinations

import numpy as np
from scipy.stats import beta
from sklearn.metrics import roc_auc_score, roc_curve


def scores(generator):
    """With many equal ones, so that ties matter."""
    genuine = np.round(generator.normal(60, 25, 90)).astype(int)
    impostor = np.round(generator.normal(0, 30, 700)).astype(int)
    return genuine, impostor


def verification(genuine, impostor):
    labels = np.concatenate([np.ones(len(genuine)), np.zeros(len(impostor))])
    values = np.concatenate([genuine, impostor])
    fmr, tpr, thresholds = roc_curve(labels, values, drop_intermediate=False)
    fnmr = 1 - tpr
    # From the strictest threshold to the laxest: FNMR falls below FMR between two adjacent ones, and the line between
    # them crosses FMR = FNMR.
    after = np.argmax(fnmr <= fmr)
    gap = fnmr - fmr
    part = gap[after - 1] / (gap[after - 1] - gap[after])
    nearest = np.argmin(np.abs(gap)[::-1])
    at = {}
    for rate in [0.1, 0.01, 0.005]:
        # The least integer threshold with no more false matches than asked for.
        threshold = next(t for t in range(-1000, 1000) if np.mean(impostor >= t) <= rate)
        at[str(rate)] = [threshold, np.mean(impostor >= threshold), np.mean(genuine < threshold)]
    return {
        "genuine": genuine.tolist(),
        "impostor": impostor.tolist(),
        "eer": fnmr[after - 1] + part * (fnmr[after] - fnmr[after - 1]),
        "eer_nearest": ((fnmr + fmr) / 2)[::-1][nearest],
        "auc": roc_auc_score(labels, values),
        "d_prime": (genuine.mean() - impostor.mean()) / np.sqrt((genuine.var() + impostor.var()) / 2),
        "at": at,
    }


def intervals():
    counts = [(0, 1), (0, 300), (1, 10), (3, 300), (1, 4500), (10, 450), (449, 450), (450, 450), (50, 100), (299, 300)]
    counts += [(1000, 10**6), (177, 177_000), (5_000_000, 4_999_950_000), (12, 4_999_950_000), (100_000, 450_000)]
    return [
        [
            errors,
            trials,
            0.0 if errors == 0 else beta.ppf(0.025, errors, trials - errors + 1),
            1.0 if errors == trials else beta.ppf(0.975, errors + 1, trials - errors),
            1.0 if errors == trials else beta.ppf(0.95, errors + 1, trials - errors),
        ]
        for errors, trials in counts
    ]


def losses(generator):
    """By the papers' sums, written out."""
    subjects = np.repeat(np.arange(6), [4, 3, 5, 2, 4, 3])
    rows = generator.integers(-20, 20, (len(subjects), 7)) + 25 * np.eye(6, 7, dtype=int)[subjects]
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    cosine, count = unit @ unit.T, len(rows)
    squared = ((unit[:, None] - unit[None]) ** 2).sum(2)
    same = subjects[:, None] == subjects[None]
    pairs = list(combinations(range(count), 2))
    contrastive = [squared[p] if same[p] else max(0, 1 - np.sqrt(squared[p])) ** 2 for p in pairs]
    firsts = [int(np.argmax(subjects == subject)) for subject in range(6)]
    triplet, n_pair, nt_xent, debiased, alignment = [], [], [], [], []
    for a in range(count):
        others = [k for k in range(count) if not same[a, k]]
        everyone = [k for k in range(count) if k != a]
        for p in everyone:
            if not same[a, p]:
                continue
            triplet += [max(0, squared[a, p] - squared[a, n] + 0.2) for n in others]
            negatives = [k for k in firsts if subjects[k] != subjects[a]]
            n_pair.append(np.log(1 + sum(np.exp(cosine[a, k] - cosine[a, p]) for k in negatives)))
            positive = np.exp(cosine[a, p] / 0.1)
            nt_xent.append(-np.log(positive / (positive + sum(np.exp(cosine[a, k] / 0.1) for k in others))))
            mean = np.mean([np.exp(cosine[a, k] / 0.1) for k in everyone])
            g = max((mean - positive / 6) / (1 - 1 / 6), np.exp(-1 / 0.1))
            debiased.append(-np.log(positive / (positive + len(everyone) * g)))
            alignment.append(squared[a, p])
    return {
        "subjects": subjects.tolist(),
        "rows": rows.tolist(),
        "contrastive": np.mean(contrastive),
        "triplet": np.mean(triplet),
        "n_pair": np.mean(n_pair),
        "nt_xent": np.mean(nt_xent),
        "debiased": np.mean(debiased),
        "alignment": np.mean(alignment),
        "uniformity": np.log(np.mean([np.exp(-2 * squared[p]) for p in pairs])),
    }


def identification(found):
    """Each sample among all others: how many subjects are at least as close as its own, and at or above a threshold."""
    rows, subjects = np.array(found["rows"], float), np.array(found["subjects"])
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    ranks, accepted = [], []
    for a in range(len(rows)):
        best = {}
        for k in range(len(rows)):
            if k != a:
                best[subjects[k]] = max(best.get(subjects[k], -2), unit[a] @ unit[k])
        own = best.pop(subjects[a])
        ranks.append(sum(score >= own for score in best.values()))
        accepted.append([sum(score >= 0.3 for score in best.values()), own])
    others = 5
    fpir, fnir = [], []
    for drawn in [1, 2, 5]:
        # By going through every gallery of so many of the others.
        galleries = list(combinations(range(others), drawn))
        fpir.append(np.mean([np.mean([min(g) < count for g in galleries]) for count, _ in accepted]))
        refused = []
        for rank, (_, own) in zip(ranks, accepted):
            rest = list(combinations(range(others), drawn - 1))
            beaten = np.mean([len(g) > 0 and min(g) < rank for g in rest])
            refused.append(1 if own < 0.3 else beaten)
        fnir.append(np.mean(refused))
    return {"cmc": [np.mean(np.array(ranks) < rank) for rank in range(1, 7)], "fpir": fpir, "fnir": fnir}


def main():
    generator = np.random.default_rng(7)
    genuine, impostor = scores(generator)
    measured = losses(generator)
    print(
        json.dumps(
            {
                "verification": verification(genuine, impostor),
                "intervals": intervals(),
                "losses": measured,
                "identification": identification(measured),
            }
        )
    )


if __name__ == "__main__":
    main()
