"""Whether there is something to release: asked at the end of every `make repro`, so it must cost nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from for_retrieval.project import Project
from for_retrieval.release.pointer import Decided, Entry, Pointer, move, needs_release, read_pointer, record_decision

ENTRY = Entry("gen-0", "0", "model-a", "set", None, "2026-01-01")
DECIDED = Decided("model-a", 3, False, False, ["refused: no better"], "gen-0")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A bundle of model-a, and a pointer to something."""
    found = Project(tmp_path)
    exported(found, "model-a")
    found.index.mkdir(parents=True)
    (found.index / "CURRENT").write_text(json.dumps({"live": vars(ENTRY), "previous": []}))
    generation = found.index / "gen-0"
    generation.mkdir()
    about = {"format": 4, "model": "model-a", "bundle": "", "encoder": "", "dataset": "set", "dim": 8, "digest": ""}
    about |= {
        "image_root": "",
        "splits": [],
        "engine": "qdrant-edge",
        "collection": "",
        "n_images": 0,
        "n_points": 0,
        "most": 0,
    }
    (generation / "manifest.json").write_text(json.dumps({**about, "created_by": "", "files": []}))
    return found


def exported(project: Project, model: str) -> None:
    project.bundle.mkdir(parents=True, exist_ok=True)
    (project.bundle / "bundle.json").write_text(json.dumps({"model": model}))


def test_a_decision_holds_until_there_is_another_model(project: Project) -> None:
    assert needs_release(project)
    record_decision(project.index, DECIDED)
    assert read_pointer(project.index).decided == DECIDED
    assert not needs_release(project)
    (project.root / "dvc.lock").write_text("another: 1")  # new images of the gallery, say, or an evaluation
    assert not needs_release(project)
    exported(project, "model-b")
    assert needs_release(project)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"live": {}}', '{"live": 1, "previous": 2}'])
def test_a_damaged_pointer_decides_nothing(project: Project, content: str) -> None:
    record_decision(project.index, DECIDED)
    (project.index / "CURRENT").write_text(content)
    assert needs_release(project)


def test_without_a_bundle_there_is_something_to_do(project: Project) -> None:
    record_decision(project.index, DECIDED)
    (project.bundle / "bundle.json").unlink()
    assert needs_release(project)


def test_nothing_is_written_where_nothing_changes(project: Project) -> None:
    record_decision(project.index, DECIDED)
    before = (project.index / "CURRENT").stat().st_ino
    record_decision(project.index, DECIDED)
    assert (project.index / "CURRENT").stat().st_ino == before
    assert move(project.index, lambda old: old or Pointer(ENTRY)) == read_pointer(project.index)


@pytest.mark.parametrize("module", ["pointer", "promote"])
def test_what_must_be_fast_loads_nothing_heavy(module: str) -> None:
    heavy = {"mlflow", "torch", "numpy", "pandas", "pydantic", "yaml", "sqlalchemy", "filelock"}
    program = f"import sys, for_retrieval.release.{module}; print({heavy!r} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "set()\n", done.stderr
