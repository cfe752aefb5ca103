"""One flow at a time."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flows.lock import Busy, lifecycle_lock
from tests.conftest import REPOSITORY

Until = Callable[..., None]

HOLDER = textwrap.dedent("""
    import sys
    from pathlib import Path
    from flows.lock import lifecycle_lock
    with lifecycle_lock(Path.cwd(), "retrain", wait=False, say=print):
        print("held", flush=True)
        sys.stdin.read()
""")


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lock until its stdin ends."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_second_flow_is_refused_with_who_holds_it(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    said: list[str] = []
    with pytest.raises(Busy) as caught, lifecycle_lock(tmp_path, "release", wait=False, say=said.append):
        pytest.fail("two at once")
    expected = rf"retrain already runs here \(pid {holder.pid}, since 20\S+\); wait .* --wait"
    assert re.fullmatch(expected, str(caught.value))
    assert caught.value.exit_code == 1
    assert said == []


def test_with_wait_it_gets_its_turn(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    said: list[str] = []

    def say(line: str) -> None:
        said.append(line)
        assert holder.stdin is not None
        holder.stdin.close()  # the holder ends only now, so this one has waited

    with lifecycle_lock(tmp_path, "release", wait=True, say=say):
        assert f'"pid": {os.getpid()}' in (tmp_path / "var" / "lifecycle.lock").read_text()
    assert len(said) == 1
    assert f"pid {holder.pid}" in said[0]
    assert (tmp_path / "var" / "lifecycle.lock").read_text() == ""


def test_a_killed_flow_holds_nothing(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    holder.kill()
    holder.wait()
    with lifecycle_lock(tmp_path, "release", wait=False, say=print):
        assert '"release"' in (tmp_path / "var" / "lifecycle.lock").read_text(encoding="utf-8")
