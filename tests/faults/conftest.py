"""A small project whose first champion was promoted by the flows, to break again and again."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.conftest import REPOSITORY, changed

KILLER = Path(__file__).with_name("killer")
PATIENCE = 600  # seconds for one command


@dataclass(frozen=True)
class Ended:
    """How a command ended. fired: whether the point at which it was to be killed was reached."""

    code: int
    out: str
    err: str
    fired: bool


Run = Callable[..., Ended]


@pytest.fixture(scope="session")
def command(environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Run a program in a project; `point` kills it and all that it started there (killer/sitecustomize.py)."""
    signs = tmp_path_factory.mktemp("fired")

    def run(*words: str, cwd: Path, point: str = "", count: int = 1, **variables: str) -> Ended:
        sign = signs / uuid.uuid4().hex
        fault = {"FAULT_POINT": point, "FAULT_COUNT": str(count), "FAULT_FIRED": str(sign)}
        folders = (KILLER, REPOSITORY / "src", REPOSITORY)  # the flows lie beside src, and are not installed
        path = os.pathsep.join(map(str, folders))
        env = {**environment, **fault, "FAULT_GROUP": sign.name, "PYTHONPATH": path, **variables}
        start = time.monotonic()
        with subprocess.Popen(
            words, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as child:
            out, err = child.communicate(timeout=PATIENCE)
        print(f"{time.monotonic() - start:6.1f} s  {' '.join(words[-3:])}  {point}")  # pytest -s: where the time goes
        return Ended(child.returncode, out, err, sign.exists())

    return run


@pytest.fixture(scope="session")
def flow(command: Run) -> Run:
    """One of the flows, as `python -m flows.NAME`."""

    def run(name: str, *options: str, cwd: Path, **how: Any) -> Ended:
        return command(sys.executable, "-m", f"flows.{name}", *options, cwd=cwd, **how)

    return run


def set_params(root: Path, changes: dict[str, Any]) -> None:
    """Change entries of a project's params.yaml at dotted keys."""
    path = root / "params.yaml"
    values = changed(yaml.safe_load(path.read_text(encoding="utf-8")), changes)
    path.write_text(yaml.safe_dump(values, sort_keys=False), encoding="utf-8")


def pair_of(root: Path) -> tuple[str, int | None, str]:
    """Generation, version and model that CURRENT names."""
    live = json.loads((root / "data" / "index" / "CURRENT").read_text(encoding="utf-8"))["live"]
    return live["generation"], live["version"], live["model"]


@pytest.fixture(scope="session")
def snapshot(tiny_project: Path, flow: Run, command: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny project with version 1 serving, to be put back in its place before each test."""
    done = command(sys.executable, "-m", "dvc", "repro", cwd=tiny_project)
    assert done.code == 0, done.out + done.err
    done = flow("release", cwd=tiny_project)
    assert done.code == 0, done.out + done.err
    assert pair_of(tiny_project)[1] == 1
    kept = tmp_path_factory.mktemp("snapshot") / "project"
    shutil.copytree(tiny_project, kept, symlinks=True)
    return kept


@pytest.fixture
def project(snapshot: Path, tiny_project: Path) -> Path:
    """The project as it was right after its first release, always at the same path: MLflow and DVC remember it."""
    return restored(snapshot, tiny_project)


def restored(snapshot: Path, place: Path) -> Path:
    """Put the snapshot back."""
    shutil.rmtree(place)
    shutil.copytree(snapshot, place, symlinks=True)
    return place
