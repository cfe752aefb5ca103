from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from for_retrieval.errors import ForError
from for_retrieval.records.readers.coco import read_coco

Coco = Callable[..., Path]
Content = dict[str, Any]


def _fail(path: Path) -> str:
    with pytest.raises(ForError) as caught:
        read_coco(path)
    assert caught.value.exit_code == 1
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_images_objects_and_categories_are_read(coco: Coco) -> None:
    source = read_coco(coco())
    assert source.images.to_dict("records")[1] == {
        "image_id": "2",
        "path": "sub/b.png",
        "width": 40,
        "height": 30,
    }
    assert source.categories == ["car", "dog", "bus"]
    first = source.objects.iloc[0].to_dict()
    assert first == {
        "image_id": "1",
        "x": 1,
        "y": 2,
        "w": 10,
        "h": 10,
        "category": "car",
        "attributes": "{}",
        "crowd": False,
    }
    assert source.objects["crowd"].tolist() == [False, True, False]
    assert source.dropped == {"zero_area_boxes": 0}


def test_supercategories_become_hypernyms(coco: Coco) -> None:
    assert read_coco(coco()).hypernyms == {"car": ["vehicle"], "dog": ["animal"], "bus": ["vehicle"]}


def test_a_supercategory_that_all_share_says_nothing(coco: Coco) -> None:
    path = coco(lambda c: [entry.update(supercategory="thing") for entry in c["categories"]])
    assert read_coco(path).hypernyms == {}


def test_synonyms_as_lvis_gives_them(coco: Coco) -> None:
    path = coco(lambda c: c["categories"][0].update(synonyms=["car", "motor_car", "automobile"]))
    assert read_coco(path).synonyms == {"car": ["motor car", "automobile"]}


def test_boxes_without_area_are_dropped_and_counted(coco: Coco) -> None:
    source = read_coco(coco(lambda c: c["annotations"][0].update(bbox=[4, 4, 0, 3])))
    assert len(source.objects) == 2
    assert source.dropped == {"zero_area_boxes": 1}


def test_a_box_one_pixel_outside_is_clipped(coco: Coco) -> None:
    box = read_coco(coco(lambda c: c["annotations"][0].update(bbox=[-1, 20, 42, 10.9]))).objects.iloc[0]
    assert box[["x", "y", "w", "h"]].tolist() == [0, 20, 40, 10]


def test_captions_of_images_are_kept(coco: Coco) -> None:
    def describe(content: dict[str, Any]) -> None:
        for entry, said in zip(content["images"], ("a car", " ", 3), strict=True):
            entry["caption"] = said

    assert read_coco(coco(describe)).captions == {"1": "a car"}


def test_attributes_are_kept_and_colour_has_one_spelling(coco: Coco) -> None:
    path = coco(lambda c: c["annotations"][0].update(attributes={"occluded": True, "color": "rötlich"}))
    assert read_coco(path).objects["attributes"][0] == '{"colour": "rötlich", "occluded": true}'


def test_a_file_without_objects_is_read(coco: Coco) -> None:
    source = read_coco(coco(lambda c: c["annotations"].clear()))
    assert source.objects.empty
    assert source.objects["x"].dtype == "float32"


def test_two_ids_of_one_name_are_one_category(coco: Coco) -> None:
    source = read_coco(coco(lambda c: c["categories"][2].update(name="car")))
    assert source.categories == ["car", "dog"]


@pytest.mark.parametrize("name", ["my photo.png", "Käfer.png", "two\nlines.png"])
def test_any_file_name_is_read(coco: Coco, name: str) -> None:
    assert read_coco(coco(lambda c: c["images"][0].update(file_name=name))).images["path"][0] == name


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    expected = f"the annotation file {tmp_path}/x.json does not exist; check data.annotations in params.yaml"
    assert _fail(tmp_path / "x.json") == expected


@pytest.mark.parametrize("content", [b"", b"{'images': []}", b"\xff\xfe", b'{"images": ['])
def test_what_is_no_json_is_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.json").write_bytes(content)
    assert "x.json is not valid JSON" in _fail(tmp_path / "x.json")


@pytest.mark.parametrize("key", ["images", "annotations", "categories"])
@pytest.mark.parametrize("value", [None, {}, 3])
def test_a_missing_section_is_named(coco: Coco, key: str, value: object) -> None:
    assert f"has no list '{key}', which a COCO instances file needs" in _fail(coco(lambda c: c.update({key: value})))


