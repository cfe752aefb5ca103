"""Which regions are shown."""

from __future__ import annotations

import numpy as np
import pytest

from for_retrieval.model.where import all_shown, shown

BOXES = np.array([[0, 0, 10, 10], [1, 1, 10, 10], [50, 50, 10, 10], [80, 0, 10, 10]], np.float32)
EVEN = np.full(4, -1.0, np.float32)


def test_the_likelier_box_is_shown_where_cosines_are_near() -> None:
    cosines, objectness = np.array([0.30, 0.31, 0.1], np.float32), np.array([-0.1, -3.0, -0.01], np.float32)
    assert shown(cosines, objectness) == 0
    assert shown(cosines + np.array([0, 0.1, 0], np.float32), objectness) == 1


@pytest.mark.parametrize(
    ("cosines", "expected"),
    [
        ([0.5, 0.1, 0.2, 0.3], [0]),
        ([0.5, 0.49, 0.2, 0.48], [0, 3]),  # the second overlaps the first
        ([0.48, 0.49, 0.47, 0.5], [3, 1, 2]),
        ([0.5, 0.5, 0.5, 0.5], [0, 2, 3]),
    ],
)
def test_all_places_within_the_margin_that_do_not_overlap(cosines: list[float], expected: list[int]) -> None:
    found = np.array(cosines, np.float32)
    assert all_shown(found, EVEN, BOXES) == expected
    assert all_shown(found, EVEN, BOXES)[0] == shown(found, EVEN)
