"""COCO panoptic: the set of `small_sets.panoptic`, counted by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from small_sets import panoptic

from for_retrieval.errors import ForError
from for_retrieval.records.readers.panoptic import read_panoptic

FILE = "annotations/panoptic_val2017.json"


def test_things_are_read_and_stuff_is_counted(tmp_path: Path) -> None:
    """3 segments of person and bear, of which one person is a crowd; one tree and one grass are stuff."""
    source = read_panoptic(panoptic(tmp_path) / FILE)
    assert source.images["image_id"].tolist() == ["139", "285"]
    assert source.objects[["image_id", "x", "y", "w", "h", "category", "crowd"]].to_numpy().tolist() == [
        ["139", 10, 5, 6, 13, "person", False],
        ["285", 0, 9, 29, 21, "bear", False],
        ["285", 30, 1, 9, 9, "person", True],
    ]
    assert source.categories == ["person", "bear"]
    assert source.hypernyms == {"bear": ["animal"]}
    assert source.dropped == {"zero_area_boxes": 0, "stuff_segments": 2}


def test_a_category_that_does_not_say_is_a_thing(tmp_path: Path) -> None:
    source = read_panoptic(panoptic(tmp_path, lambda c: c["categories"][2].pop("isthing")) / FILE)
    assert source.categories == ["person", "bear", "tree-merged"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c["annotations"][0].pop("segments_info"), "annotations[0] lacks the key 'segments_info'"),
        (
            lambda c: c["annotations"][1].update(segments_info={}),
            "annotations[1] on image 285 has the segments_info {}, which must be a list",
        ),
        (
            lambda c: c["annotations"][1]["segments_info"][1].pop("bbox"),
            "annotations[1].segments_info[1] lacks the key 'bbox'; correct the file",
        ),
        (
            lambda c: c["annotations"][1].update(image_id=1),
            "segment 3226956 is on image 1, which 'images' does not list; correct the file (1 more problems",
        ),
        (
            lambda c: c["annotations"][0]["segments_info"][0].update(category_id=99),
            "segment 3226956 has the category 99, which 'categories' does not list",
        ),
        (
            lambda c: c["annotations"][0]["segments_info"][0].update(bbox=[39, 0, 9, 9]),
            "segment 3226956 on image 139 has the box [39, 0, 9, 9], which lies outside its image of 40 x 30 px",
        ),
        (lambda c: c["categories"].append(5), "categories[4] lacks the key 'id'"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, change: Callable[[Any], object], message: str) -> None:
    with pytest.raises(ForError) as caught:
        read_panoptic(panoptic(tmp_path, change) / FILE)
    assert f"panoptic_val2017.json: {message}" in str(caught.value)