def test_a_list_at_the_top_is_told(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("[]")
    assert "has no list 'images'" in _fail(tmp_path / "x.json")


@pytest.mark.parametrize(
    ("section", "key"),
    [
        *(("images", key) for key in ("id", "file_name", "width", "height")),
        *(("annotations", key) for key in ("id", "image_id", "category_id", "bbox")),
        *(("categories", key) for key in ("id", "name")),
    ],
)
def test_a_missing_key_is_named(coco: Coco, section: str, key: str) -> None:
    message = _fail(coco(lambda c: c[section][1].pop(key)))
    assert f"annotations.json: {section}[1] lacks the key '{key}'; correct the file" in message


Change = Callable[[Content], object]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c["images"].append(3), "images[3] lacks the key 'id'"),
        (lambda c: c["images"][1].update(id=1), "image 1 is listed twice"),
        (lambda c: c["images"][1].update(id="1"), "image 1 is listed twice"),
        (
            lambda c: c["images"][1].update(file_name="./a.png"),
            "image 1 and image 2 share the file_name 'a.png'",
        ),
        (
            lambda c: c["images"][1].update(file_name="../b.png"),
            "image 2 has the file_name '../b.png', which is not inside the image folder",
        ),
        (
            lambda c: c["images"][1].update(file_name="x/../../b.png"),
            "image 2 has the file_name '../b.png', which is not inside the image folder",
        ),
        (
            lambda c: c["images"][1].update(file_name="/etc/passwd"),
            "image 2 has the file_name '/etc/passwd', which is not inside the image folder",
        ),
        (
            lambda c: c["images"][1].update(file_name="\ud800.png"),
            r"images[1] has '\ud800.png' as 'file_name', which is not valid Unicode",
        ),
        (lambda c: c["images"][1].update(width=0), "image 2 has the size 0 x 30"),
        (lambda c: c["images"][1].update(height=-3), "image 2 has the size 40 x -3"),
        (lambda c: c["images"][1].update(height=2.5), "image 2 has the size 40 x 2.5"),
        (lambda c: c["images"][1].update(width=math.nan), "image 2 has the size nan x 30"),
        (lambda c: c["images"][1].update(width="40"), "image 2 has the size '40' x 30"),
        (lambda c: c["categories"][1].update(id=1), "category 1 is listed twice"),
        (lambda c: c["categories"][1].update(name=" "), "category 2 has the name ' ', which must be a word"),
        (
            lambda c: c["annotations"][0].update(image_id=77),
            "annotation 11 is on image 77, which 'images' does not list",
        ),
        (
            lambda c: c["annotations"][0].update(category_id=99),
            "annotation 11 has the category 99, which 'categories' does not list",
        ),
        (
            lambda c: c["annotations"][0].update(bbox=[100, 2, 5, 5]),
            "annotation 11 on image 1 has the box [100, 2, 5, 5], which lies outside its image of 40",
        ),
        (
            lambda c: c["annotations"][0].update(bbox=[30, 2, 15, 5]),
            "annotation 11 on image 1 has the box [30, 2, 15, 5], which lies outside its image of 40",
        ),
        (
            lambda c: c["annotations"][0].update(bbox=[1, 2, -5, 5]),
            "annotation 11 on image 1 has the box [1, 2, -5, 5], whose width or height is negative",
        ),
        (
            lambda c: c["annotations"][0].update(bbox=[1, 2, math.nan, 5]),
            "annotation 11 on image 1 has the box [1, 2, nan, 5], which must be four finite numbers",
        ),
        (
            lambda c: c["annotations"][0].update(attributes=["red"]),
            "annotation 11 on image 1 has the attributes ['red'], which must be an object",
        ),
        (
            lambda c: c["annotations"][0].update(attributes={"age": math.nan}),
            "annotation 11 on image 1 has attributes with a NaN",
        ),
    ],
)
def test_contradictions_name_the_entry(coco: Coco, change: Change, message: str) -> None:
    assert f"annotations.json: {message}" in _fail(coco(change))


def test_many_problems_give_the_first_and_their_number(coco: Coco) -> None:
    path = coco(lambda c: [entry.update(category_id=99) for entry in c["annotations"]])
    message = _fail(path)
    assert "annotation 11 has the category 99" in message
    assert message.endswith("; correct the file (2 more problems in this file)")


def test_a_caption_file_is_told_what_lacks(tmp_path: Path) -> None:
    path = tmp_path / "captions.json"
    path.write_text(json.dumps({"images": [], "annotations": []}))
    assert "has no list 'categories'" in _fail(path)
