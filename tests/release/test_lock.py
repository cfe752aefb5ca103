"""The release lock: one retrain, release, refresh, build or promotion at a time in a project."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from for_retrieval.release.pointer import HOLDER, Busy, release_lock

PROGRAM = textwrap.dedent("""
    import sys
    from pathlib import Path
    from for_retrieval.release.pointer import release_lock
    with release_lock(Path.cwd(), "retrain"):
        print("held", flush=True)
        sys.stdin.read()
""")


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lock until its stdin ends."""
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM], cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def noted(root: Path) -> dict[str, object]:
    value: dict[str, object] = json.loads((root / "var" / "release-holder.json").read_text(encoding="utf-8"))
    return value


def test_a_second_process_is_refused_with_the_name_of_the_first(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    said: list[str] = []
    with pytest.raises(Busy) as caught, release_lock(tmp_path, "release", say=said.append):
        pytest.fail("two at once")
    expected = rf"retrain runs here already \(pid {holder.pid}, since 20\S+\); wait .* --wait"
    assert re.fullmatch(expected, str(caught.value))
    assert caught.value.exit_code == 1
    assert said == []
    assert noted(tmp_path)["pid"] == holder.pid


def test_with_wait_it_gets_its_turn(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    said: list[str] = []

    def say(line: str) -> None:
        said.append(line)
        assert holder.stdin is not None
        holder.stdin.close()  # the holder ends only now, so this one has waited

    with release_lock(tmp_path, "release", wait=True, say=say):
        assert noted(tmp_path)["pid"] == os.getpid()
    assert len(said) == 1
    assert f"pid {holder.pid}" in said[0]
    assert not (tmp_path / "var" / "release-holder.json").exists()


def test_a_killed_process_holds_nothing(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    holder.kill()
    holder.wait()
    assert noted(tmp_path)["what"] == "retrain"  # what it left says nothing any more
    with release_lock(tmp_path, "release"):
        assert noted(tmp_path)["what"] == "release"


def test_what_the_holder_starts_passes_through(tmp_path: Path) -> None:
    with release_lock(tmp_path, "retrain"):
        with release_lock(tmp_path, "build"):  # a call inside
            pass
        assert noted(tmp_path)["what"] == "retrain"
        child = subprocess.run(
            [sys.executable, "-c", PROGRAM], cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True, text=True
        )
        assert (child.returncode, child.stdout) == (0, "held\n"), child.stderr
        assert noted(tmp_path)["what"] == "retrain"
    assert HOLDER not in os.environ


def test_a_process_with_the_token_of_a_holder_that_has_ended_is_no_child(
    tmp_path: Path, holder: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(HOLDER, "of an earlier holder")
    with pytest.raises(Busy), release_lock(tmp_path, "release"):
        pytest.fail("two at once")


def test_an_error_inside_frees_it(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), release_lock(tmp_path, "release"):
        1 / 0  # noqa: B018
    with release_lock(tmp_path, "release"):
        pass
