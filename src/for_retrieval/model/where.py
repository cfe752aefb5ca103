"""Where a thing is: which of an image's regions are shown for a query. Without torch, since queries run without it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

# Weights beside a cosine, chosen on val of the streets and of photographs. Regions on one thing have nearly the same
# cosine; the likelier of them fits better, and of equally likely ones the larger: a small one often shows a part.
OBJECTNESS = 0.03
SIZE = 0.02  # of the logarithm of the square root of the box's area
# Both chosen on val of the streets, so that most boxes beside the first are right (benchmarks/several_boxes.py).
MARGIN = 0.02  # cosine; regions this close to the best one show things of the same name
OVERLAP = 0.1  # intersection over the smaller box above which two boxes show one thing, or parts of it


def shown(cosines: Floats, objectness: Floats, boxes: Floats) -> int:
    """The number of the region whose box is shown: the highest ``cos + OBJECTNESS log objectness + SIZE log side``.

    The ranking of images is by cosine alone.

    Args:
        cosines, objectness: [K]. boxes: [K, 4], the last two of which are width and height, in any unit.
    """
    return int(np.argmax(_preference(cosines, objectness, boxes)))


def _preference(cosines: Floats, objectness: Floats, boxes: Floats) -> Floats:
    areas = np.maximum(boxes[:, 2] * boxes[:, 3], 1e-12)
    return np.asarray(cosines + OBJECTNESS * objectness + SIZE * np.log(areas) / 2, np.float32)


def all_shown(cosines: Floats, objectness: Floats, boxes: Floats) -> list[int]:
    """The numbers of all regions that show what is asked for, the one of `shown` first.

    Those within a margin of the best cosine; of boxes that overlap the preferred one, so that none lies within another.

    Args:
        cosines, objectness: [K]. boxes: [K, 4] as x, y, width, height.
    """
    kept = [shown(cosines, objectness, boxes)]
    near = np.flatnonzero(cosines >= cosines.max() - MARGIN)
    for number in near[np.argsort(-_preference(cosines, objectness, boxes)[near], kind="stable")]:
        if all(_overlap(boxes[number], boxes[other]) <= OVERLAP for other in kept):
            kept.append(int(number))
    return kept


def _overlap(one: Floats, other: Floats) -> float:
    """Intersection of two boxes [4] over the smaller of them."""
    sides = np.minimum(one[:2] + one[2:], other[:2] + other[2:]) - np.maximum(one[:2], other[:2])
    return float(np.prod(np.maximum(sides, 0))) / max(float(min(np.prod(one[2:]), np.prod(other[2:]))), 1e-9)
