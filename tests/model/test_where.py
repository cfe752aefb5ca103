"""Which regions are shown."""

from __future__ import annotations

import numpy as np
import pytest

from for_retrieval.model.where import all_shown, shown

# The second lies across the first.
BOXES = np.array([[0, 0, 10, 10], [1, 1, 10, 10], [50, 50, 10, 10], [80, 0, 10, 10]], np.float32)
EVEN = np.full(4, -1.0, np.float32)


def test_the_likelier_box_is_shown_where_cosines_are_near() -> None:
    cosines, objectness = np.array([0.30, 0.31, 0.1], np.float32), np.array([-0.1, -3.0, -0.01], np.float32)
    assert shown(cosines, objectness, BOXES[:3]) == 0
    assert shown(cosines + np.array([0, 0.1, 0], np.float32), objectness, BOXES[:3]) == 1


def test_the_larger_of_equally_likely_boxes_is_shown_where_cosines_are_near() -> None:
    boxes = np.array([[0, 0, 5, 5], [0, 0, 20, 20], [0, 0, 0, 9]], np.float32)
    for cosines, expected in (([0.31, 0.3, 0.31], 1), ([0.35, 0.3, 0.3], 0)):
        assert shown(np.array(cosines, np.float32), EVEN[:3], boxes) == expected


@pytest.mark.parametrize(
    ("cosines", "expected"),
    [
        ([0.5, 0.1, 0.2, 0.3], [0]),
        ([0.5, 0.49, 0.2, 0.485], [0, 3]),
        ([0.485, 0.49, 0.2, 0.5], [3, 1]),
        ([0.5, 0.5, 0.5, 0.5], [0, 2, 3]),
    ],
)
def test_all_places_within_the_margin_that_do_not_overlap(cosines: list[float], expected: list[int]) -> None:
    found = np.array(cosines, np.float32)
    assert all_shown(found, EVEN, BOXES) == expected
    assert all_shown(found, EVEN, BOXES)[0] == shown(found, EVEN, BOXES)


def test_a_part_of_a_thing_is_no_other_thing() -> None:
    boxes = np.array([[0, 0, 90, 90], [40, 40, 9, 9], [91, 0, 9, 90]], np.float32)
    assert all_shown(np.full(3, 0.5, np.float32), EVEN[:3], boxes) == [0, 2]
