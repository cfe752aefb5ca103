"""YOLO: the set of `small_sets.yolo`, counted by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from small_sets import write, yolo

from for_retrieval.errors import ForError
from for_retrieval.records.readers.yolo import label_path, read_yolo


def _fail(path: Path) -> str:
    with pytest.raises(ForError) as caught:
        read_yolo(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_images_labels_and_parts(tmp_path: Path) -> None:
    """Images are 40 x 30. c has no labels; d's box would end at 1.1 and is cut at 1: x 28..40, y 21..30."""
    source = read_yolo(yolo(tmp_path) / "data.yaml")
    assert source.parts == {
        "images/train/a.jpg": "train",
        "images/train/b.jpg": "train",
        "images/train/c.jpg": "train",
        "images/val/d.jpg": "val",
    }
    assert source.images["image_id"].tolist() == list(source.parts)
    rows = source.objects[["image_id", "category", "x", "y", "w", "h"]].to_numpy().tolist()
    assert rows == [
        ["images/train/a.jpg", "car", 10, 0, 20, 30],
        ["images/train/a.jpg", "person", 8, 12, 4, 6],
        ["images/train/b.jpg", "bicycle", 4, 3, 16, 15],
        ["images/val/d.jpg", "person", pytest.approx(28), pytest.approx(21), pytest.approx(12), pytest.approx(9)],
    ]
    assert source.categories == ["person", "bicycle", "car"]
    assert source.dropped == {"zero_area_boxes": 0}


@pytest.mark.parametrize(
    "changes",
    [
        {"names": ["person", "bicycle", "car"], "path": None},
        {"path": "."},
        {"path": "/somebody/elses/disk/coco8"},
        {"train": "../images/train", "val": None, "valid": "../images/val"},
        {"train": ["images/train"], "val": "lists/val.txt"},
        {"path": "images", "train": "train", "val": "./val"},
    ],
)
def test_the_ways_to_name_images_mean_the_same(tmp_path: Path, changes: dict[str, Any]) -> None:
    folder = yolo(tmp_path, **{key: value for key, value in changes.items() if value is not None})
    write(folder / "lists" / "val.txt", "images/val/d.jpg\n\n")
    source = read_yolo(folder / "data.yaml")
    assert list((source.parts or {}).values()) == ["train", "train", "train", "val"]
    assert len(source.objects) == 4


def test_a_list_may_start_at_itself(tmp_path: Path) -> None:
    folder = yolo(tmp_path, train="images/train.txt")
    write(folder / "images" / "train.txt", "./train/a.jpg\n")
    assert list(read_yolo(folder / "data.yaml").parts or {}) == ["images/train/a.jpg", "images/val/d.jpg"]


def test_an_image_in_two_parts_counts_for_the_first(tmp_path: Path) -> None:
    source = read_yolo(yolo(tmp_path, val="images/train") / "data.yaml")  # as coco128.yaml has it
    assert set((source.parts or {}).values()) == {"train"}


def test_labels_lie_beside_images_without_an_images_folder() -> None:
    assert label_path("images/images/a.b.jpg") == "images/labels/a.b.txt"
    assert label_path("pics/a.jpg") == "pics/a.txt"


def test_an_image_that_cannot_be_read_has_no_objects(tmp_path: Path) -> None:
    write(yolo(tmp_path) / "images" / "train" / "a.jpg", b"no image")
    source = read_yolo(tmp_path / "data.yaml")
    assert source.images["width"].tolist() == [0, 40, 40, 40]
    assert len(source.objects) == 2
    assert source.dropped == {"zero_area_boxes": 0}


def test_shares_are_of_the_upright_image(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (40, 30)).save(yolo(tmp_path) / "images" / "train" / "b.jpg", exif=exif)
    box = read_yolo(tmp_path / "data.yaml").objects.iloc[2]
    assert box[["x", "y", "w", "h"]].tolist() == pytest.approx([3, 4, 12, 20])


