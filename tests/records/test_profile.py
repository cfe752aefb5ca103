from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from checked import CheckedSet, empty_objects

from for_retrieval.records.checks.looks import Look
from for_retrieval.records.checks.tables import drift, profile
from for_retrieval.records.records import DatasetInfo, Records


def records(objects: list[tuple[str, float, float, str]], splits: str = "ttvx") -> Records:
    """Images a, b, ... of 100 x 50 px; objects as (image, width, height, category)."""
    names = {"t": "train", "v": "val", "x": "test"}
    ids = [chr(97 + n) for n in range(len(splits))]
    images = pd.DataFrame({"image_id": ids, "path": ids, "width": 100, "height": 50, "hash": ids})
    images["split"] = [names[split] for split in splits]
    rows = [(image, 0, 0, w, h, name, "{}", False) for image, w, h, name in objects]
    table = pd.DataFrame(rows, columns=list(empty_objects())) if rows else empty_objects()
    return Records(images, table, DatasetInfo("set", "x", ["car"], ["dog"]))


def look(brightness: float) -> Look:
    return Look(100, 50, brightness, "")


def test_a_profile_counts_and_measures() -> None:
    found = profile(
        records([("a", 50, 50, "car"), ("b", 10, 5, "car"), ("c", 100, 50, "dog")]),
        [look(0.2), look(0.4), "missing file", look(0.6)],
    )
    assert found["images"] == {"test": 1, "train": 2, "val": 1}
    assert (found["name"], found["objects"], found["base"], found["novel"]) == ("set", 3, 1, 1)
    assert found["categories"] == {"car": 2, "dog": 1}
    assert list(found["box_size"]) == ["mean", "0.05", "0.25", "0.5", "0.75", "0.95"]
    assert found["box_size"]["0.5"] == 0.5
    assert found["box_size"]["mean"] == pytest.approx(0.503333)
    assert found["brightness"]["mean"] == 0.4
    assert len(found["digest"]) == 64


def test_what_is_not_there_is_null() -> None:
    found = profile(records([]), ["missing file"] * 4)
    assert (found["box_size"], found["brightness"], found["objects"]) == (None, None, 0)
    assert drift(found, found) == {}


def test_an_object_in_no_known_image_has_no_size() -> None:
    found = profile(records([("z", 50, 50, "car"), ("b", 10, 5, "car")]), [look(0.5)] * 4)
    assert found["box_size"]["mean"] == 0.01
    assert found["objects"] == 2


def test_a_set_has_not_moved_from_itself() -> None:
    found = profile(records([("a", 50, 50, "car"), ("b", 10, 5, "dog")]), [look(0.5)] * 4)
    assert drift(found, found) == {"categories": 0, "box_size": 0, "brightness": 0}


def test_drift_is_told_in_its_own_units_and_both_ways_alike() -> None:
    one = profile(records([("a", 50, 50, "car")] * 3 + [("b", 50, 50, "dog")]), [look(0.5)] * 4)
    other = profile(records([("a", 50, 40, "car"), ("b", 50, 40, "dog")]), [look(0.3)] * 4)
    assert drift(one, other) == {"categories": 0.25, "box_size": 0.25, "brightness": 0.2}
    assert drift(other, one) == drift(one, other)


def test_categories_that_only_one_set_has_count() -> None:
    one = profile(records([("a", 50, 50, "car")]), [look(0.5)] * 4)
    gone = {**one, "categories": {"tram": 4}}
    assert drift(one, gone) == {"categories": 1, "box_size": 0, "brightness": 0}


def test_nothing_accepted_and_another_set_are_no_drift() -> None:
    one = profile(records([("a", 50, 50, "car")]), [look(0.5)] * 4)
    assert drift(one, None) is None
    assert drift(one, {**one, "name": "another"}) is None


def test_equal_sets_have_equal_profiles(tmp_path: Path) -> None:
    one, two = CheckedSet(tmp_path / "one"), CheckedSet(tmp_path / "two")
    two.images, two.objects = two.images[::-1], two.objects[::-1]
    looks = [look(n / 40) for n in range(40)]
    assert profile(one.save(), looks) == profile(two.save(), looks)
