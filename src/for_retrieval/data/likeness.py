"""Images that look like another one: fingerprints that differ in a few bits only."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Bits = NDArray[np.uint64]
_WIDTH = 64
_BLOCK = 2048  # fingerprints compared with a whole bucket at a time: 2048 x 8192 distances are 16 MB


def near_pairs(fingerprints: Bits, most: int) -> NDArray[np.int64]:
    """All pairs [n, 2], each with the smaller index first, of fingerprints that differ in at most `most` bits.

    Of most + 1 bands of a fingerprint, two such fingerprints share at least one. So only those with an equal
    band are compared, and no pair is missed. Equal fingerprints are compared once for all.
    """
    unique, inverse = np.unique(fingerprints, return_inverse=True)
    found = [_within_equal(inverse)]
    near = _between_unique(unique, most)
    if len(near):
        order = np.argsort(inverse, kind="stable")
        ends = np.cumsum(np.bincount(inverse, minlength=len(unique)))
        members = np.split(order, ends[:-1])
        found += [_cross(members[a], members[b]) for a, b in near]
    pairs = np.concatenate(found)
    pairs.sort(axis=1)
    return pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]


def _within_equal(inverse: NDArray[np.int64]) -> NDArray[np.int64]:
    """Pairs with the same fingerprint: each member with the first, which is enough to name the other."""
    order = np.argsort(inverse, kind="stable")
    groups = inverse[order]
    starts = np.concatenate([[True], groups[1:] != groups[:-1]])[: len(order)]
    first = order[np.maximum.accumulate(np.where(starts, np.arange(len(order)), 0))]
    return np.stack([first[~starts], order[~starts]], axis=1).astype(np.int64)


def _between_unique(unique: Bits, most: int) -> NDArray[np.int64]:
    edges = np.linspace(0, _WIDTH, most + 2).round().astype(int)
    found = [np.empty((0, 2), np.int64)]
    for low, high in pairwise(edges):
        mask = np.uint64(((1 << int(high - low)) - 1) << int(low))
        band = unique & mask
        order = np.argsort(band, kind="stable")
        cuts = np.flatnonzero(np.diff(band[order])) + 1
        for bucket in np.split(order, cuts):
            if len(bucket) > 1:
                found.append(_compared(unique, bucket, most))
    return np.unique(np.concatenate(found), axis=0)


def _compared(unique: Bits, bucket: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    found = []
    for start in range(0, len(bucket), _BLOCK):
        rows = bucket[start : start + _BLOCK]
        distance = np.bitwise_count(unique[rows][:, None] ^ unique[bucket][None, :])
        row, column = np.nonzero(distance <= most)
        pairs = np.stack([rows[row], bucket[column]], axis=1)
        found.append(pairs[pairs[:, 0] < pairs[:, 1]])
    return np.concatenate(found).astype(np.int64)


def _cross(left: NDArray[np.int64], right: NDArray[np.int64]) -> NDArray[np.int64]:
    """Every image of one group with the first of the other, and the other way round."""
    pairs = [(a, right[0]) for a in left] + [(left[0], b) for b in right]
    return np.unique(np.array(pairs, np.int64), axis=0)
