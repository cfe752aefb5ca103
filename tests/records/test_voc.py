"""Pascal VOC: the set of `small_sets.voc`, counted by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_sets import VOC_XML, voc, voc_object, write

from for_retrieval.errors import ForError
from for_retrieval.records.readers.voc import read_voc


def _fail(folder: Path) -> str:
    with pytest.raises(ForError) as caught:
        read_voc(folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_images_objects_and_parts(tmp_path: Path) -> None:
    """Boxes count from 1, both ends inside: 1..40 is 40 px wide from 0; 5.5..10 is 5.5 wide from 4.5."""
    source = read_voc(voc(tmp_path) / "Annotations")
    assert source.images["path"].tolist() == [f"2007_00000{n}.jpg" for n in (1, 2, 3, 4, 5)]
    assert set(zip(source.images["width"], source.images["height"], strict=True)) == {(40, 30)}
    assert source.objects[["image_id", "category", "x", "y", "w", "h"]].to_numpy().tolist() == [
        ["2007_000001", "person", 0, 0, 40, 30],
        ["2007_000001", "dog", 10, 5, 10, 20],
        ["2007_000002", "aeroplane", 4.5, 4, 5.5, 6],
        ["2007_000004", "dog", 0, 0, 10, 10],
    ]
    assert source.objects["attributes"].tolist() == ["{}", '{"truncated": true}', '{"difficult": true}', "{}"]
    assert source.categories == ["aeroplane", "dog", "person"]
    assert source.parts is not None
    assert [source.parts[i] for i in source.images["image_id"]] == ["train", "train", "train", "val", "val"]
    assert source.dropped == {"zero_area_boxes": 0, "unannotated_images": 1}


def test_trainval_is_train_where_there_is_no_other(tmp_path: Path) -> None:
    lists = voc(tmp_path) / "ImageSets" / "Main"
    (lists / "train.txt").unlink()
    (lists / "val.txt").unlink()
    assert set((read_voc(tmp_path / "Annotations").parts or {}).values()) == {"train"}


def test_without_lists_there_are_no_parts(tmp_path: Path) -> None:
    write(tmp_path / "a.xml", VOC_XML.format(name="a", objects=""))
    source = read_voc(tmp_path)
    assert source.parts is None
    assert source.objects.empty


@pytest.mark.parametrize(
    "declaration",
    [
        '<!DOCTYPE a [<!ENTITY lol "lol"><!ENTITY lol2 "&lol;&lol;&lol;">]>',
        '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE a SYSTEM "http://127.0.0.1:1/x.dtd">',
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_entities_are_refused_in_any_encoding(tmp_path: Path, declaration: str, encoding: str) -> None:
    text = f'<?xml version="1.0" encoding="{encoding}"?>{declaration}<annotation>&lol2;</annotation>'
    write(tmp_path / "a.xml", text.encode(encoding))
    said = "a.xml declares a document type, whose entities can fill the memory; VOC files have none; correct the file"
    assert _fail(tmp_path) == f"{tmp_path}: {said}"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (VOC_XML.format(name="a", objects="")[:60], "a.xml is not valid XML ("),
        ("", "a.xml is not valid XML (no element found"),
        (b"\xff\xfe\x00", "a.xml is not valid XML ("),
        ('<?xml version="1.0" encoding="klingon"?><annotation/>', "a.xml is not valid XML ("),
        ("<html/>", "a.xml holds <html>, where VOC has <annotation>; correct the file"),
        (
            VOC_XML.format(name="../a", objects=""),
            "a.xml has the filename '../a.jpg', which is not inside the image folder",
        ),
        (
            VOC_XML.format(name="/a", objects=""),
            "a.xml has the filename '/a.jpg', which is not inside the image folder",
        ),
        (
            VOC_XML.format(name="a", objects="").replace("<width>40</width>", "<width>0</width>"),
            "a.xml has the size 0 x 30, which must be two whole numbers above 0",
        ),
        ("<annotation><filename>a.jpg</filename></annotation>", "a.xml has the size None x None, which must be"),
        (VOC_XML.format(name="a", objects=voc_object(" ", (1, 1, 2, 2))), "object 1 of a.xml has no name"),
        (
            VOC_XML.format(name="a", objects=voc_object("dog", (1, 1, "", 2))),
            "object 1 of a.xml has the box [1, 1, '', 2], which must be four finite numbers",
        ),
        (
            VOC_XML.format(name="a", objects=voc_object("dog", (9, 1, 2, 2))),
            "object 1 of a.xml has the box [9, 1, 2, 2], whose end is before its start",
        ),
        (
            VOC_XML.format(name="a", objects=voc_object("dog", (1, 1, 50, 20)) * 3),
            "object 1 of a.xml has the box [0.0, 0.0, 50.0, 20.0], which lies outside its image of 40 x 30 px; "
            "correct the file (2 more problems in this folder)",
        ),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, content: str | bytes, message: str) -> None:
    write(tmp_path / "a.xml", content)
    assert _fail(tmp_path).startswith(f"{tmp_path}: {message}")


def test_two_files_of_one_image_and_two_lists_of_one_id_are_told(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write(tmp_path / "A" / f"{name}.xml", VOC_XML.format(name="a", objects=""))
    assert "a.xml and b.xml share the filename 'a.jpg'" in _fail(tmp_path / "A")
    (tmp_path / "A" / "b.xml").unlink()
    for part in ("train", "test"):
        write(tmp_path / "ImageSets" / "Main" / f"{part}.txt", "a\n")
    assert _fail(tmp_path / "A").endswith("ImageSets/Main lists 'a' in train and test; keep one")


def test_missing_places_are_named(tmp_path: Path) -> None:
    assert _fail(tmp_path) == f"there are no XML files in {tmp_path}; check data.annotations in params.yaml"
    assert "the annotation folder" in _fail(tmp_path / "none")
