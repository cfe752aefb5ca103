"""kill -9 in the middle of a stage: the same command then ends as if nothing had happened."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import check_live

from for_retrieval.files import file_hash

Command = Callable[..., Any]
Copy = Callable[..., Path]
Kill = Callable[..., None]


def hashes(folder: Path, *parts: str) -> dict[str, str]:
    """The content of every file below parts of a project, temporary ones included."""
    paths = [path for part in parts for path in (folder / part).rglob("*")]
    paths += [folder / part for part in parts if (folder / part).is_file()]
    return {path.relative_to(folder).as_posix(): file_hash(path) for path in paths if path.is_file()}


@pytest.fixture
def killed(environment: dict[str, str]) -> Callable[..., bool]:
    """Start `for-cli` and kill it as soon as `ready` says so; False if it was faster than that."""

    def start_and_kill(folder: Path, ready: Callable[[], bool], arguments: tuple[str, ...]) -> bool:
        child = subprocess.Popen(
            ["for-cli", *arguments],
            cwd=folder,
            env=environment,
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        end = time.monotonic() + 120
        while child.poll() is None and not ready() and time.monotonic() < end:
            time.sleep(0.001)
        child.kill()
        was_running = child.wait() == -signal.SIGKILL
        wait_for_workers(child.pid)
        return was_running

    return start_and_kill


@pytest.fixture
def kill(killed: Callable[..., bool]) -> Kill:
    """Kill `for-cli` as soon as `count` files that match `sign` are there.

    A run that was faster than that is taken back (`made` is removed) and tried again.
    """

    def kill(folder: Path, made: str, sign: str, count: int, *arguments: str) -> None:
        for _ in range(5):
            if killed(folder, lambda: len(list(folder.glob(sign))) >= count, arguments):
                return
            shutil.rmtree(folder / made)
        pytest.fail("it always ended before it could be killed")

    return kill


@pytest.fixture
def kill_after(killed: Callable[..., bool]) -> Callable[..., None]:
    """Kill `for-cli` some seconds after its start; sooner, with `made` removed, where it ended before that."""

    def kill(folder: Path, made: str, seconds: float, *arguments: str) -> None:
        for attempt in range(5):
            end = time.monotonic() + seconds / 2**attempt
            was_running = killed(folder, lambda end=end: time.monotonic() >= end, arguments)  # type: ignore[misc]
            if was_running and not (folder / made).exists():  # else it was written, and only its exit was cut off
                return
            (folder / made).unlink()
        pytest.fail("it always ended before it could be killed")

    return kill


def alive(group: int) -> list[str]:
    """The processes of a group that are not zombies."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, leader = path.read_text().rpartition(")")[2].split()[:3]
            if int(leader) == group and state != "Z":
                found.append(path.parent.name)
    return found


def wait_for_workers(group: int) -> None:
    """The workers of a killed command must end by themselves."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        if not alive(group):
            return
        time.sleep(0.05)
    os.killpg(group, signal.SIGKILL)
    pytest.fail("workers outlived the command that started them")


PREPARED = ("data/prepared", "data/features.json", "data/learning.json", "data/cache")
TAUGHT = (*PREPARED, "data/fractions", "data/pseudo", "models")


@pytest.mark.parametrize(
    ("stage", "needs", "made", "sign"),
    [
        ("prepare", (), "data/prepared", "captions.json"),
        ("pseudo in", PREPARED, "data/pseudo/in", "vocabulary.json"),
        ("validate", ("data/prepared", "data/fractions"), "data/validation", "profile.json"),
        ("compare", ("data/evaluation",), "reports", "compare.json"),
        ("export", (*PREPARED, "data/validation", "models/heads"), "models/bundle", "text.onnx"),
    ],
)
def test_between_the_files_of_a_stage(
    stage: str, needs: tuple[str, ...], made: str, sign: str, project: Path, copy: Copy, cli: Command, kill: Kill
) -> None:
    folder = copy(*needs)
    kill(folder, made, f"{made}/{sign}", 1, *stage.split())
    done = cli(*stage.split(), cwd=folder)
    assert done.code == 0, done.err
    found = hashes(folder, made)
    expected = hashes(project, made)
    expected.pop("reports/validation.json", None)  # another stage's, in the same folder
    assert {name: value for name, value in found.items() if not Path(name).name.startswith(".")} == expected


@pytest.mark.parametrize(
    ("stage", "needs", "made", "seconds"),
    [
        ("fractions 10", ("data/prepared",), "data/fractions/10.json", 0.4),
        ("evaluate", TAUGHT, "data/evaluation/test.json", 4.0),
    ],
)
def test_before_the_only_file_of_a_stage(
    stage: str, needs: tuple[str, ...], made: str, seconds: float, project: Path, copy: Copy, cli: Command,
    kill_after: Callable[..., None],
) -> None:  # fmt: skip
    folder = copy(*needs)
    kill_after(folder, made, seconds, *stage.split())
    assert not (folder / made).exists()
    done = cli(*stage.split(), cwd=folder)
    assert done.code == 0, done.err
    assert hashes(folder, made) == hashes(project, made)


def test_index(project: Path, copy: Copy, cli: Command, kill: Kill) -> None:
    """Killed while the next generation is built: no query ever sees it, and the next run clears it away."""
    folder = copy(*PREPARED, "models")
    kill(folder, "data/index", "data/index/.building-*", 1, "index")
    assert not (folder / "data" / "index" / "CURRENT").exists()
    done = cli("index", cwd=folder)
    assert done.code == 0, done.err
    assert check_live(folder / "data" / "index") == check_live(project / "data" / "index")
    assert hashes(folder, "data/index.json") == hashes(project, "data/index.json")
    assert not list((folder / "data" / "index").glob(".building-*"))


def test_features(project: Path, copy: Copy, cli: Command, kill: Kill) -> None:
    """Killed while the shard is written: half a file must never be taken for a whole one."""
    folder = copy("data/prepared")
    kill(folder, "data/cache", "data/cache/features/*/.*.safetensors", 1, "features")
    done = cli("features", cwd=folder)
    assert done.code == 0, done.err
    assert hashes(folder, "data/features.json") == hashes(project, "data/features.json")
    shards, expected = hashes(folder, "data/cache/features"), hashes(project, "data/cache/features")
    assert {name: value for name, value in shards.items() if "/." not in name} == expected


def test_train(project: Path, copy: Copy, cli: Command, kill: Kill) -> None:
    """Killed at the first checkpoint."""
    parts = (*PREPARED, "data/fractions", "data/pseudo")
    folder = copy(*parts)
    shutil.rmtree(folder / "data" / "cache" / "progress", ignore_errors=True)
    kill(folder, "models", "data/cache/progress/[!.]*.pt", 1, "train", "in-10")
    assert not (folder / "models").exists()
    done = cli("train", "in-10", cwd=folder)
    assert done.code == 0, done.err
    assert hashes(folder, "models/heads/in-10") == hashes(project, "models/heads/in-10")
    (left,) = (folder / "data/cache/progress").iterdir()  # the box net, for other runs on the same labels
    assert (project / "data/cache/progress" / left.name).exists()
