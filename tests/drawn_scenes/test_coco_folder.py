"""The COCO folder of a drawn set: what is in it, that it is repeatable, and that it is whole or not there."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from drawn_scenes.catalog import KINDS
from drawn_scenes.coco import SETS, WrongUseError, draw_scene, drawn_set, write_set
from drawn_scenes.drawn_set import LARGEST
from drawn_scenes.pen import COLOURS

NAMES = tuple(SETS)
COUNTS = {"train": 10, "val": 3, "test": 7}
FILES = {"annotations.json", "splits.json", "categories.json", "queries.json"}
Drawn = Callable[[str], Path]


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def read(folder: Path, name: str) -> Any:
    return json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))


def write(name: str, out: Path, **changes: Any) -> Path:
    write_set(name, out, **{"size": 64, "counts": COUNTS, "seed": 3, "processes": 1, **changes})
    return out


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Drawn:
    """A small set of each, drawn once."""
    made: dict[str, Path] = {}

    def get(name: str) -> Path:
        if name not in made:
            made[name] = write(name, tmp_path_factory.mktemp("drawn") / name)
        return made[name]

    return get


# What is in it


@pytest.mark.parametrize("name", NAMES)
def test_the_folder_is_of_the_set(drawn: Drawn, name: str) -> None:
    folder, made = drawn(name), drawn_set(name)
    assert {path.name for path in folder.iterdir()} == {*FILES, "images"}
    kinds, base = list(made.kinds), [kind for kind in made.kinds if kind not in made.novel]
    assert read(folder, "categories") == {"base": base, "novel": list(made.novel)}
    assert [entry["name"] for entry in read(folder, "annotations")["categories"]] == kinds
    queries = read(folder, "queries")
    assert queries["synonyms"] == {kind.name: list(kind.synonyms) for kind in made.kinds.values()}
    assert queries["hypernyms"] == {kind.name: list(kind.hypernyms) for kind in made.kinds.values()}
    assert queries["attributes"] == {"colour": list(COLOURS)}


@pytest.mark.parametrize("name", NAMES)
def test_images_have_their_splits_and_sizes(drawn: Drawn, name: str) -> None:
    folder = drawn(name)
    splits, images = read(folder, "splits"), read(folder, "annotations")["images"]
    assert {split: len(ids) for split, ids in splits.items()} == COUNTS
    assert [entry["id"] for entry in images] == [i for split in ("train", "val", "test") for i in splits[split]]
    assert len({(folder / "images" / entry["file_name"]).read_bytes() for entry in images}) == 20
    for entry in images:
        with Image.open(folder / "images" / entry["file_name"]) as image:
            assert image.size == (entry["width"], entry["height"]) == (64, 64)
        assert len(entry["caption"]) > 3


@pytest.mark.parametrize("name", NAMES)
def test_every_image_shows_something_of_the_set(drawn: Drawn, name: str) -> None:
    content = read(drawn(name), "annotations")
    names = {entry["id"]: entry["name"] for entry in content["categories"]}
    assert {entry["image_id"] for entry in content["annotations"]} == {entry["id"] for entry in content["images"]}
    assert {names[entry["category_id"]] for entry in content["annotations"]} <= set(drawn_set(name).kinds)
    for entry in content["annotations"]:
        kind, (x, y, w, h) = KINDS[names[entry["category_id"]]], entry["bbox"]
        assert 0 <= x < x + w <= 64
        assert 0 <= y < y + h <= 64
        assert entry["area"] == w * h
        assert entry["attributes"].keys() == ({"colour"} if kind.colours else set())
        assert set(entry["attributes"].values()) <= set(kind.colours)


@pytest.mark.parametrize("name", ["everyday", "longtail"])
def test_objects_are_as_small_as_on_the_streets(drawn: Drawn, name: str) -> None:
    content = read(drawn(name), "annotations")
    sizes = {entry["id"]: KINDS[entry["name"]].size[1] for entry in content["categories"]}
    for entry in content["annotations"]:  # as _place varies, and a little turned
        assert entry["bbox"][3] <= 10 + 64 * 1.3 * LARGEST.near * sizes[entry["category_id"]]


def test_captions_of_rooms_name_no_street(drawn: Drawn) -> None:
    said = [(drawn(name) / "annotations.json").read_text(encoding="utf-8") for name in NAMES]
    assert ["a street with" in text for text in said] == [True, False, False]


def test_the_sets_differ(drawn: Drawn) -> None:
    pictures = {content for name in NAMES for path, content in files(drawn(name)).items() if path.endswith(".jpg")}
    assert len(pictures) == 3 * 20


# Repeatable


@pytest.mark.parametrize("name", NAMES)
def test_the_number_of_processes_changes_no_byte(drawn: Drawn, name: str, tmp_path: Path) -> None:
    assert files(write(name, tmp_path / "again", processes=2)) == files(drawn(name))


def test_another_seed_draws_other_scenes(drawn: Drawn, tmp_path: Path) -> None:
    first, other = (
        {content for path, content in files(folder).items() if path.endswith(".jpg")}
        for folder in (drawn("driving"), write("driving", tmp_path / "other", seed=4))
    )
    assert first.isdisjoint(other)


def test_a_larger_set_keeps_the_scenes_of_a_smaller_one(drawn: Drawn, tmp_path: Path) -> None:
    larger = write("driving", tmp_path / "larger", counts={**COUNTS, "train": 12})
    images = {path: content for path, content in files(drawn("driving")).items() if path.startswith("images/")}
    assert images.items() < files(larger).items()


def test_one_scene_depends_on_its_own_number_alone(tmp_path: Path) -> None:
    def scene(number: int) -> tuple[Any, bytes]:
        made = draw_scene(("train", number), name="driving", images=tmp_path, size=64, seed=0)
        return made, (tmp_path / f"{made.image_id}.jpg").read_bytes()

    assert scene(5) == scene(5)
    assert scene(5)[1] != scene(6)[1]


# The command


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "drawn_scenes", *arguments]


FEW = ("--size", "64", "--train", "10", "--val", "3", "--test", "7", "--seed", "3", "--processes", "1")


def test_the_command_writes_the_same(drawn: Drawn, tmp_path: Path, environment: dict[str, str]) -> None:
    out = tmp_path / "below" / "streets"
    done = subprocess.run(command("driving", str(out), *FEW), env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert files(out) == files(drawn("driving"))


def test_it_needs_nothing_of_for_retrieval() -> None:
    code = "import sys, drawn_scenes.coco; print([name for name in sys.modules if name.startswith('for_retrieval')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_your_own_novel_list_replaces_that_of_the_set(tmp_path: Path, environment: dict[str, str]) -> None:
    few = ("--size", "32", "--train", "1", "--val", "1", "--test", "1", "--processes", "1")

    def novel(words: str) -> subprocess.CompletedProcess[str]:
        arguments = command("everyday", str(tmp_path / "out"), *few, "--novel", words)
        return subprocess.run(arguments, env=environment, capture_output=True, text=True)

    assert novel("sink, cup").returncode == 0
    assert read(tmp_path / "out", "categories")["novel"] == ["sink", "cup"]
    assert "sink" not in read(tmp_path / "out", "categories")["base"]
    assert novel("").returncode == 0
    assert read(tmp_path / "out", "categories")["novel"] == []
    done = novel("snik")
    assert (done.returncode, done.stderr) == (
        2,
        "error: the set everyday has no category 'snik'; did you mean 'sink'?\n",
    )
    assert read(tmp_path / "out", "categories")["novel"] == [], "what was there stays"


# Whole or not there


def test_a_drawn_set_is_replaced_and_nothing_else(drawn: Drawn, tmp_path: Path) -> None:
    out = write("longtail", tmp_path / "out")
    assert files(write("driving", out)) == files(drawn("driving"))
    other = tmp_path / "photos"
    other.mkdir()
    (other / "mine.jpg").write_bytes(b"mine")
    for content in (None, "no json", "[]", '{"info": {"contributor": "me"}}'):
        if content is not None:
            (other / "annotations.json").write_text(content)
        with pytest.raises(WrongUseError, match="photos holds something else than a drawn set; name a new"):
            write("driving", other)
    assert (other / "mine.jpg").read_bytes() == b"mine"
    with pytest.raises(WrongUseError):
        write("driving", other / "mine.jpg")


def test_a_failed_run_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = write("driving", tmp_path / "out")
    before = files(out)
    monkeypatch.setattr(Path, "write_text", lambda *args, **kwargs: (_ for _ in ()).throw(OSError(28, "No space left")))
    with pytest.raises(OSError, match="No space left"):
        write("driving", out, seed=4)
    assert files(out) == before
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_killed_run_leaves_no_set_and_no_process_and_the_next_one_the_same(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    """Killed by kill -9 while two processes draw."""
    out, unfinished = tmp_path / "out", tmp_path / ".out.unfinished"
    arguments = command("driving", str(out), "--size", "64", "--train", "2000", "--processes", "2")
    child = subprocess.Popen(arguments, env=environment, start_new_session=True, stderr=subprocess.DEVNULL)
    end = time.monotonic() + 60
    while len(list(unfinished.glob("images/*.jpg"))) < 20:
        assert child.poll() is None
        assert time.monotonic() < end
        time.sleep(0.01)
    child.kill()
    child.wait()
    assert not out.exists()
    while _group_lives(child.pid):
        assert time.monotonic() < end, "workers outlived the command that started them"
        time.sleep(0.05)
    once, twice = write("driving", out), write("driving", tmp_path / "undisturbed")
    assert files(once) == files(twice)
    assert not unfinished.exists()


def _group_lives(group: int) -> bool:
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, leader = path.read_text().rpartition(")")[2].split()[:3]
            if int(leader) == group and state != "Z":
                return True
    return False
