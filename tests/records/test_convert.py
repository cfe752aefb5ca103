"""A set of any kind becomes a COCO folder, which is read as the same set."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from small_sets import lvis, nuimages, panoptic, pixels, voc, webdataset, write, yolo

from for_retrieval.errors import ForError, UsageError
from for_retrieval.records.importer import convert, read_without_project
from for_retrieval.records.records import Records

Coco = Callable[..., Path]
Make = Callable[[Path], Path]


def plain(folder: Path) -> Path:
    """A folder of images without annotations."""
    for number in range(4):
        write(folder / "sub" / f"{number}.png", pixels(number))
    return folder


def read(folder: Path, tmp_path: Path) -> tuple[str, Records, dict[str, str]]:
    data, records, captions = read_without_project(folder, tmp_path / "unpacked", 1)
    return data.kind, records, captions


def content(records: Records) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Images and objects without ids, which COCO wants as numbers: by the bytes of the image."""
    objects = records.objects.merge(records.images[["image_id", "hash"]]).drop(columns="image_id")
    images = records.images[["hash", "width", "height", "split"]]
    return tuple(t.sort_values(list(t.columns), ignore_index=True) for t in (images, objects))  # type: ignore[return-value]


@pytest.mark.parametrize(
    "make", [lvis, panoptic, nuimages, voc, yolo, webdataset, plain], ids=lambda make: make.__name__
)
def test_the_coco_folder_holds_the_same_set(make: Make, tmp_path: Path) -> None:
    folder = make(tmp_path / "set")
    kind, before, captions = read(folder, tmp_path)
    found = convert(folder, tmp_path / "out" / "coco", 1)
    again, after, texts = read(tmp_path / "out" / "coco", tmp_path)
    assert (found["kind"], again) == (kind, "coco")
    for one, other in zip(content(before), content(after), strict=True):
        pd.testing.assert_frame_equal(one, other)
    for field in ("base", "novel", "synonyms", "hypernyms", "attributes"):
        assert getattr(after.info, field) == getattr(before.info, field), field
    assert sorted(texts.values()) == sorted(captions.values())
    written = sorted(path.name for path in (tmp_path / "out" / "coco").iterdir())
    labels = [] if make is plain else ["categories.json"]
    words = [] if make is plain else ["queries.json"]
    assert written == ["annotations.json", *labels, "images", *words, "splits.json"]
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["coco"]


def test_numbers_stay_and_images_are_linked(coco: Coco, tmp_path: Path) -> None:
    coco(lambda c: c["annotations"][0].update(attributes={"color": "red", "occluded": True}))
    convert(tmp_path / "set", tmp_path / "out", 1)
    written = json.loads((tmp_path / "out" / "annotations.json").read_text())
    assert [(image["id"], image["file_name"]) for image in written["images"]] == [
        (1, "a.png"),
        (2, "sub/b.png"),
        (3, "c.png"),
    ]
    assert written["annotations"][0] == {
        "id": 1,
        "image_id": 1,
        "category_id": 1,
        "bbox": [1.0, 2.0, 10.0, 10.0],
        "area": 100.0,
        "iscrowd": 0,
        "attributes": {"colour": "red", "occluded": True},
    }
    assert os.path.samefile(tmp_path / "out" / "images" / "a.png", tmp_path / "set" / "images" / "a.png")


def test_images_are_copied_where_links_are_not_possible(
    coco: Coco, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    coco()
    monkeypatch.setattr(os, "link", refuse)
    convert(tmp_path / "set", tmp_path / "out", 1)
    one, other = tmp_path / "out" / "images" / "a.png", tmp_path / "set" / "images" / "a.png"
    assert not os.path.samefile(one, other)
    assert one.read_bytes() == other.read_bytes()


def test_negatives_are_counted_as_left_out(tmp_path: Path) -> None:
    assert convert(lvis(tmp_path / "set"), tmp_path / "out", 1)["dropped"]["negatives"] == 4


def test_an_existing_folder_is_refused(coco: Coco, tmp_path: Path) -> None:
    coco()
    (tmp_path / "out").mkdir()
    with pytest.raises(UsageError, match=r"out exists already; name a new folder"):
        convert(tmp_path / "set", tmp_path / "out", 1)


@pytest.mark.parametrize("broken", ["a.png", "annotations"])
def test_what_cannot_be_used_leaves_nothing(coco: Coco, tmp_path: Path, broken: str) -> None:
    coco(lambda c: c["annotations"].append(3) if broken == "annotations" else None)
    if broken == "a.png":
        (tmp_path / "set" / "images" / "a.png").write_bytes(b"no image")
    with pytest.raises(ForError) as caught:
        convert(tmp_path / "set", tmp_path / "out", 1)
    assert caught.value.exit_code == 1
    assert [path.name for path in tmp_path.iterdir()] == ["set"]
