"""Each format as a user brings it in: `for-cli data import`, then `for-cli prepare`, in processes of their own."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from small_sets import lvis, nuimages, panoptic, pixels, voc, webdataset, write, yolo

from for_retrieval.evaluate.queries import query_sets
from for_retrieval.params import load_params
from for_retrieval.records.records import Records, load_records

Make = Callable[[Path], Path]
WriteParams = Callable[..., Path]


@dataclass(frozen=True)
class Project:
    """A project folder with the repository's params.yaml, and `for-cli` in it."""

    root: Path
    environment: dict[str, str]

    def cli(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["for-cli", *arguments], cwd=self.root, env=self.environment, capture_output=True, text=True, timeout=120
        )

    def imported(self, folder: Path, *options: str) -> dict[str, Any]:
        """What `for-cli data import --json` found."""
        done = self.cli("data", "import", str(folder), "--json", *options)
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        return dict(json.loads(done.stdout))

    def prepared(self) -> tuple[str, Records]:
        """What `for-cli prepare` said, and left."""
        done = self.cli("prepare")
        assert done.returncode == 0, done.stderr
        records = load_records(self.root / "data" / "prepared")
        assert all(path.is_file() for path in records.paths(self.root))
        return done.stdout + done.stderr, records


@pytest.fixture
def project(tmp_path: Path, environment: dict[str, str], write_params: WriteParams) -> Project:
    (tmp_path / "project").mkdir()
    write_params(tmp_path / "project")
    return Project(tmp_path / "project", environment)


# What the docstring of each set counts; val becomes test where there is no test, and val is then drawn from train.
SETS = [
    (panoptic, "panoptic", 3, 0, 2),
    (nuimages, "nuimages", 3, 0, 3),
    (voc, "voc", 4, 2, 3),
    (yolo, "yolo", 4, 1, 3),
    (webdataset, "webdataset", 4, 1, 4),
]
IMAGES = {"panoptic": 2, "nuimages": 2, "voc": 5, "yolo": 4, "webdataset": 4}


@pytest.mark.parametrize(("make", "kind", "objects", "measured", "categories"), SETS, ids=[s[1] for s in SETS])
def test_a_set_is_imported_and_prepared(
    project: Project, tmp_path: Path, make: Make, kind: str, objects: int, measured: int, categories: int
) -> None:
    found = project.imported(make(tmp_path / "my-set"))
    assert (found["kind"], found["name"], found["images"]) == (kind, "my-set", IMAGES[kind])
    assert (found["objects"], found["categories"]) == (objects, categories)
    assert (found["missing"], found["broken"], found["duplicates"]) == ([], [], 0)
    if measured:
        assert found["splits"]["test"] == measured
    said, records = project.prepared()
    assert f"{IMAGES[kind]} images, {objects} objects" in said
    assert (len(records.images), len(records.objects)) == (IMAGES[kind], objects)
    assert records.negatives is None


def test_lvis_in_three_commands(project: Project, tmp_path: Path) -> None:
    """6 images; of 6 boxes one has no area. Train's 4 are divided into train and val, val's 2 are measured."""
    found = project.imported(lvis(tmp_path / "lvis"))
    assert (found["kind"], found["images"], found["objects"], found["splits"]["test"]) == ("lvis", 6, 5, 2)
    assert found["novel"] == ["bow (weapon)"]
    assert found["base"] == ["car", "bow (decorative ribbons)", "fire hydrant"]
    assert found["dropped"]["contradicting_negatives"] == 2
    assert load_params(project.root / "params.yaml").data.categories == "official/lvis-frequency"
    said, records = project.prepared()
    assert "6 images, 5 objects" in said
    assert records.negatives is not None
    names = query_sets(records, ["5", "6"], 0.01)[0]
    # Image 5 shows ribbons and is known to show no car; image 6 shows a weapon; nobody looked for anything else.
    assert names.judged is not None
    assert dict(zip(names.texts, names.judged.T.tolist(), strict=True)) == {
        "bow (decorative ribbons)": [True, False],
        "bow (weapon)": [False, True],
    }


def test_the_images_of_shards_and_their_captions_are_outputs(project: Project, tmp_path: Path) -> None:
    project.imported(webdataset(tmp_path / "shards"))
    assert sorted(path.name for path in (project.root / "data").iterdir()) == [], "import leaves nothing"
    _, records = project.prepared()
    out = project.root / "data" / "prepared"
    assert records.info.root == "data/prepared/images"
    assert sorted(path.name for path in out.iterdir()) == [
        "captions.json",
        "dataset.json",
        "images",
        "images.parquet",
        "objects.parquet",
    ]
    assert json.loads((out / "captions.json").read_text())["train-000000/sub/0001"] == "a red car"


def test_the_official_coco_folder_and_split(project: Project, tmp_path: Path) -> None:
    """Two files, images in a folder of each part, 48 / 17 split: car is base, dog novel, hot dog ignored."""
    folder = tmp_path / "coco"
    names = ["car", "dog", "hot dog"]
    for part, ids in (("train", (1, 2, 3)), ("val", (4,))):
        content = {
            "images": [{"id": n, "file_name": f"{n:012d}.jpg", "width": 40, "height": 30} for n in ids],
            "annotations": [
                {"id": 10 * n + c, "image_id": n, "category_id": c, "bbox": [1, 1, 9, 9]}
                for n in ids
                for c in (1, 2, 3)
            ],
            "categories": [{"id": c, "name": name} for c, name in enumerate(names, 1)],
        }
        write(folder / "annotations" / f"instances_{part}2017.json", content)
        for n in ids:
            write(folder / f"{part}2017" / f"{n:012d}.jpg", pixels(n, kind="JPEG"))
    found = project.imported(folder, "--categories", "official/coco-48-17")
    assert (found["base"], found["novel"], found["splits"]["test"]) == (["car"], ["dog"], 1)
    assert found["dropped"]["ignored_category_objects"] == 4
    _, records = project.prepared()
    assert records.images["path"].tolist()[-1] == "val2017/000000000004.jpg"


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (("--kind", "yolo"), 2, "error: no YAML file in {} has names: and train:; name one with --annotations\n"),
        (("--kind", "vok"), 2, "error: 'vok' is not a kind of data set; did you mean 'voc'?\n"),
        (
            ("--categories", "official/x"),
            2,
            "error: data.categories names 'official/x', which is not a shipped split; ",
        ),
        ((), 1, "error: {}/Annotations: a.xml declares a document type, whose entities can fill the memory; VOC files"),
    ],
)
def test_what_cannot_be_imported_is_told(
    project: Project, tmp_path: Path, options: tuple[str, ...], code: int, message: str
) -> None:
    folder = voc(tmp_path / "set")
    if not options:
        write(folder / "Annotations" / "a.xml", '<!DOCTYPE a [<!ENTITY a "aa">]><annotation/>')
    before = (project.root / "params.yaml").read_text()
    done = project.cli("data", "import", str(folder), *options)
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.startswith(message.format(folder))
    assert (project.root / "params.yaml").read_text() == before
