"""What goes wrong around a retrain: the champion keeps serving, and one sentence says what to do."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import REPOSITORY, draw_streets
from tests.faults.conftest import pair_of, set_params

pytestmark = pytest.mark.faults
Run = Callable[..., Any]
NOBODY = "http://127.0.0.1:9"  # the discard port: nothing listens


@pytest.fixture
def champion(project: Path, command: Run) -> Iterator[tuple[str, int | None, str]]:
    """The pair that serves; after the test it must still be the one that answers."""
    before = pair_of(project)
    yield before
    assert pair_of(project) == before
    done = command("for-cli", "query", "car", "--json", cwd=project)
    assert done.code == 0, done.err
    assert f'"generation": "{before[0]}"' in done.out


def test_a_worse_model_is_refused(project: Path, champion: Any, flow: Run, command: Run) -> None:
    set_params(project, {"model.input_size": 64})  # four cells
    done = flow("retrain", cwd=project)
    assert done.code == 0, done.out + done.err
    assert "version 2 was refused" in done.out.splitlines()[-1]
    assert f"version 1 ({champion[0]}) keeps serving" in done.out.splitlines()[-1]
    shown = command("for-cli", "models", "show", "2", "--json", cwd=project)
    assert '"refused"' in shown.out


def test_a_broken_set_stops_before_anything_expensive(project: Path, champion: Any, flow: Run) -> None:
    features = (project / "data" / "features.json").stat().st_mtime_ns
    draw_streets(project, train=61)
    set_params(project, {"checks.min_images": 50})  # val has 10
    done = flow("retrain", cwd=project)
    assert done.code == 1
    assert "stage validate failed" in done.err
    assert "val" in done.err
    assert (project / "data" / "features.json").stat().st_mtime_ns == features


def test_a_missing_mlflow_server(project: Path, champion: Any, flow: Run, command: Run) -> None:
    set_params(project, {"train.steps": 15})
    for done in (
        flow("retrain", cwd=project, MLFLOW_TRACKING_URI=NOBODY),
        command("for-cli", "models", "register", cwd=project, MLFLOW_TRACKING_URI=NOBODY),
    ):
        assert done.code == 1, done.out + done.err
        assert NOBODY in done.err
        assert "MLFLOW_TRACKING_URI" in done.err
        assert "Traceback" not in done.err


def test_a_missing_prefect_server(project: Path, champion: Any, flow: Run) -> None:
    for name in ("retrain", "refresh_index", "monitor"):
        done = flow(name, cwd=project, PREFECT_API_URL=f"{NOBODY}/api")
        assert done.code == 1
        assert f"no Prefect server answers at {NOBODY}/api" in done.err
        assert "make up" in done.err


def test_two_retrains_at_once(project: Path, environment: dict[str, str], flow: Run) -> None:
    set_params(project, {"train.steps": 16})
    note = project / "var" / "release-holder.json"
    command = [sys.executable, "-m", "flows.retrain", "--force"]
    variables = {**environment, "PYTHONPATH": os.pathsep.join([str(REPOSITORY / "src"), str(REPOSITORY)])}
    with subprocess.Popen(command, cwd=project, env=variables, stdout=subprocess.PIPE, text=True) as first:
        while first.poll() is None and "retrain" not in (note.read_text(encoding="utf-8") if note.exists() else ""):
            time.sleep(0.05)
        refused = flow("retrain", cwd=project)
        assert first.poll() is None, "the first one was done before the second could meet it"
        waited = flow("retrain", "--wait", cwd=project)
        out, _ = first.communicate(timeout=600)
    assert first.returncode == 0, out
    assert "version 2 is the champion, by --force" in out.splitlines()[-1]
    assert refused.code == 1
    assert f"retrain runs here already (pid {first.pid}" in refused.err
    assert "--wait" in refused.err
    assert waited.code == 0, waited.err
    assert "nothing to release" in waited.out.splitlines()[-1]
    assert pair_of(project)[1] == 2


@pytest.fixture
def small_disk(project: Path) -> Iterator[Path]:
    """The index on a file system of its own that has two megabytes left."""
    index = project / "data" / "index"
    kept = index.with_name("index-before")
    index.rename(kept)
    index.mkdir()
    size = sum(path.stat().st_blocks * 512 for path in kept.rglob("*")) + (2 << 20)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(index)], capture_output=True)
    if mounted.returncode:
        pytest.skip("a small file system needs the right to mount one")
    try:
        shutil.copytree(kept, index, dirs_exist_ok=True, symlinks=True)
        yield index
    finally:
        subprocess.run(["umount", str(index)], check=True)
        shutil.rmtree(index)
        kept.rename(index)


def test_a_full_disk(project: Path, small_disk: Path, flow: Run, command: Run) -> None:
    before, filler, room = pair_of(project), small_disk / "filler", os.statvfs(small_disk)
    filler.write_bytes(bytes(max(0, room.f_bavail * room.f_frsize - (128 << 10))))
    draw_streets(project, test=44)
    done = flow("refresh_index", cwd=project)
    assert done.code == 1, done.out + done.err
    assert "No space left" in done.err
    assert "Traceback" not in done.err
    assert not list(small_disk.glob(".building-*"))
    assert pair_of(project) == before
    assert command("for-cli", "query", "car", cwd=project).code == 0

    filler.unlink()
    subprocess.run(["mount", "-o", "remount,size=2g", str(small_disk)], check=True)
    done = flow("refresh_index", cwd=project)
    assert done.code == 0, done.out + done.err
    assert pair_of(project)[0] != before[0]
    assert pair_of(project)[1] == before[1]
