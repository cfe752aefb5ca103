"""The tiny project after one `dvc repro`, and the real command in child processes."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Done:
    """What a command left: its exit code, stdout and stderr."""

    code: int
    out: str
    err: str


Command = Callable[..., Done]
Copy = Callable[..., Path]


@pytest.fixture(scope="session")
def run(environment: dict[str, str]) -> Command:
    """Run a program in a folder; `for-cli` and `dvc` are found as a user's shell finds them."""

    def call(*command: str, cwd: Path, **variables: str) -> Done:
        done = subprocess.run(
            command,
            cwd=cwd,
            env={**environment, **variables},
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=300,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    return call


@pytest.fixture(scope="session")
def cli(run: Command) -> Command:
    """`for-cli` with these arguments."""

    def call(*arguments: str, cwd: Path, **variables: str) -> Done:
        return run("for-cli", *arguments, cwd=cwd, **variables)

    return call


@pytest.fixture(scope="session")
def project(tiny_project: Path, run: Command) -> Path:
    """The tiny project with everything made by one `dvc repro`; tests only read it."""
    done = run(sys.executable, "-m", "dvc", "repro", cwd=tiny_project)
    assert done.code == 0, done.out + done.err
    return tiny_project


@pytest.fixture
def copy(project: Path, tmp_path: Path) -> Copy:
    """A copy of parts of the project, to spoil."""

    def make(*parts: str) -> Path:
        folder = tmp_path / "copy"
        folder.mkdir()
        for part in ("params.yaml", *parts):
            source, target = project / part, folder / part
            target.parent.mkdir(parents=True, exist_ok=True)
            (shutil.copytree if source.is_dir() else shutil.copyfile)(source, target)
        return folder

    return make
