"""LVIS: the set of `small_sets.lvis`, counted by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from small_sets import LVIS_CATEGORIES, lvis

from for_retrieval.errors import ForError
from for_retrieval.records.readers.lvis import read_lvis


def _fail(path: Path) -> str:
    with pytest.raises(ForError) as caught:
        read_lvis(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_images_boxes_and_words(tmp_path: Path) -> None:
    """4 images; annotations 10, 11 and 13 have an area, 12 has none. Only the two bows keep their brackets."""
    source = read_lvis(lvis(tmp_path) / "lvis_v1_train.json")
    assert source.images["path"].tolist() == [f"train2017/{n:012d}.jpg" for n in (1, 2, 3, 4)]
    assert source.objects[["image_id", "category"]].to_numpy().tolist() == [
        ["1", "car"],
        ["1", "fire hydrant"],
        ["4", "car"],
    ]
    assert source.categories == ["car", "bow (weapon)", "bow (decorative ribbons)", "fire hydrant"]
    assert source.synonyms == {"car": ["auto"], "bow (weapon)": ["bow"], "bow (decorative ribbons)": ["bow"],
                               "fire hydrant": ["fireplug"]}  # fmt: skip
    assert source.dropped == {"zero_area_boxes": 1, "contradicting_negatives": 2}


def test_groups_are_the_frequencies(tmp_path: Path) -> None:
    source = read_lvis(lvis(tmp_path) / "lvis_v1_train.json")
    assert source.groups == {
        "frequent": ["car"],
        "common": ["bow (decorative ribbons)", "fire hydrant"],
        "rare": ["bow (weapon)"],
    }


def test_negatives_are_those_listed_unless_something_says_otherwise(tmp_path: Path) -> None:
    """Listed are 1: 2; 2: 1 and 3; 3: 4; 4: 1. Image 3 is partly labelled for 4, and image 4 has a box of 1."""
    source = read_lvis(lvis(tmp_path) / "lvis_v1_train.json")
    assert source.absent == [("1", "bow (weapon)"), ("2", "bow (decorative ribbons)"), ("2", "car")]


def test_a_file_name_goes_before_the_url(tmp_path: Path) -> None:
    folder = lvis(tmp_path, lambda c: c["images"][0].update(file_name="mine/a.jpg"))
    assert read_lvis(folder / "lvis_v1_train.json").images["path"][0] == "mine/a.jpg"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda c: c["images"][1].pop("neg_category_ids"),
            "images[1] has no list 'neg_category_ids', which LVIS has for every image; correct the file",
        ),
        (
            lambda c: c["images"][1]["neg_category_ids"].append(77),
            "image 2 has the category 77 in 'neg_category_ids', which 'categories' does not list",
        ),
        (
            lambda c: c["images"][0].update(not_exhaustive_category_ids=[5, 6]),
            "image 1 has the category 5 in 'not_exhaustive_category_ids', which 'categories' does not list",
        ),
        (lambda c: c["images"][2].pop("coco_url"), "images[2] lacks the key 'file_name'"),
        (
            lambda c: c["images"][2].update(coco_url="http://x/../b.jpg"),
            "image 3 has the file_name '../b.jpg', which is not inside the image folder",
        ),
        (
            lambda c: c["annotations"][0].update(category_id=9),
            "annotation 10 has the category 9, which 'categories' does not list",
        ),
        (lambda c: c["images"].append(3), "images[4] lacks the key 'id'"),
        (
            lambda c: c.update(categories=[{**c["categories"][0], "frequency": "x"}, *c["categories"][1:]]),
            "category 1 has the frequency 'x', which must be 'f', 'c' or 'r'",
        ),
        (
            lambda c: c.update(categories=[{**c["categories"][0], "frequency": {}}, *c["categories"][1:]]),
            "category 1 has the frequency {}, which must be 'f', 'c' or 'r'",
        ),
        (
            lambda c: c["images"][1]["neg_category_ids"].append("\ud800"),
            "image 2 has the category \\ud800 in 'neg_category_ids', which 'categories' does not list",
        ),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, change: Callable[[Any], object], message: str) -> None:
    assert f"lvis_v1_train.json: {message}" in _fail(lvis(tmp_path, change) / "lvis_v1_train.json")


@pytest.mark.parametrize("synonyms", [None, 3, "auto", [None, 3, "car"]])
def test_odd_synonyms_are_passed_over(tmp_path: Path, synonyms: object) -> None:
    categories = [{**entry, "synonyms": synonyms} for entry in LVIS_CATEGORIES]
    assert read_lvis(lvis(tmp_path, lambda c: c.update(categories=categories)) / "lvis_v1_train.json").synonyms == {}


def test_a_missing_file_and_a_coco_file_are_told(tmp_path: Path) -> None:
    assert "lvis.json does not exist; check data.annotations" in _fail(tmp_path / "lvis.json")
    (tmp_path / "lvis.json").write_text('{"images": []}')
    assert "has no list 'annotations', which an LVIS file needs" in _fail(tmp_path / "lvis.json")
