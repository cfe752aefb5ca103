"""WebDataset: the shards of `small_sets.webdataset`, counted by hand."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest
from small_sets import pixels, tar, webdataset, write

from for_retrieval.errors import ForError
from for_retrieval.records.readers.webdataset import read_webdataset

IDS = ["test-000000/0001", "train-000000/sub/0001", "train-000000/0002", "train-000001/0001"]


def _fail(root: Path, out: Path) -> str:
    with pytest.raises(ForError) as caught:
        read_webdataset(root, out)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_images_boxes_classes_and_captions(tmp_path: Path) -> None:
    """0002 of the second train shard has no image; class 1 of classnames.txt is fox; the other class is a word."""
    source = read_webdataset(webdataset(tmp_path / "set"), tmp_path / "out")
    assert source.images["image_id"].tolist() == IDS
    assert source.images["path"].tolist() == [
        f"{i}.{e}" for i, e in zip(IDS, ("webp", "jpg", "png", "png"), strict=True)
    ]
    assert source.objects[["image_id", "category", "x", "y", "w", "h", "attributes"]].to_numpy().tolist() == [
        [IDS[0], "dog", 0, 0, 40, 30, '{"whole_image": true}'],
        [IDS[1], "car", 1, 2, 10, 10, '{"colour": "red"}'],
        [IDS[1], "street", 0, 0, 40, 30, "{}"],
        [IDS[3], "fox", 0, 0, 40, 30, '{"whole_image": true}'],
    ]
    assert source.categories == ["car", "dog", "fox", "street"]
    assert source.captions == {IDS[1]: "a red car", IDS[2]: "nothing to see"}
    assert source.parts == dict(zip(IDS, ("test", "train", "train", "train"), strict=True))
    assert source.dropped == {"zero_area_boxes": 0, "samples_without_image": 1}


def test_images_are_copied_byte_for_byte_and_nothing_else_is(tmp_path: Path) -> None:
    write(tmp_path / "out" / "old.jpg", b"of another set")
    read_webdataset(webdataset(tmp_path / "set"), tmp_path / "out")
    files = sorted(path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.*"))
    assert files == sorted(["test-000000/0001.webp", "train-000000/0002.png", "train-000000/sub/0001.jpg",
                            "train-000001/0001.png"])  # fmt: skip
    assert (tmp_path / "out" / "train-000000" / "0002.png").read_bytes() == pixels(2)


def test_shards_without_parts_in_folders(tmp_path: Path) -> None:
    tar(tmp_path / "set" / "train" / "0.tar", {"a.png": pixels(1)})
    tar(tmp_path / "set" / "more" / "0.tar", {"a.png": pixels(2)})
    source = read_webdataset(tmp_path / "set", tmp_path / "out")
    assert source.images["image_id"].tolist() == ["more/0/a", "train/0/a"]
    assert source.parts is None
    assert source.objects.empty


@pytest.mark.parametrize("name", ["../evil.jpg", "/evil.jpg", "a/../../evil.jpg", "..", "\udcff.jpg"])
def test_names_that_leave_are_refused(tmp_path: Path, name: str) -> None:
    shard = tar(tmp_path / "set" / "a.tar", {"ok.png": pixels(1), name: pixels(2)})
    assert (
        _fail(tmp_path / "set", tmp_path / "out")
        == f"{shard} holds {name!a}, which is not inside its folder; rename it"
    )
    assert not list(tmp_path.glob("**/*evil*"))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_are_refused(tmp_path: Path, kind: bytes) -> None:
    (tmp_path / "set").mkdir()
    with tarfile.open(tmp_path / "set" / "a.tar", "w") as archive:
        entry = tarfile.TarInfo("a.jpg")
        entry.type, entry.linkname = kind, "/etc/passwd"
        archive.addfile(entry)
    assert "a.tar holds 'a.jpg', which is a link or a device; remove it" in _fail(tmp_path / "set", tmp_path / "out")


def test_a_member_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    entry = tarfile.TarInfo("a.json")
    entry.size = 10_000_001
    write(tmp_path / "set" / "a.tar", entry.tobuf())
    said = _fail(tmp_path / "set", tmp_path / "out")
    assert said.endswith("a.tar holds 'a.json' of 10000001 bytes, more than 10000000; remove it")


def test_damaged_shards_are_told(tmp_path: Path) -> None:
    shard = tar(tmp_path / "set" / "a.tar", {"a.png": pixels(1), "b.png": pixels(2)})
    whole = shard.read_bytes()
    second = 512 * (1 + -(-len(pixels(1)) // 512))
    zeros = bytearray(whole)
    zeros[second + 5] ^= 1  # tarfile takes a bad checksum for the end
    cases = {
        whole[: second + 200]: f"{shard} is truncated or damaged after {second} bytes; replace it",
        whole[: second + 512 + 5]: f"{shard} is not an uncompressed tar file, or damaged (unexpected end of data)",
        bytes(zeros): f"{shard} is truncated or damaged after {second} bytes; replace it",
        b"": f"{shard} is not an uncompressed tar file, or damaged (empty file)",
        b"x" * 2000: f"{shard} is not an uncompressed tar file, or damaged (",
    }
    for content, message in cases.items():
        shard.write_bytes(content)
        assert _fail(tmp_path / "set", tmp_path / "out").startswith(message)


def test_a_compressed_shard_is_told(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz"):
        pass
    write(tmp_path / "set" / "a.tar", file.getvalue())
    assert "a.tar is not an uncompressed tar file" in _fail(tmp_path / "set", tmp_path / "out")


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"a.jpg": pixels(1), "a.png": pixels(2)}, "the sample a/a has two images, 'a/a.jpg' and one ending in png"),
        ({"a.json": "{"}, "the json of sample a/a is not valid JSON ("),
        ({"a.json": "[" * 100_000}, "the json of sample a/a is not valid JSON ("),
        ({"a.json": "[]"}, "the json of sample a/a must hold an object"),
        ({"a.json": '{"objects": 3}'}, "the json of sample a/a has the objects 3, which must be a list"),
        ({"a.txt": b"\xff"}, "the txt of sample a/a is not text in UTF-8"),
        ({"a.cls": "4"}, "the cls of sample a/a is 4, which is not a line of classnames.txt (it has 0)"),
        ({"a.cls": " "}, "the cls of sample a/a is empty, where a category is expected"),
        (
            {"a.png": pixels(1), "a.json": '{"objects": [{"bbox": [0, 0, 1, 1]}]}'},
            "objects[0] of sample a/a has the category None, which must be a word",
        ),
        (
            {"a.png": pixels(1), "a.json": '{"objects": [{"category": "x", "bbox": [0, 0, 99, 1]}]}'},
            "objects[0] of sample a/a has the box [0, 0, 99, 1], which lies outside its image of 40 x 30 px",
        ),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, members: dict[str, bytes | str], message: str) -> None:
    tar(tmp_path / "set" / "a.tar", members)
    assert _fail(tmp_path / "set", tmp_path / "out").startswith(f"{tmp_path}/set: {message}")


def test_nothing_to_read_is_told(tmp_path: Path) -> None:
    assert _fail(tmp_path, tmp_path / "out").startswith(f"there are no shards (*.tar) in {tmp_path} or in folders of")
    tar(tmp_path / "a.tar", {"a.txt": "words"})
    assert _fail(tmp_path, tmp_path / "out").startswith(f"the shards in {tmp_path} hold no images (endings: jpg jpeg")
