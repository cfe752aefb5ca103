"""mAP@50 and its rare variant r40, on a matrix of scores; exact and free of any index."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float32]
Relevant = NDArray[np.bool_]


def rank(scores: Scores) -> NDArray[np.intp]:
    """Positions of the images from best to worst; ties keep the order of the rows, which is by image id.

    Scores are rounded to 1e-6, so that the last bits of a sum do not decide.
    """
    return np.argsort(-np.round(scores.astype(np.float64), 6), kind="stable")


def unjudged_last(scores: Scores, judged: Relevant | None) -> Scores:
    """Scores [images, queries] with the images that were not judged for a query last, where they change no value below.

    None: all are judged.
    """
    return scores if judged is None else np.where(judged, scores, np.float32(-np.inf))


def average_precision(relevant_by_rank: Relevant, k: int) -> float:
    """AP@k of one query (docs/concepts.md): ``1 / min(n, k) * sum over r <= k of precision@r * rel(r)``.

    relevant_by_rank: for every image, best first, whether it is relevant; n of them are. ValueError if none is.
    """
    n = int(relevant_by_rank.sum())
    if n == 0:
        raise ValueError("average precision needs a relevant image")
    top = relevant_by_rank[:k].astype(np.float64)
    precision = np.cumsum(top) / np.arange(1, len(top) + 1)
    return float((precision * top).sum() / min(n, k))


def average_precisions(scores: Scores, relevant: Relevant, k: int) -> NDArray[np.float64]:
    """AP@k of each query: scores and relevance [images, queries] -> [queries]; NaN where nothing is relevant."""
    columns = zip(scores.T, relevant.T, strict=True)
    return np.array([average_precision(hit[rank(own)], k) if hit.any() else np.nan for own, hit in columns])


def rare_average_precisions(
    scores: Scores, relevant: Relevant, k: int, rare: int, draws: int, seed: int
) -> NDArray[np.float64]:
    """AP@k with at most `rare` relevant images kept beside all irrelevant ones; mean over seeded draws.

    A query that has no more than `rare` relevant images is the same in every draw.
    """
    out = np.full(scores.shape[1], np.nan)
    for q in np.flatnonzero(relevant.any(0)).tolist():
        hits = np.flatnonzero(relevant[:, q])
        place = np.empty(len(scores), np.intp)
        place[rank(scores[:, q])] = np.arange(len(scores))
        before = place[hits] - place[hits].argsort().argsort()  # irrelevant images ranked before each hit
        values = []
        for draw in range(draws if len(hits) > rare else 1):
            kept = np.random.default_rng([seed, q, draw]).permutation(len(hits))[:rare]
            # The j-th kept hit is ranked behind its irrelevant images and the j - 1 kept hits before it.
            found = np.arange(1, len(kept) + 1)
            ranks = np.sort(before[kept]) + found
            values.append((found / ranks)[ranks <= k].sum() / min(len(kept), k))
        out[q] = np.mean(values)
    return out
