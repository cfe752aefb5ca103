"""DVC as a child: its output arrives at once, and it never outlives the process that started it."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from for_retrieval.errors import ForError
from for_retrieval.stages import dvc

Alive = Callable[[int], bool]
Until = Callable[..., None]

# A stage whose shell and grandchild both ignore SIGTERM: only SIGKILL ends them.
STUBBORN = """\
import os, pathlib, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
pathlib.Path("pids").write_text(f"{os.getpid()} {child.pid} {os.getppid()}")
print("training", flush=True)
time.sleep(300)
"""
STAGES = """\
stages:
  slow: {cmd: python stubborn.py, outs: [slow.txt]}
  broken: {cmd: "echo begun; echo 'error: the set has no images; run for-cli data import' >&2; exit 3"}
  patient: {cmd: "echo first; until [ -e go ]; do sleep 0.05; done; echo done > out.txt", outs: [out.txt]}
  killed: {cmd: "kill -9 $$"}
"""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    (tmp_path / ".dvc").mkdir()
    (tmp_path / ".dvc" / "config").write_text(
        "[core]\n    analytics = false\n    check_update = false\n    no_scm = true\n"
    )
    (tmp_path / "dvc.yaml").write_text(STAGES)
    (tmp_path / "stubborn.py").write_text(STUBBORN)
    return tmp_path


def pids(folder: Path) -> list[int]:
    """What the stubborn stage has noted: itself, its child, and DVC."""
    return [int(pid) for pid in (folder / "pids").read_text().split()]


def test_each_line_arrives_while_the_stage_runs(repository: Path) -> None:
    lines: list[str] = []

    def say(line: str) -> None:
        lines.append(line)
        if line == "first":  # what the stage waits for; it would wait for ever if lines came at the end
            (repository / "go").touch()

    dvc.dvc(repository, "repro", "patient", say=say)
    assert "Running stage 'patient':" in lines
    assert (repository / "out.txt").exists()


def test_a_failed_stage_is_named_with_what_it_said(repository: Path) -> None:
    with pytest.raises(ForError) as caught:
        dvc.dvc(repository, "repro", "broken", say=lambda line: None)
    assert str(caught.value) == "stage broken failed: the set has no images; run for-cli data import"


@pytest.mark.parametrize(
    ("target", "said"), [("killed", "stage killed failed: .*exited with -9"), ("nothing", "dvc repro nothing failed: ")]
)
def test_other_failures_are_sentences_too(target: str, said: str, repository: Path) -> None:
    with pytest.raises(ForError, match=said):
        dvc.dvc(repository, "repro", target, say=lambda line: None)


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, TimeoutError])
def test_a_cancellation_ends_the_whole_group_within_two_seconds(
    error: type[BaseException], repository: Path, alive: Alive
) -> None:
    began: list[float] = []

    def say(line: str) -> None:
        if line == "training":
            began.append(time.monotonic())
            raise error

    with pytest.raises(error):
        dvc.dvc(repository, "repro", "slow", say=say)
    assert time.monotonic() - began[0] < 2
    assert [pid for pid in pids(repository) if alive(pid)] == []


def test_kill_minus_nine_of_the_flow_leaves_no_child(repository: Path, alive: Alive, until: Until) -> None:
    program = textwrap.dedent("""
        from pathlib import Path
        from for_retrieval.stages import dvc
        dvc.dvc(Path.cwd(), "repro", "slow", say=print)
    """)
    flow = subprocess.Popen([sys.executable, "-c", program], cwd=repository, stdout=subprocess.DEVNULL)
    until(lambda: (repository / "pids").exists() and len(pids(repository)) == 3, 30, "the stage runs")
    assert all(alive(pid) for pid in pids(repository))
    flow.send_signal(signal.SIGKILL)
    flow.wait()
    until(lambda: not any(alive(pid) for pid in pids(repository)), 5, "the stage and DVC have ended")
    (repository / "go").touch()
    dvc.dvc(repository, "repro", "patient", say=lambda line: None)  # what DVC left locked does not matter


def test_what_would_run_is_told(repository: Path) -> None:
    (repository / "go").touch()
    assert "patient" in dvc.stale(repository)
    dvc.dvc(repository, "repro", "patient", say=lambda line: None)
    assert "patient" not in dvc.stale(repository)
    assert not dvc.config(repository)["remote"]
