"""Where a thing is: which of an image's regions are shown for a query. Without torch, since queries run without it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

OBJECTNESS = 0.02  # weight of a region's objectness beside its cosine: a likelier box is shown where cosines are near
MARGIN = 0.05  # cosine; regions this close to the best one show things of the same name
OVERLAP = 0.5  # intersection over union above which two boxes show one thing


def shown(cosines: Floats, objectness: Floats) -> int:
    """The number of the region whose box is shown: the highest ``cos + w * log objectness``; both [K].

    The ranking of images is by cosine alone.
    """
    return int(np.argmax(cosines + OBJECTNESS * objectness))


def all_shown(cosines: Floats, objectness: Floats, boxes: Floats) -> list[int]:
    """The numbers of all regions that show what is asked for, the one of `shown` first.

    Those within a margin of the best cosine; of boxes [K, 4] (x, y, width, height) that overlap the likelier one.
    """
    near = np.flatnonzero(cosines >= cosines.max() - MARGIN)
    order = near[np.argsort(-(cosines + OBJECTNESS * objectness)[near], kind="stable")]
    kept = [shown(cosines, objectness)]
    for number in order:
        if all(_overlap(boxes[number], boxes[other]) <= OVERLAP for other in kept):
            kept.append(int(number))
    return kept


def _overlap(one: Floats, other: Floats) -> float:
    """Intersection over union of two boxes [4]."""
    sides = np.minimum(one[:2] + one[2:], other[:2] + other[2:]) - np.maximum(one[:2], other[:2])
    shared = float(np.prod(np.maximum(sides, 0)))
    return shared / max(float(np.prod(one[2:]) + np.prod(other[2:])) - shared, 1e-9)
