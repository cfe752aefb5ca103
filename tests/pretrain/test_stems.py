"""What the tower learns from: whole pictures and crops of them, and what each is said to show."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pretrain.stems import ALL_KINDS, CROP, CROPS, INPUT, SIZE, crops, share_inside, whole

from drawn_scenes.compose import SceneObject


def box(x: int, y: int, w: int, h: int) -> SceneObject:
    return SceneObject("car", "red", x, y, w, h)


def test_share_inside_by_hand() -> None:
    """Wholly inside, half, a quarter, beside."""
    places = [box(10, 10, 20, 20), box(40, 10, 20, 20), box(40, 40, 20, 20), box(60, 60, 20, 20)]
    assert [share_inside(o, (0, 0, 50, 50)) for o in places] == [1, 0.5, 0.25, 0]


@given(st.integers(0, SIZE - 1), st.integers(0, SIZE - 1), st.data())
def test_a_box_lies_wholly_in_the_picture_and_its_halves_add_up(x: int, y: int, data: st.DataObject) -> None:
    o = box(x, y, data.draw(st.integers(1, SIZE - x)), data.draw(st.integers(1, SIZE - y)))
    assert share_inside(o, (0, 0, SIZE, SIZE)) == pytest.approx(1)
    halves = share_inside(o, (0, 0, SIZE / 2, SIZE)), share_inside(o, (SIZE / 2, 0, SIZE, SIZE))
    assert sum(halves) == pytest.approx(1)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_pictures_are_a_function_of_seed_and_number(number: int) -> None:
    for draw, side, count in ((whole, INPUT, 1), (crops, CROP, CROPS)):
        first, again = (draw(number, seed="s", kinds=ALL_KINDS) for _ in range(2))
        assert len(first) == count
        for (picture, objects), (same, same_objects) in zip(first, again, strict=True):
            assert picture.shape == (side, side, 3)
            assert objects
            assert objects == same_objects
            assert np.array_equal(picture, same)
    assert not np.array_equal(whole(number, seed="s", kinds=None)[0][0], whole(number, seed="t", kinds=None)[0][0])


def test_crops_are_tight_enough_to_separate_objects() -> None:
    found = [objects for number in range(40) for _, objects in crops(number, seed="s", kinds=("car",))]
    alone = [objects for objects in found if len(objects) == 1]
    assert len(alone) >= 10
    assert {o.category for objects in found for o in objects} == {"car"}