def test_key_points_are_no_outline(tmp_path: Path) -> None:
    folder = yolo(tmp_path, kpt_shape=[1, 2])
    write(folder / "labels" / "train" / "b.txt", "1 0.5 0.5 0.5 0.5 0.1 0.1\n")
    assert read_yolo(folder / "data.yaml").objects.iloc[2][["x", "y", "w", "h"]].tolist() == [10, 7.5, 20, 15]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("2 0.5 0.5 0.5", "has 4 columns; a box has 5, a polygon 7 or a larger odd number"),
        ("2 0.5 0.5 0.5 0.5 0.5", "has 6 columns; a box"),
        ("2 0.5 0.5 x 0.5", "is '2 0.5 0.5 x 0.5', which must be numbers"),
        ("7 0.5 0.5 0.5 0.5", "has the class 7, which 'names' does not list"),
        ("0.5 0.5 0.5 0.5 0.5", "has the class 0.5, which 'names' does not list"),
        ("nan 0.5 0.5 0.5 0.5", "has the class nan, which 'names' does not list"),
        ("2 20 15 20 30", "has the values '2 20 15 20 30', which must be relative to the image size, from 0 to 1"),
        ("2 0.5 0.5 nan 0.5", "has the values '2 0.5 0.5 nan 0.5', which must be relative to"),
        ("2 0.5 0.5 -0.5 0.5", "has the values '2 0.5 0.5 -0.5 0.5', which must be relative to"),
    ],
)
def test_a_wrong_label_names_its_line(tmp_path: Path, line: str, message: str) -> None:
    write(yolo(tmp_path) / "labels" / "train" / "b.txt", f"1 0.5 0.5 0.5 0.5\n{line}\n{line}\n")
    said = _fail(tmp_path / "data.yaml")
    assert said.startswith(f"{tmp_path}/data.yaml: line 2 of labels/train/b.txt {message}")
    assert said.endswith("; correct the file (1 more problems in this set)")


def test_a_label_file_that_is_no_text_is_told(tmp_path: Path) -> None:
    write(yolo(tmp_path) / "labels" / "train" / "b.txt", b"\xff\xfe")
    assert "b.txt is not text in UTF-8" in _fail(tmp_path / "data.yaml")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"names": {}}, "has no 'names', a list or number: name"),
        ({"names": {"a": "b"}}, "has the class number 'a' in 'names'; it must be 0 or more"),
        ({"names": ["\ud800"]}, "has the name '\\ud800' for class 0, which must be a word"),
        ({"names": [" "]}, "has the name ' ' for class 0, which must be a word"),
        ({"train": "images/none"}, "has train: images/none, which is not in "),
        ({"train": "x" * 300}, f"has train: {'x' * 300}, which is not in "),
        ({"train": "/etc"}, "has train: /etc, which is not in "),
        ({"train": "images/../../.."}, "has train: images/../../.., which is not in "),
        ({"train": "bad.txt"}, "line 1 of "),
        ({"train": [], "val": []}, "names no images; it needs 'train' and 'val', a folder or a list each"),
    ],
)
def test_a_wrong_data_yaml_is_told(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    folder = yolo(tmp_path, **changes)
    write(folder / "bad.txt", "../../../etc/passwd\n")
    assert message in _fail(folder / "data.yaml")


@pytest.mark.parametrize("text", ["names: [", "a: !!python/object/apply:os.system [ls]", "\ufffe", "&a [*a"])
def test_what_is_no_yaml_is_told(tmp_path: Path, text: str) -> None:
    assert "data.yaml is not valid YAML" in _fail(write(tmp_path / "data.yaml", text))


def test_a_listed_name_that_no_file_can_have_is_a_missing_image(tmp_path: Path) -> None:
    folder = yolo(tmp_path, train="train.txt")
    write(folder / "train.txt", f"images/train/a.jpg\nimages/{'x' * 300}.jpg\n")
    assert read_yolo(folder / "data.yaml").images["width"].tolist() == [40, 0, 40]


def test_labels_in_the_wrong_place_are_told(tmp_path: Path) -> None:
    (yolo(tmp_path) / "labels").rename(tmp_path / "label")
    assert _fail(tmp_path / "data.yaml").startswith(
        f"no image of {tmp_path}/data.yaml has a label file (labels/train/a.txt for the first); check data.annotations"
    )
    assert "data.yaml does not exist" in _fail(tmp_path / "none" / "data.yaml")
