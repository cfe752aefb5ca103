"""How the format of a folder is recognised, and where its images and annotations are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from small_sets import lvis, nuimages, panoptic, voc, webdataset, write, yolo

from for_retrieval.errors import UsageError
from for_retrieval.records.importer import describe
from for_retrieval.records.readers import KINDS, detect
from for_retrieval.records.readers.format import Place

COCO = '{"images": [], "annotations": [], "categories": []}'


def files(folder: Path, *names: str, content: str = COCO) -> Path:
    for name in names:
        write(folder / name, content)
    return folder


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lvis, Place("lvis", ".", {"train": "lvis_v1_train.json", "val": "lvis_v1_val.json"})),
        (panoptic, Place("panoptic", "val2017", "annotations/panoptic_val2017.json")),
        (nuimages, Place("nuimages", ".", "v1.0-mini")),
        (voc, Place("voc", "JPEGImages", "Annotations")),
        (yolo, Place("yolo", ".", "data.yaml")),
        (webdataset, Place("webdataset", ".", None)),
    ],
)
def test_each_format_is_known_and_may_be_said(tmp_path: Path, make: Callable[[Path], Path], expected: Place) -> None:
    folder = make(tmp_path)
    assert detect(folder, None, None) == expected
    assert detect(folder, expected.kind, None) == expected
    assert detect(folder, None, expected.annotations) == expected


def test_the_official_coco_folder(tmp_path: Path) -> None:
    """Key points are instances of people too; captions have no categories; panoptic is another kind."""
    names = [
        f"annotations/{name}_{part}2017.json" for name in ("instances", "person_keypoints") for part in ("train", "val")
    ]
    files(tmp_path, *names, "train2017/a.jpg", "val2017/b.jpg")
    files(tmp_path, "annotations/captions_val2017.json", content='{"images": [], "annotations": []}')
    annotations = {"train": names[0], "val": names[1]}
    assert detect(tmp_path, None, None) == Place("coco", {"train": "train2017", "val": "val2017"}, annotations)
    files(tmp_path, "annotations/panoptic_val2017.json", content=COCO.replace("[]", '["segments_info"]', 1))
    assert detect(tmp_path, None, None).kind == "coco"
    found = detect(tmp_path, "panoptic", None)
    assert found == Place("panoptic", "val2017", "annotations/panoptic_val2017.json")


def test_a_folder_for_each_part(tmp_path: Path) -> None:
    names = {part: f"{folder}/_annotations.coco.json" for part, folder in (("train", "train"), ("val", "valid"))}
    files(tmp_path, *names.values())
    assert detect(tmp_path, None, None) == Place("coco", {"train": "train", "val": "valid"}, names)


def test_images_of_parts_in_one_folder(tmp_path: Path) -> None:
    files(tmp_path, "train.json", "test.json", "images/a.jpg")
    assert detect(tmp_path, None, None) == Place("coco", "images", {"train": "train.json", "test": "test.json"})


def test_an_lvis_file_can_be_read_as_coco(tmp_path: Path) -> None:
    found = detect(lvis(tmp_path), "coco", "lvis_v1_val.json")
    assert (found.kind, found.images) == ("coco", ".")
    assert detect(tmp_path, "coco", None).kind == "coco"


def test_the_versions_of_nuimages_that_have_labels_are_taken(tmp_path: Path) -> None:
    files(tmp_path, *(f"v1.0-{name}/object_ann.json" for name in ("train", "val", "test", "mini")), content="[]")
    assert detect(tmp_path, None, None).annotations == {"train": "v1.0-train", "val": "v1.0-val"}
    (tmp_path / "v1.0-val" / "object_ann.json").unlink()
    with pytest.raises(UsageError, match=r"has several versions \(v1.0-mini, v1.0-test, v1.0-train\); name one with"):
        detect(tmp_path, None, None)


def test_pictures_with_an_archive_among_them_are_a_folder(tmp_path: Path) -> None:
    files(tmp_path, "a.jpg", "backup.tar")
    assert detect(tmp_path, None, None) == Place("folder", ".", None)
    (tmp_path / "a.jpg").unlink()
    assert detect(tmp_path, None, None).kind == "webdataset"


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "folder"])
def test_a_kind_that_is_not_there_is_told(tmp_path: Path, kind: str) -> None:
    files(tmp_path, "a.jpg", "params.yaml", "x.json", content="{}")
    with pytest.raises(UsageError) as caught:
        detect(tmp_path, kind, None)
    said = str(caught.value)
    assert said.startswith("no ")
    assert f"in {tmp_path}" in said
    assert "; name " in said


def test_several_files_must_be_chosen_from(tmp_path: Path) -> None:
    for names in (("a.yaml", "b.yml"), ("train.json", "extra.json")):
        files(tmp_path, *names, content="names: train: " if "yaml" in names[0] else COCO)
        with pytest.raises(UsageError, match=rf"has several .* \(.*{names[1]}.*\); name one with --annotations"):
            detect(tmp_path, None, None)
        for name in names:
            (tmp_path / name).unlink()


def test_parts_may_be_said(tmp_path: Path) -> None:
    files(tmp_path, "one.json", "two.json", "a/x.jpg", "b/y.jpg")
    found = describe(tmp_path, images="train=a,test=b", annotations="train=one.json, test=two.json")
    assert found["annotations"] == {"train": "one.json", "test": "two.json"}
    assert found["images"] == {"train": "a", "test": "b"}


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("trian=one.json", "--annotations: 'trian=one.json' must be train=PATH, val=PATH or test=PATH; correct it"),
        ("train=one.json,test", "--annotations: 'test' must be train=PATH"),
        ("train=none.json", "--annotations: none.json is neither in "),
    ],
)
def test_parts_that_are_said_wrongly_are_told(tmp_path: Path, said: str, message: str) -> None:
    files(tmp_path, "one.json")
    with pytest.raises(UsageError) as caught:
        describe(tmp_path, annotations=said)
    assert str(caught.value).startswith(message)


def test_shards_take_no_annotations(tmp_path: Path) -> None:
    webdataset(tmp_path)
    with pytest.raises(UsageError, match="shards hold their annotations; leave out --annotations"):
        detect(tmp_path, "webdataset", "classnames.txt")


def test_lvis_is_divided_by_frequency_unless_something_else_is_said(tmp_path: Path) -> None:
    folder = lvis(tmp_path)
    assert describe(folder)["categories"] == "official/lvis-frequency"
    assert describe(folder, categories="official/coco-48-17")["categories"] == "official/coco-48-17"
    write(folder / "categories.json", "{}")
    assert describe(folder)["categories"] == "categories.json"
