"""What has changed is found by listing: a file with the same path, size and time of change is not read again."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from for_retrieval.files import file_hash
from for_retrieval.project import Project
from for_retrieval.records import images as opening
from for_retrieval.records.images import BrokenImage, ImageFacts, inspect_all
from for_retrieval.records.prepare import is_current, prepare, records_now
from for_retrieval.records.records import Records

LONG_AGO = time.time() - 1000


def picture(path: Path, shade: int = 0, size: tuple[int, int] = (20, 10)) -> Path:
    """An image file that was written a while ago."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (shade, 0, 0)).save(path, "BMP")  # equal sizes are equally many bytes
    os.utime(path, (LONG_AGO, LONG_AGO))
    return path


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that are opened."""
    opened: list[Path] = []
    plain = opening.inspect

    def inspect(path: Path, max_pixels: int, min_side: int) -> ImageFacts:
        opened.append(path)
        return plain(path, max_pixels, min_side)

    monkeypatch.setattr(opening, "inspect", inspect)
    return opened


def test_only_new_and_changed_files_are_read(tmp_path: Path, read: list[Path]) -> None:
    paths = [picture(tmp_path / f"{n}.bmp", n) for n in range(4)]
    cache = tmp_path / "cache"
    first = inspect_all(paths, 1, 1000, 8, cache)
    assert read == paths
    read.clear()
    assert inspect_all(paths, 1, 1000, 8, cache) == first
    assert read == []
    picture(paths[1], 99)  # same size and same time, as after `rsync -t` of another file: undetected by design
    os.utime(paths[1], (LONG_AGO + 1, LONG_AGO + 1))  # but not with another time
    paths.append(picture(tmp_path / "new.bmp", 7))
    found = inspect_all(paths, 1, 1000, 8, cache)
    assert read == [paths[1], paths[4]]
    assert found[1] == ImageFacts(20, 10, file_hash(paths[1])) != first[1]
    assert found[2:4] == first[2:4]


def test_what_has_just_changed_is_read_again(tmp_path: Path, read: list[Path]) -> None:
    """It may change once more within one tick of the clock, and keep its size."""
    path = picture(tmp_path / "a.bmp")
    os.utime(path)
    for _ in range(2):
        inspect_all([path], 1, 1000, 8, tmp_path / "cache")
    assert read == [path, path]


def test_broken_files_and_other_limits_are_looked_at_again(tmp_path: Path, read: list[Path]) -> None:
    path, broken = picture(tmp_path / "a.bmp"), tmp_path / "b.bmp"
    broken.write_bytes(b"no picture")
    os.utime(broken, (LONG_AGO, LONG_AGO))
    for _ in range(2):
        found = inspect_all([path, broken, tmp_path / "gone.bmp"], 1, 1000, 8, tmp_path / "cache")
        assert [isinstance(one, BrokenImage) for one in found] == [False, True, True]
    assert read.count(path) == 1
    assert read.count(broken) == 2
    (small,) = inspect_all([path], 1, 1000, 15, tmp_path / "cache")
    assert isinstance(small, BrokenImage)
    assert "data.min_side" in small.reason


def test_a_damaged_cache_costs_a_reading(tmp_path: Path, read: list[Path]) -> None:
    path, cache = picture(tmp_path / "a.bmp"), tmp_path / "cache"
    cache.mkdir()
    (cache / "images.sqlite").write_bytes(b"no database" * 100)
    for _ in range(2):
        assert isinstance(inspect_all([path], 1, 1000, 8, cache)[0], ImageFacts)
    assert read == [path]


@pytest.fixture
def project(tmp_path: Path, write_params: Callable[..., Path]) -> Project:
    """A folder of images, prepared."""
    changes = {"data.kind": "folder", "data.name": "photos", "data.root": "photos", "data.images": "."}
    none = {"data.splits": None, "data.categories": None, "data.novel": [], "data.queries": None}
    write_params(tmp_path, {**changes, **none})
    for number in range(30):
        picture(tmp_path / "photos" / f"{number:02}.bmp", number)
    here = Project(tmp_path)
    prepared(here)
    return here


def prepared(project: Project) -> Records:
    return prepare(project.params, project.root, project.prepared, 1, project.cache)


def test_a_prepared_set_is_current_until_a_file_comes_changes_or_goes(project: Project, read: list[Path]) -> None:
    photos = project.root / "photos"
    assert is_current(project)
    changes: list[Callable[[], object]] = [
        lambda: picture(photos / "new.bmp", 200),
        lambda: picture(photos / "sub" / "new.bmp", 201),
        lambda: (picture(photos / "03.bmp", 203), os.utime(photos / "03.bmp", (LONG_AGO + 5, LONG_AGO + 5))),
        lambda: (photos / "04.bmp").unlink(),
        lambda: (photos / "05.bmp").rename(photos / "renamed.bmp"),
    ]
    for change in changes:
        change()
        assert not is_current(project)
        before = (project.prepared / "dataset.json").read_bytes()
        now = records_now(project)
        assert (project.prepared / "dataset.json").read_bytes() == before, "looking writes nothing"
        assert prepared(project).info == now.info
        assert is_current(project)
        read.clear()
        assert records_now(project).info == now.info
        assert read == []


def test_other_parameters_of_the_set_are_another_set(
    project: Project, tmp_path: Path, write_params: Callable[..., Path]
) -> None:
    text = (tmp_path / "params.yaml").read_text()
    (tmp_path / "params.yaml").write_text(text.replace("train: 0.6", "train: 0.5").replace("test: 0.3", "test: 0.4"))
    assert not is_current(Project(tmp_path))


def test_tables_from_elsewhere_are_compared_by_reading_what_is_new(project: Project, read: list[Path]) -> None:
    """As `dvc checkout` restores them: nothing says which files they were made of."""
    (project.cache / "prepared.json").unlink()
    assert not is_current(project)
    read.clear()
    assert records_now(project).info == prepared(project).info
    assert read == []
    assert is_current(project)


def test_a_copy_of_a_project_is_current(project: Project, tmp_path: Path) -> None:
    copy = shutil.copytree(project.root, tmp_path / "copy")
    assert is_current(Project(copy))


def test_shards_are_not_unpacked_to_look_at_them(project: Project, tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(path.read_text().replace("kind: folder", "kind: webdataset"))
    with pytest.raises(Exception, match="photos has changed since it was prepared; run `for-cli index refresh`"):
        records_now(Project(tmp_path))
