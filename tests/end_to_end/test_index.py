"""The index after the stage: refreshed when images come, change and go, looked at, verified, rolled back."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from tests.conftest import draw_streets, take_out

from for_retrieval.release.build import check_generation
from for_retrieval.release.pointer import go_live, read_pointer

Command = Callable[..., Any]
Copy = Callable[..., Path]

PARTS = ("data/prepared", "data/cache", "data/features.json", "data/index", "models/bundle", "reports")


@pytest.fixture
def folder(copy: Copy) -> Path:
    """A copy of the project with its index; version 1 serves."""
    root = copy(*PARTS)
    go_live(root / "data" / "index", read_pointer(root / "data" / "index").live.generation, 1, 3)
    return root


def change_images(root: Path) -> tuple[str, str, str]:
    """One more image, one with another content, one less: (new, changed, deleted) ids."""
    draw_streets(root, test=41)
    take_out(root, "test_00000")
    path = root / "data" / "streets" / "images" / "test_00001.jpg"
    with Image.open(path) as picture:
        picture.convert("RGB").transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(path)
    return "test_00040", "test_00001", "test_00000"


def done_json(done: Any) -> Any:
    assert done.code == 0, done.err
    return json.loads(done.out)


def found_by(cli: Command, root: Path) -> dict[str, Any]:
    """Every image that a query finds, and what answered it."""
    value = done_json(cli("query", "red car", "--json", "-k", "1000", cwd=root))
    return {**value, "images": {result["image_id"]: result["score"] for result in value["results"]}}


def test_a_refresh_from_new_images_to_rollback(folder: Path, cli: Command) -> None:
    index = folder / "data" / "index"
    before = found_by(cli, folder)
    first = done_json(cli("index", "refresh", "--json", cwd=folder))
    assert first["nothing_to_do"]
    assert (first["before"], first["unchanged"], first["encoded"]) == (before["generation"], 40, 0)

    new, changed, deleted = change_images(folder)
    status = done_json(cli("index", "status", "--json", cwd=folder))
    assert status["waiting"] == {"new": 1, "changed": 1, "deleted": 1}
    done = cli("index", "refresh", cwd=folder)
    assert done.code == 0, done.err
    name = read_pointer(index).live.generation
    said = "1 new, 1 changed, 1 deleted, 38 unchanged; 2 encoded"
    assert done.err.splitlines()[-1] == f"{said}; {name} serves now instead of {before['generation']}"
    after = found_by(cli, folder)
    assert (after["generation"], after["version"], after["model"]) == (name, 1, before["model"])
    assert set(after["images"]) == {*before["images"], new} - {deleted}
    same = {key: score for key, score in after["images"].items() if key not in (new, changed)}
    assert same == {key: score for key, score in before["images"].items() if key not in (changed, deleted)}
    assert after["images"][changed] != before["images"][changed]
    # Its bundle is the old one's, file by file: not copied again.
    for path in (index / before["generation"] / "bundle").iterdir():
        assert path.samefile(index / name / "bundle" / path.name)

    # A full build of the same images is the same generation, and answers the same.
    fresh = shutil.copytree(folder, folder.with_name("fresh"))
    shutil.rmtree(fresh / "data" / "index")
    assert cli("index", cwd=fresh).code == 0
    full = found_by(cli, fresh)
    assert full["generation"] == name
    assert full["images"] == pytest.approx(after["images"], abs=0.01)
    report = done_json(cli("index", "verify", "--json", cwd=folder))
    assert (report["generation"], report["images"], report["ok"], report["problems"]) == (name, 40, True, [])
    assert report["recall"] >= 0.99

    back = cli("index", "rollback", cwd=folder)
    note = "note: its index is of an earlier gallery (40 images, 40 before the rollback); run `for-cli index refresh`"
    assert (back.code, back.err) == (0, f"{before['generation']} serves again, with model version 1\n{note}\n")
    assert found_by(cli, folder)["images"] == before["images"]


def test_verify_says_what_is_wrong(folder: Path, cli: Command) -> None:
    name = read_pointer(folder / "data" / "index").live.generation
    generation = folder / "data" / "index" / name
    page = next(generation.glob("engine/segments/*/vector_storage/vectors/chunk_0.mmap"))
    content = bytearray(page.read_bytes())
    content[:64] = bytes(64)
    page.write_bytes(content)
    done = cli("index", "verify", cwd=folder)
    assert done.code == 1
    assert f"error: the index is damaged: the content of {page} has changed; run `for-cli index`" in done.err
    assert cli("index", cwd=folder).code == 0  # repairs it
    assert check_generation(generation).n_images == 40
    assert done_json(cli("index", "verify", "--json", cwd=folder))["ok"]


def test_a_new_model_waits_for_its_promotion(folder: Path, cli: Command) -> None:
    """The champion goes on serving, and a query says so."""
    before = found_by(cli, folder)
    path = folder / "models" / "bundle" / "bundle.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "model": "for-another"}))
    done = cli("index", cwd=folder)
    said = "40 images, 640 regions; version 1 goes on serving until `for-cli models promote`"
    assert (done.code, done.err.splitlines()[-1]) == (0, said)
    done = cli("query", "red car", "--json", "-k", "1", cwd=folder)
    assert done.err == "note: a newer model was built but not promoted; for-cli models promote\n"
    assert json.loads(done.out)["generation"] == before["generation"]
    assert done_json(cli("index", "status", "--json", cwd=folder))["generations"][-1]["role"] == "candidate"


def test_queries_are_logged_unless_told_otherwise(folder: Path, cli: Command) -> None:
    log = folder / "var" / "queries.jsonl"
    cli("query", "red car", cwd=folder, FOR_QUERY_LOG="false")
    assert not log.exists()
    value = done_json(cli("query", "red car", "--json", cwd=folder))
    (line,) = (json.loads(line) for line in log.read_text().splitlines())
    assert (line["query"], line["generation"], line["version"]) == ("red car", value["generation"], 1)
    assert (line["best"], line["count"]) == (value["results"][0]["score"], 10)
