"""Whether there is something to release: asked at the end of every `make repro`, so it must cost nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from for_retrieval.errors import ForError
from for_retrieval.project import Project
from for_retrieval.release.pointer import Release, lock_of, needs_release, read_release, release_path, write_release


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "dvc.lock").write_text("a")
    return Project(tmp_path)


def test_a_decision_holds_until_the_lock_changes(project: Project) -> None:
    assert needs_release(project)
    written = Release(lock_of(project), 3, False, False, ["refused: no better"], "gen-0")
    write_release(project, written)
    assert read_release(project) == written
    assert not needs_release(project)
    (project.root / "dvc.lock").write_text("b")
    assert needs_release(project)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"lock": "a"}'])
def test_a_damaged_record_is_none(project: Project, content: str) -> None:
    release_path(project).parent.mkdir()
    release_path(project).write_text(content)
    assert read_release(project) is None
    assert needs_release(project)


def test_without_a_lock_nothing_can_be_released(project: Project) -> None:
    (project.root / "dvc.lock").unlink()
    assert needs_release(project)
    with pytest.raises(ForError, match=r"dvc\.lock does not exist, .*; run `dvc repro`"):
        lock_of(project)


@pytest.mark.parametrize("module", ["state", "rollback", "gate"])
def test_what_must_be_fast_loads_nothing_heavy(module: str) -> None:
    heavy = {"mlflow", "torch", "pandas", "pydantic", "yaml", "sqlalchemy"}
    program = f"import sys, for_retrieval.release.{module}; print({heavy!r} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "set()\n", done.stderr
