"""The commands before anything heavy is loaded, and where Prefect cannot be reached."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import REPOSITORY

from for_retrieval.files import file_hash, write_json

Command = Callable[..., Any]
Until = Callable[..., None]
FLOWS = ("retrain", "refresh_index", "monitor", "release")


@pytest.fixture
def flow(run: Command) -> Command:
    """`python -m flows.NAME` in a folder."""

    def call(name: str, *options: str, cwd: Path, **variables: str) -> Any:
        return run(sys.executable, "-m", f"flows.{name}", *options, cwd=cwd, PYTHONPATH=str(REPOSITORY), **variables)

    return call


@pytest.fixture
def root(tmp_path: Path, write_tiny: Callable[[Path], Path]) -> Path:
    write_tiny(tmp_path)
    (tmp_path / "dvc.lock").write_text("nothing yet\n")
    return tmp_path


@pytest.fixture(scope="session")
def nobody() -> str:
    """The address of a port where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}/api"


@pytest.mark.parametrize("name", FLOWS)
def test_a_server_that_is_gone_is_told_in_time(name: str, root: Path, flow: Command, nobody: str) -> None:
    began = time.monotonic()
    done = flow(name, cwd=root, PREFECT_API_URL=nobody)
    assert time.monotonic() - began < 10
    assert done.code == 1
    assert done.err.strip() == (
        f"error: no Prefect server answers at {nobody}; start it with `make up`, "
        "or unset PREFECT_API_URL to run without a server"
    )


def test_a_folder_that_cannot_be_written_is_told_in_time(root: Path, flow: Command) -> None:
    (root / "file").touch()
    done = flow("monitor", cwd=root, PREFECT_HOME=str(root / "file"))
    assert done.code == 1
    assert done.err.strip().splitlines()[-1].startswith(f"error: {root / 'file'} cannot be written (")


def test_a_release_of_nothing_new_loads_no_prefect_and_says_so(root: Path, run: Command) -> None:
    lock = file_hash(root / "dvc.lock")
    release = {"lock": lock, "version": 1, "promoted": True, "forced": False, "reasons": [], "generation": "gen-1"}
    write_json(root / "data" / "release.json", release)
    program = "import sys; from flows.release import main; print(main(), {'prefect', 'mlflow'} & set(sys.modules))"
    done = run(sys.executable, "-c", program, cwd=root, PYTHONPATH=str(REPOSITORY))
    assert done.out.splitlines() == [
        "nothing to release: nothing was trained since the last decision; nothing serves",
        "0 set()",
    ], done.err


def test_force_is_for_what_was_refused(root: Path, flow: Command, nobody: str) -> None:
    """Then there is something to do, so that the server is asked for."""
    lock = file_hash(root / "dvc.lock")
    for promoted, code in ((True, 0), (False, 1)):
        release = {
            "lock": lock, "version": 1, "promoted": promoted, "forced": False, "reasons": [], "generation": "gen-1"
        }  # fmt: skip
        write_json(root / "data" / "release.json", release)
        assert flow("release", "--force", cwd=root, PREFECT_API_URL=nobody).code == code


def test_outside_a_project(tmp_path: Path, flow: Command) -> None:
    done = flow("release", cwd=tmp_path)
    assert done.code == 2
    assert done.err.startswith("error: no params.yaml in ")


def test_the_shell_is_told_all_that_a_flow_sets(root: Path, flow: Command) -> None:
    done = flow("exports", cwd=root)
    assert done.code == 0
    assert done.err == ""
    lines = done.out.splitlines()
    assert f"export PREFECT_HOME={root / 'var' / 'prefect'}" in lines
    assert "export PREFECT_API_URL=http://127.0.0.1:4200/api" in lines
    assert {"export DO_NOT_TRACK=1", "export PREFECT_SERVER_ANALYTICS_ENABLED=false"} <= set(lines)


SLEEPER = """
import sys, time
from flows.command import run
from prefect import flow, get_run_logger

@flow
def sleeper():
    get_run_logger().info("it sleeps now")
    time.sleep(600)

sys.exit(run(lambda: str(sleeper())))
"""


def test_ctrl_c_ends_a_flow_that_has_a_server_of_its_own(root: Path, environment: dict[str, str], until: Until) -> None:
    """A terminal sends it to the whole group; Prefect waits for minutes for a server that it ends too."""
    log = root / "log.txt"
    with log.open("w") as out:
        child = subprocess.Popen(
            [sys.executable, "-c", SLEEPER], cwd=root, env={**environment, "PYTHONPATH": str(REPOSITORY)},
            stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # background shells ignore it
        )  # fmt: skip
        try:
            until(lambda: "it sleeps now" in log.read_text(), 90, "the flow runs")
            os.killpg(child.pid, signal.SIGINT)
            assert child.wait(timeout=30) == 130
        finally:
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGKILL)
    lines = log.read_text().splitlines()
    assert "interrupted; the same command goes on where it stopped" in lines
    assert not [line for line in lines if "Traceback" in line]
