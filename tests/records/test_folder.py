from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from for_retrieval.errors import ForError
from for_retrieval.records.readers.folder import read_folder

Picture = Callable[..., Path]


def test_every_image_below_is_found_in_order(picture: Picture, tmp_path: Path) -> None:
    names = ["z.JPG", "a b.png", "deep/er/Käfer.webp", "deep/two\nlines.gif"]
    for name in names:
        picture(name)
    (tmp_path / "notes.txt").write_text("no image")
    source = read_folder(tmp_path)
    assert source.images["image_id"].tolist() == sorted(names)
    assert source.images["path"].tolist() == sorted(names)
    assert source.objects.empty
    assert (source.categories, source.broken) == ([], [])


def test_hidden_files_and_folders_are_passed_over(picture: Picture, tmp_path: Path) -> None:
    for name in ("a.png", "._a.png", ".thumbnails/a.png"):
        picture(name)
    assert read_folder(tmp_path).images["path"].tolist() == ["a.png"]


def test_links_must_not_lead_out(picture: Picture, tmp_path: Path) -> None:
    picture("outside/secret.png")
    real = picture("set/a.png")
    (tmp_path / "set" / "inside.png").symlink_to(real)
    (tmp_path / "set" / "leak.png").symlink_to(tmp_path / "outside" / "secret.png")
    (tmp_path / "set" / "leaks").symlink_to(tmp_path / "outside")
    (tmp_path / "set" / "loop.png").symlink_to(tmp_path / "set" / "loop.png")
    source = read_folder(tmp_path / "set")
    assert source.images["path"].tolist() == ["a.png", "inside.png"]
    assert sorted((entry["path"], entry["reason"]) for entry in source.broken) == [
        ("leak.png", "link out of the image folder"),
        ("leaks", "link out of the image folder"),
        ("loop.png", "link that leads to itself"),
    ]


def test_the_folder_itself_may_be_a_link(picture: Picture, tmp_path: Path) -> None:
    picture("set/a.png")
    (tmp_path / "link").symlink_to(tmp_path / "set")
    assert read_folder(tmp_path / "link").images["path"].tolist() == ["a.png"]


def test_names_that_are_not_utf8_are_listed(picture: Picture, tmp_path: Path) -> None:
    picture("a.png").rename(tmp_path / os.fsdecode(b"\xff.png"))
    assert read_folder(tmp_path).broken == [{"path": r"\xff.png", "reason": "file name is not UTF-8"}]


def test_a_missing_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(ForError, match=r"the image folder .*/none does not exist; check data.root and data.images"):
        read_folder(tmp_path / "none")


def test_a_file_is_no_folder(picture: Picture) -> None:
    with pytest.raises(ForError, match=r"the image folder .*/a.png is not a folder; check"):
        read_folder(picture("a.png"))


def test_an_empty_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(ForError, match=r"there are no images in .* \(endings: jpg jpeg .* tga\); check data.root"):
        read_folder(tmp_path)
