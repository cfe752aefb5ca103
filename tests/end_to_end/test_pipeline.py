"""One `dvc repro` in a small project, through the real command: what it leaves, and only once."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from PIL import Image
from tests.conftest import check_live, draw_streets

from for_retrieval.files import file_hash, read_json
from for_retrieval.model.encode import FeatureStore
from for_retrieval.model.views import view_key
from for_retrieval.params import load_params
from for_retrieval.records.records import load_records

Command = Callable[..., Any]
Copy = Callable[..., Path]

OUTPUTS = (
    "data/prepared/images.parquet",
    "data/prepared/objects.parquet",
    "data/prepared/dataset.json",
    "data/prepared/captions.json",
    "data/fractions/10.json",
    "data/fractions/100.json",
    "data/validation/profile.json",
    "data/validation/index.html",
    "reports/validation.json",
    "data/features.json",
    "data/learning.json",
    "data/pseudo/in/vocabulary.json",
    "data/pseudo/in/scores.safetensors",
    "data/pseudo/held_out/vocabulary.json",
    "models/heads/in-10/seed0.safetensors",
    "models/heads/in-10/history.json",
    "models/heads/held-out-100/seed0.safetensors",
    "data/evaluation/test.json",
    "reports/compare.json",
    "reports/compare.md",
    "reports/compare.png",
    "reports/compare-categories.png",
    "models/bundle/bundle.json",
    "models/bundle/text.onnx",
    "models/bundle/tokenizer.json",
    "models/bundle/head.safetensors",
    "data/index.json",
    "data/index/CURRENT",
    "dvc.lock",
)


def test_every_output_is_there(project: Path) -> None:
    assert [name for name in OUTPUTS if not (project / name).is_file()] == []
    assert [name for name in OUTPUTS if (project / name).stat().st_size == 0] == []


def test_the_records_are_what_was_asked_for(project: Path) -> None:
    records = load_records(project / "data" / "prepared")
    assert records.images["split"].value_counts().to_dict() == {"train": 60, "val": 10, "test": 40}
    assert records.info.novel == ["dog", "bus"]
    assert all(path.is_file() for path in records.paths(project))
    ten, hundred = (set(read_json(project / "data" / "fractions" / f"{p}.json")["images"]) for p in (10, 100))
    assert ten < hundred
    assert len(hundred) == 60


def test_further_views_are_encoded_of_training_images_alone(project: Path) -> None:
    towers = read_json(project / "data" / "features.json")
    seen, closer = (FeatureStore(project / "data" / "cache" / "features" / towers[key]) for key in ("tower", "teacher"))
    images = load_records(project / "data" / "prepared").images
    whole, train = images["hash"].tolist(), images["hash"][images["split"] == "train"].tolist()
    assert seen.missing([*whole, *(view_key(content, view) for content in train for view in (1, 2))]) == []
    for view in range(1, 8):
        keys = [view_key(content, view) for content in whole]
        assert len(seen.missing(keys)) == len(keys) - (len(train) if view < 3 else 0)
        assert closer.missing(keys) == keys
    assert closer.missing(train) == []


def test_a_head_learns_boxes_first(project: Path) -> None:
    train = load_params(project / "params.yaml").train
    for run in train.runs:
        (history,) = read_json(project / "models" / "heads" / run / "history.json").values()
        assert [set(step) for step in history] == [
            *[{"box", "objectness"}] * train.boxes.steps,
            *[{"base", "pseudo", "region", "local"}] * train.steps,
        ]


def test_the_comparison_says_how_often_boxes_are_right(project: Path) -> None:
    rows = read_json(project / "reports" / "compare.json")["boxes"]
    assert {(row["benchmark"], row["run"]) for row in rows} == {
        ("tiny-streets", "in-10"),
        ("tiny-streets", "held-out-100"),
    }
    for row in rows:
        assert list(row) == ["benchmark", "run", "subset", "results", "iou50", "iou25", "inside", "oracle"]
        assert 0 <= row["iou50"] <= row["iou25"] <= 100
        assert row["iou50"] <= row["oracle"] <= 100
    assert "## Boxes" in (project / "reports" / "compare.md").read_text(encoding="utf-8")


def test_the_held_out_run_was_taught_no_novel_word(project: Path) -> None:
    inside, outside = (
        {text for text, _ in read_json(project / "data" / "pseudo" / mode / "vocabulary.json")}
        for mode in ("in", "held_out")
    )
    assert {"dog", "bus"} <= inside
    assert not [text for text in outside if {"dog", "bus"} & set(text.split())]


def test_the_comparison_holds_every_method_and_run(project: Path) -> None:
    rows = read_json(project / "reports" / "compare.json")["rows"]
    found = {(row["method"], row["label_fraction"], row["vocabulary"]) for row in rows}
    training_free = {(name, 0, "none") for name in ("clip", "dense-clip", "cluster-clip", "ensemble")}
    assert found == training_free | {("for", 10, "in"), ("for", 100, "held_out")}
    assert {row["query_set"] for row in rows} == {"names", "attributes", "synonyms"}
    assert {row["subset"] for row in rows} >= {"base", "novel", "all"}
    assert {row["benchmark"] for row in rows} == {"tiny-streets"}
    text = (project / "reports" / "compare.md").read_text(encoding="utf-8")
    assert "| FOR, 10 % of the labels, novel names in the pseudo vocabulary | 1 |" in text
    assert "| FOR, 100 % of the labels, novel names held out of it | 1 |" in text
    with Image.open(project / "reports" / "compare.png") as picture:
        picture.load()


def test_the_index_is_whole_and_of_the_exported_model(project: Path) -> None:
    manifest = check_live(project / "data" / "index")
    assert (manifest.n_images, manifest.splits) == (40, ["test"])
    assert manifest.model == read_json(project / "models" / "bundle" / "bundle.json")["model"]
    summary = read_json(project / "data" / "index.json")
    assert summary["images"] == 40
    assert summary["points"] == manifest.n_points
    assert summary["digest"] == manifest.digest


def test_the_bundle_serves_the_head_that_params_name(project: Path) -> None:
    heads = project / "models" / "heads"
    assert file_hash(project / "models" / "bundle" / "head.safetensors") == file_hash(
        heads / "in-10" / "seed0.safetensors"
    )


def test_a_second_repro_has_nothing_to_do(project: Path, run: Command) -> None:
    before = {
        path: path.stat().st_mtime_ns for path in project.rglob("*") if path.is_file() and ".dvc" not in path.parts
    }
    done = run(sys.executable, "-m", "dvc", "repro", cwd=project)
    assert done.code == 0, done.err
    assert "Running stage" not in done.out
    assert "Data and pipelines are up to date." in done.out
    after = {path: path.stat().st_mtime_ns for path in before}
    assert after == before


def test_indexing_again_changes_no_file(project: Path, copy: Copy, cli: Command) -> None:
    folder = copy("data/prepared", "data/cache", "data/features.json", "data/index.json", "data/index", "models")
    files = [path for path in (folder / "data" / "index").rglob("*") if path.is_file()]
    before = {path: (path.stat().st_mtime_ns, file_hash(path)) for path in files}
    summary = file_hash(folder / "data" / "index.json")
    done = cli("index", cwd=folder)
    assert (done.code, done.err.splitlines()[-1]) == (0, "40 images, 640 regions")
    after = {path: (path.stat().st_mtime_ns, file_hash(path)) for path in files}
    assert after == before
    assert file_hash(folder / "data" / "index.json") == summary
    assert not list((folder / "data" / "index").glob(".building-*"))


def test_a_new_image_in_the_gallery_is_nothing_to_learn_from(project: Path, copy: Copy, cli: Command) -> None:
    """So DVC trains no head again: of `features`, `pseudo` and `train` depend on learning.json alone."""
    folder = copy("data/cache")
    for count in (40, 41):
        draw_streets(folder, test=count)
        for stage in ("prepare", "features"):
            done = cli(stage, cwd=folder)
            assert done.code == 0, done.err
        assert read_json(folder / "data" / "features.json")["images"] == 70 + count
        assert file_hash(folder / "data" / "learning.json") == file_hash(project / "data" / "learning.json")
    assert done.err.splitlines()[-1] == "1 images encoded, 0 for the teacher, the rest were known"
    stages = yaml.safe_load((project / "dvc.yaml").read_text())["stages"]
    of_all = {"data/features.json", "data/prepared", "data/prepared/images.parquet", "data/prepared/objects.parquet"}
    for stage in (stages["pseudo"], stages["train"]["do"]):
        assert "data/learning.json" in stage["deps"]
        assert not of_all & set(stage["deps"])
