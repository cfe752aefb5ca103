"""nuImages: the set of `small_sets.nuimages`, counted by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from small_sets import nuimages

from for_retrieval.errors import ForError
from for_retrieval.records.readers.nuimages import SURFACES, WORDS, read_nuimages, words_of

CAR, ADULT, BUS = [0, 10, 20, 20], [30, 5, 5, 20], [20, 0, 20, 12]  # as x, y, w, h


def test_annotated_key_frames_and_their_objects(tmp_path: Path) -> None:
    """Of 3 key frames, ka has the 3 objects, kb a surface and no object, kc nothing; the frame between is no key."""
    source = read_nuimages(nuimages(tmp_path) / "v1.0-mini")
    assert source.images[["image_id", "path"]].to_numpy().tolist() == [
        ["ka", "samples/CAM_FRONT/n1__CAM_FRONT__1.jpg"],
        ["kb", "samples/CAM_BACK/n1__CAM_BACK__2.jpg"],
    ]
    assert source.objects[["x", "y", "w", "h"]].to_numpy().tolist() == [CAR, ADULT, BUS]
    assert source.objects["category"].tolist() == ["car", "adult", "articulated bus"]
    assert source.categories == ["car", "adult", "articulated bus"]
    assert source.dropped == {"zero_area_boxes": 0, "key_frames_without_annotations": 1}


def test_attributes_are_kept(tmp_path: Path) -> None:
    source = read_nuimages(nuimages(tmp_path) / "v1.0-mini")
    assert [json.loads(text) for text in source.objects["attributes"]] == [
        {"vehicle": "parked"},
        {"pedestrian": "moving", "vertical_position": "on_ground"},
        {},
    ]


def test_other_words_come_from_the_table(tmp_path: Path) -> None:
    source = read_nuimages(nuimages(tmp_path) / "v1.0-mini")
    assert source.synonyms["articulated bus"] == ["bendy bus"]
    assert source.hypernyms["adult"] == ["pedestrian", "person"]


def test_the_table_has_23_categories_with_a_word_each() -> None:
    words = [entry.word for entry in WORDS.values()]
    others = {word for entry in WORDS.values() for word in (*entry.synonyms, *entry.hypernyms)}
    assert len(WORDS) == len(set(words)) == 23
    assert others.isdisjoint(words), "a wider word that names a category would not be asked as a synonym"
    assert set(SURFACES).isdisjoint(WORDS)
    assert words_of("vehicle.street_sweeper").word == "street sweeper"


def test_a_version_without_annotations_is_told(tmp_path: Path) -> None:
    folder = nuimages(tmp_path, lambda t: t.update(object_ann=[], surface_ann=[])) / "v1.0-mini"
    with pytest.raises(ForError, match=r"v1.0-mini has no annotated key frames; name a version with annotations"):
        read_nuimages(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t["object_ann"][0].pop("bbox"), "object_ann[0] lacks the key 'bbox'"),
        (
            lambda t: t["object_ann"][1].update(sample_data_token="between"),
            "object_ann o1 is on between, which is no key frame of sample_data; correct the file",
        ),
        (
            lambda t: t["object_ann"][1].update(category_token="x"),
            "object_ann o1 has the category_token x, which category does not list",
        ),
        (
            lambda t: t["object_ann"][1].update(attribute_tokens=["x"]),
            "object_ann o1 on samples/CAM_FRONT/n1__CAM_FRONT__1.jpg has the attribute_token x, which attribute does",
        ),
        (
            lambda t: t["object_ann"][2].update(bbox=[20, 0, 10, 12]),
            "object_ann o2 on samples/CAM_FRONT/n1__CAM_FRONT__1.jpg has the box [20, 0, 10, 12], whose end is before",
        ),
        (
            lambda t: t["object_ann"][2].update(bbox=[20, 0, "a", 12]),
            "object_ann o2 on samples/CAM_FRONT/n1__CAM_FRONT__1.jpg has the box [20, 0, 'a', 12], which must be four",
        ),
        (lambda t: t["sample_data"][0].pop("filename"), "sample_data[0] lacks the key 'filename'"),
        (
            lambda t: t["sample_data"][0].update(filename="../x.jpg"),
            "sample_data ka has the filename '../x.jpg', which is not inside the image folder; correct the file",
        ),
        (lambda t: t["sample_data"][1].update(width=None), "sample_data kb has the size None x 30, which must be two"),
        (lambda t: t["sample_data"][1].update(token="ka"), "sample_data ka is listed twice"),
        (lambda t: t["category"].append("x"), "category[5] lacks the key 'token'"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, change: Callable[[Any], object], message: str) -> None:
    with pytest.raises(ForError) as caught:
        read_nuimages(nuimages(tmp_path, change) / "v1.0-mini")
    assert f"v1.0-mini: {message}" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_table_is_named(tmp_path: Path) -> None:
    folder = nuimages(tmp_path) / "v1.0-mini"
    (folder / "attribute.json").unlink()
    with pytest.raises(ForError, match=r"the nuImages table .*/attribute.json does not exist; check data.annotations"):
        read_nuimages(folder)
    (folder / "attribute.json").write_text("{}")
    with pytest.raises(ForError, match=r"attribute.json must hold a list of entries"):
        read_nuimages(folder)
