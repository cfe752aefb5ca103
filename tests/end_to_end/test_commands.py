"""Every command as a user types it: exit code, message, and what is on stdout."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from PIL import Image

Command = Callable[..., Any]
Copy = Callable[..., Path]


def answer(done: Any) -> Any:
    """The JSON of a query that succeeded; stdout holds nothing else."""
    assert done.code == 0, done.err
    return json.loads(done.out)


def test_a_query_answers_in_json(project: Path, cli: Command) -> None:
    done = cli("query", "red car", "--json", cwd=project)
    value = answer(done)
    assert done.err == ""
    assert list(value) == ["query", "model", "generation", "version", "results"]
    assert value["query"] == "red car"
    assert (project / "data" / "index" / value["generation"]).is_dir()
    assert value["model"].startswith("for-")
    assert [result["rank"] for result in value["results"]] == list(range(1, 11))
    scores = [result["score"] for result in value["results"]]
    assert scores == sorted(scores, reverse=True)
    for result in value["results"]:
        assert list(result) == ["rank", "score", "image_id", "path", "box", "boxes"]
        kinds = {name: type(entry) for name, entry in result.items()}
        assert kinds == {"rank": int, "score": float, "image_id": str, "path": str, "box": list, "boxes": list}
        assert result["boxes"][0] == result["box"]
        assert len({tuple(box) for box in result["boxes"]}) == len(result["boxes"])
        with Image.open(project / result["path"]) as image:
            for x, y, w, h in result["boxes"]:
                assert 0 <= x < x + w <= image.width
                assert 0 <= y < y + h <= image.height
        assert result["image_id"].startswith("test_")


def test_a_query_answers_the_same_from_a_folder_below(project: Path, cli: Command) -> None:
    here, below = (cli("query", "red car", "--json", cwd=folder) for folder in (project, project / "data"))
    assert here.out == below.out
    elsewhere = cli("--project", str(project), "query", "red car", "--json", cwd=project.parent)
    assert elsewhere.out == here.out


def test_top_k(project: Path, cli: Command) -> None:
    assert len(answer(cli("query", "red car", "--json", "--top-k", "3", cwd=project))["results"]) == 3
    every = answer(cli("query", "red car", "--json", "-k", "1000", cwd=project))["results"]
    assert len({result["image_id"] for result in every}) == 40


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("red car", "--top-k", "0"), "error: the number of results must be at least 1, not 0 (--top-k)"),
        (("red car", "--top-k", "-5"), "error: the number of results must be at least 1, not -5 (--top-k)"),
        (("",), 'error: the query is empty; name what to look for, for example "red car"'),
        ((" \n\t",), "error: the query is empty"),
        (("x" * 10_000,), "error: the query has 10,000 characters, the limit is 1,000"),
    ],
)
def test_a_query_without_sense_exits_with_2(project: Path, cli: Command, arguments: tuple[str, ...], said: str) -> None:
    done = cli("query", *arguments, "--json", cwd=project)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(said)
    assert done.err.count("\n") == 1


def test_a_query_in_chinese_is_answered_with_a_note(project: Path, cli: Command) -> None:
    done = cli("query", "红色汽车", "--json", cwd=project)
    assert answer(done)["query"] == "红色汽车"
    assert len(answer(done)["results"]) == 10
    assert done.err == "note: the text tower knows English; results may be poor\n"


def test_a_table_for_people(project: Path, cli: Command) -> None:
    done = cli("query", "red car", "-k", "2", cwd=project)
    assert (done.code, done.err) == (0, "")
    assert "2 images for “red car”" in done.out
    assert done.out.count("data/streets/images/test_") == 2


def test_a_gallery_and_a_sheet(project: Path, cli: Command, tmp_path: Path) -> None:
    page, sheet = tmp_path / "deep" / "page.html", tmp_path / "sheet.png"
    done = cli("query", "red car", "--json", "--gallery", str(page), "--sheet", str(sheet), cwd=project)
    results = answer(done)["results"]
    text = page.read_text(encoding="utf-8")
    assert text.count('<li class="card">') == 10
    assert all(result["image_id"] in text for result in results)
    assert "http://" not in text.replace("http://www.w3.org", "")
    assert done.err == f"picture: {sheet}\ngallery: {page}\n"
    with Image.open(sheet) as picture:
        picture.load()


# Errors


def test_outside_a_project(cli: Command, tmp_path: Path) -> None:
    done = cli("query", "red car", cwd=tmp_path)
    assert (done.code, done.out) == (2, "")
    assert done.err == (
        f"error: no params.yaml in {tmp_path} or above it; run for-cli inside the project, or name it with --project\n"
    )


def test_before_anything_is_indexed(project: Path, copy: Copy, cli: Command) -> None:
    folder = copy("models/bundle")
    for arguments in (("query", "red car", "--json"), ("index", "status"), ("index", "rollback")):
        done = cli(*arguments, cwd=folder)
        assert (done.code, done.out) == (1, "")
        where = f"{folder}/data/index"
        said = f"error: there is no index yet in {where}; run `dvc repro`, or `for-cli index` if it was deleted\n"
        assert done.err == said


def test_debug_shows_the_traceback_and_its_absence_hides_it(cli: Command, tmp_path: Path) -> None:
    plain, debug = cli("query", "car", cwd=tmp_path), cli("--debug", "query", "car", cwd=tmp_path)
    assert "Traceback" not in plain.err
    assert debug.code == 1
    assert "Traceback (most recent call last)" in debug.err
    assert "UsageError: no params.yaml" in debug.err


def test_an_unknown_key_names_the_nearest(project: Path, copy: Copy, cli: Command) -> None:
    path = copy() / "params.yaml"
    values = yaml.safe_load(path.read_text())
    values["train"]["stepps"] = values["train"].pop("steps")
    path.write_text(yaml.safe_dump(values))
    done = cli("prepare", cwd=path.parent)
    assert done.code == 2
    assert f"error: {path}: the key 'train.steps' is missing" in done.err
    assert f"{path}: unknown key 'train.stepps'; did you mean 'steps'?" in done.err
    assert not (path.parent / "data" / "prepared").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("qurey", "car"), "No such command 'qurey'"),
        (("query", "car", "--topk", "3"), "No such option: --topk"),
        (("query", "car", "--top-k", "three"), "Invalid value for '--top-k' / '-k'"),
        (("fractions", "7"), "error: 7 is not in fractions.percent of params.yaml (10, 100)"),
        (("pseudo", "out"), "'out' is not one of 'in', 'held_out'"),
        (("evaluate", "--split", "tset"), "'tset' is not one of 'train', 'val', 'test'"),
    ],
)
def test_a_wrong_command_exits_with_2(project: Path, cli: Command, arguments: tuple[str, ...], said: str) -> None:
    done = cli(*arguments, cwd=project)
    assert (done.code, done.out) == (2, "")
    assert said in done.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("fractions", "10"), "data/prepared/dataset.json does not exist; run `dvc repro prepare`"),
        (("compare",), "data/evaluation/test.json does not exist; run `dvc repro evaluate`"),
    ],
)
def test_a_stage_that_comes_too_early_names_the_one_before(
    project: Path, copy: Copy, cli: Command, arguments: tuple[str, ...], said: str
) -> None:
    done = cli(*arguments, cwd=copy())
    assert (done.code, done.out) == (1, "")
    assert said in done.err
    assert "Traceback" not in done.err


def test_an_unknown_run_names_the_nearest(project: Path, copy: Copy, cli: Command) -> None:
    """Before torch is loaded and the tower opened."""
    done = cli("train", "in-100", cwd=copy())
    assert (done.code, done.out) == (2, "")
    assert done.err == "error: train.runs has no run 'in-100'; did you mean 'in-10'?\n"


def test_a_wrong_setting_names_its_variable(project: Path, copy: Copy, cli: Command) -> None:
    done = cli("prepare", cwd=copy(), FOR_WORKERS="many")
    assert (done.code, done.out) == (2, "")
    assert done.err == "error: FOR_WORKERS: workers must be a whole number, not 'many'\n"


# Import


@pytest.fixture
def own_set(tmp_path: Path) -> Path:
    """60 pictures with a COCO file; one is no image, so that 1.7 % are broken and 2 % are allowed."""
    folder = tmp_path / "my set"
    (folder / "images").mkdir(parents=True)
    images, annotations = [], []
    for number in range(60):
        name = f"{number:02}.png"
        Image.new("RGB", (40, 30), (4 * number, 90, 90)).save(folder / "images" / name)
        images.append({"id": number, "file_name": name, "width": 40, "height": 30})
        box = [1, 2, 10, 10]
        annotations.append({"id": number, "image_id": number, "category_id": number % 2 + 1, "bbox": box})
    (folder / "images" / "07.png").write_bytes(b"not a picture")
    categories = [{"id": 1, "name": "bottle"}, {"id": 2, "name": "can opener"}]
    content = {"images": images, "annotations": annotations, "categories": categories}
    (folder / "annotations.json").write_text(json.dumps(content))
    return folder


def test_import_reports_what_was_found(project: Path, copy: Copy, cli: Command, own_set: Path) -> None:
    folder = copy()
    done = cli("data", "import", str(own_set), "--novel", "can opener", "--json", cwd=folder)
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert (found["kind"], found["images"], found["categories"]) == ("coco", 59, 2)
    assert found["broken"] == [{"path": "07.png", "reason": "not an image of a supported format"}]
    assert (found["base"], found["novel"]) == (["bottle"], ["can opener"])
    assert sum(found["splits"].values()) == 59
    values = yaml.safe_load((folder / "params.yaml").read_text())["data"]
    assert (values["kind"], values["root"], values["novel"]) == ("coco", str(own_set), ["can opener"])


def test_import_as_a_table_and_then_prepare(project: Path, copy: Copy, cli: Command, own_set: Path) -> None:
    folder = copy()
    done = cli("data", "import", str(own_set), cwd=folder)
    assert done.code == 0, done.err
    assert "1: 07.png (not an image of a supported format)" in done.out
    assert "2 (2 base, 0 novel)" in done.out
    assert "next: dvc repro" in done.err
    done = cli("prepare", cwd=folder)
    assert done.code == 0, done.err
    assert done.err.splitlines()[-1] == "59 images, 59 objects, 1 unreadable images left out"


def test_import_refuses_a_set_with_too_many_broken_images(
    project: Path, copy: Copy, cli: Command, own_set: Path
) -> None:
    folder = copy()
    before = (folder / "params.yaml").read_bytes()
    (own_set / "images" / "08.png").write_bytes(b"")
    done = cli("data", "import", str(own_set), "--json", cwd=folder)
    assert (done.code, done.out) == (1, "")
    assert "error: 2 of 60 images in " in done.err
    assert "the first is 07.png (not an image of a supported format); repair them" in done.err
    assert (folder / "params.yaml").read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--kind", "pascal"), "error: 'pascal' is not a kind of data set; valid are: coco, "),
        (("--novel", "botle"), "is no category; did you mean 'bottle'?"),
        (("--annotations", "boxes.json"), "error: --annotations: boxes.json is neither in "),
        (("--name", "a/b"), "error: --name 'a/b' may hold only letters"),
    ],
)
def test_import_with_a_wrong_option_exits_with_2(
    project: Path, copy: Copy, cli: Command, own_set: Path, arguments: tuple[str, ...], said: str
) -> None:
    done = cli("data", "import", str(own_set), *arguments, cwd=copy())
    assert (done.code, done.out) == (2, "")
    assert said in done.err


def test_a_sheet_of_the_prepared_images(project: Path, cli: Command, tmp_path: Path) -> None:
    done = cli("data", "sheet", str(tmp_path / "sheet.png"), "--boxes", "--count", "6", cwd=project)
    assert (done.code, done.err) == (0, f"picture: {tmp_path / 'sheet.png'}\n")
    with Image.open(tmp_path / "sheet.png") as picture:
        picture.load()
