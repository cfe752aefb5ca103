"""`for-cli data check FOLDER` and `data convert` as a user types them, where there is no project."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

Cli = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(environment: dict[str, str], tmp_path: Path) -> Cli:
    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["for-cli", "data", *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120
        )

    return call


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A COCO set of three pictures and two boxes."""
    (tmp_path / "photos" / "images").mkdir(parents=True)
    for number in range(3):
        Image.new("RGB", (40, 30), (number * 40, 0, 0)).save(tmp_path / "photos" / "images" / f"{number}.png")
    content: dict[str, Any] = {
        "images": [{"id": n, "file_name": f"{n}.png", "width": 40, "height": 30} for n in range(3)],
        "annotations": [{"id": n, "image_id": n, "category_id": 1, "bbox": [1, 1, 9, 9]} for n in range(2)],
        "categories": [{"id": 1, "name": "car"}],
    }
    (tmp_path / "photos" / "annotations.json").write_text(json.dumps(content))
    return tmp_path / "photos"


def test_a_good_set_is_reported(run: Cli, photos: Path) -> None:
    done = run("check", "photos", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    assert {key: found[key] for key in ("kind", "name", "images", "objects", "base", "missing", "broken")} == {
        "kind": "coco",
        "name": "photos",
        "images": 3,
        "objects": 2,
        "base": ["car"],
        "missing": [],
        "broken": [],
    }
    table = run("check", str(photos))
    assert table.returncode == 0
    assert "photos (coco, " in table.stdout


def test_a_broken_and_a_missing_image_are_named(run: Cli, photos: Path) -> None:
    (photos / "images" / "0.png").write_bytes(b"no image")
    (photos / "images" / "1.png").rename(photos / "images" / "[red]x.png")
    done = run("check", "photos")
    assert done.returncode == 1
    assert "1: 0.png (not an image of a supported format)" in done.stdout
    assert "1: 1.png" in done.stdout
    assert done.stderr.startswith(f"error: 2 of 3 images in {photos} cannot be used, more than data.max_broken (2.0%)")
    assert "check --images" in done.stderr


def test_names_are_printed_literally(run: Cli, photos: Path) -> None:
    text = (photos / "annotations.json").read_text().replace('"0.png"', '"[red]0.png"')
    (photos / "annotations.json").write_text(text)
    assert "1: [red]0.png" in run("check", "photos").stdout


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("check", "none"), 2, "error: none does not exist; name the folder that holds your images\n"),
        (("check", "empty"), 1, "error: there are no images in {}/empty (endings: jpg jpeg "),
        (("check", "photos", "--kind", "vok"), 2, "error: 'vok' is not a kind of data set; did you mean 'voc'?\n"),
        (("check", "photos", "--kind", "voc"), 2, "error: no XML file is in photos/Annotations; name their folder"),
        (("convert", "none", "out"), 2, "error: none does not exist; name the folder that holds your images\n"),
        (("convert", "empty", "out"), 1, "error: there are no images in {}/empty (endings: jpg jpeg "),
        (("convert", "photos", "empty"), 2, "error: empty exists already; name a new folder\n"),
        (
            ("convert", "photos", "out", "--kind", "vok"),
            2,
            "error: 'vok' is not a kind of data set; did you mean 'voc'?",
        ),
        (("check",), 2, "error: no params.yaml in {} or above it; run for-cli inside the project, or name it with"),
    ],
)
def test_what_cannot_be_read_is_an_error(
    run: Cli, photos: Path, tmp_path: Path, arguments: tuple[str, ...], code: int, message: str
) -> None:
    (tmp_path / "empty").mkdir()
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.startswith(message.format(tmp_path))
    assert not (tmp_path / "out").exists()


def test_the_remedies_are_options_and_not_keys_of_a_params_yaml(run: Cli, photos: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert run("check", "empty").stderr.endswith("; check FOLDER and --images\n")
    (photos / "queries.json").write_text("[]")
    assert run("check", "photos").stderr.endswith(
        " must hold {synonyms: {...}, hypernyms: {...}, attributes: {...}}; check queries.json\n"
    )
    (photos / "annotations.json").write_text("{")
    for command in (("check", "photos"), ("convert", "photos", "out")):
        done = run(*command, "--annotations", "annotations.json", "--kind", "coco")
        assert done.returncode == 1
        assert done.stderr.endswith("; check --annotations\n")


def test_wrong_annotations_are_an_error(run: Cli, photos: Path) -> None:
    text = (photos / "annotations.json").read_text().replace('"category_id": 1', '"category_id": 7')
    (photos / "annotations.json").write_text(text)
    done = run("check", "photos")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"error: {photos}/annotations.json: annotation 0 has the category 7, which 'categories' does not list; correct "
        "the file (1 more problems in this file)\n"
    )


def test_a_set_is_converted(run: Cli, photos: Path, tmp_path: Path) -> None:
    done = run("convert", "photos", "out/coco", "--kind", "folder", "--json")
    assert (done.returncode, done.stderr) == (0, "COCO folder: out/coco\n")
    assert (json.loads(done.stdout)["images"], json.loads(done.stdout)["objects"]) == (3, 0)
    assert json.loads(run("check", "out/coco", "--json").stdout)["kind"] == "coco"


def test_neither_loads_what_only_a_project_needs(photos: Path, environment: dict[str, str], tmp_path: Path) -> None:
    program = """
import sys
sys.argv = ["for-cli", "data", "convert", "photos", "out"]
from for_retrieval.cli import app
app(standalone_mode=False)
heavy = {"torch", "great_expectations", "mlflow", "prefect", "dvc", "onnxruntime", "open_clip", "scipy"}
print(sorted(heavy & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.stdout.splitlines()[-1] == "[]", done.stderr
