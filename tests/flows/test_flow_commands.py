"""The commands before anything heavy is loaded, and where Prefect cannot be reached."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import REPOSITORY, processes_of

from for_retrieval.errors import TransientError
from for_retrieval.files import write_json

Command = Callable[..., Any]
Until = Callable[..., None]
CODE = os.pathsep.join([str(REPOSITORY / "src"), str(REPOSITORY)])  # flows lie beside src, and are not installed
FLOWS = ("retrain", "refresh_index", "monitor", "release")


@pytest.fixture
def flow(run: Command) -> Command:
    """`python -m flows.NAME` in a folder."""

    def call(name: str, *options: str, cwd: Path, **variables: str) -> Any:
        return run(sys.executable, "-m", f"flows.{name}", *options, cwd=cwd, PYTHONPATH=CODE, **variables)

    return call


@pytest.fixture
def root(tmp_path: Path, write_tiny: Callable[[Path], Path]) -> Path:
    write_tiny(tmp_path)
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


def decided(root: Path, *, promoted: bool) -> None:
    """A project whose bundle the gate has decided on."""
    entry = {"generation": "gen-1", "manifest": "", "model": "for-1", "dataset": "tiny", "version": 1, "since": ""}
    decision = {"model": "for-1", "version": 1, "promoted": promoted, "forced": False, "reasons": []}
    write_json(root / "models" / "bundle" / "bundle.json", {"model": "for-1"})
    current = {"live": entry, "previous": [], "candidate": entry, "decided": {**decision, "generation": "gen-1"}}
    write_json(root / "data" / "index" / "CURRENT", current)


def test_a_release_of_nothing_new_loads_no_prefect_and_says_so(root: Path, run: Command) -> None:
    decided(root, promoted=True)
    program = (
        "import sys; from flows.release import main; print(main(), {'prefect', 'mlflow', 'torch'} & set(sys.modules))"
    )
    done = run(sys.executable, "-c", program, cwd=root, PYTHONPATH=CODE)
    assert done.out.splitlines() == [
        "nothing to release: nothing was trained since the last decision; version 1 (gen-1) serves",
        "0 set()",
    ], done.err


def test_force_is_for_what_was_refused(root: Path, flow: Command, nobody: str) -> None:
    """Then there is something to do, so that the server is asked for."""
    for promoted, code in ((True, 0), (False, 1)):
        decided(root, promoted=promoted)
        assert flow("release", "--force", cwd=root, PREFECT_API_URL=nobody).code == code


def test_the_options_of_a_flow_are_its_parameters(root: Path, flow: Command) -> None:
    done = flow("retrain", "--help", cwd=root)
    assert done.code == 0
    for option in ("--profile PROFILE", "--fraction FRACTION", "--force", "--wait"):
        assert option in done.out
    assert "promote although the gate refuses" in done.out
    assert flow("retrain", "--fraction", "ten", cwd=root).code == 2
    assert flow("monitor", "--wait", cwd=root).code == 2


def test_outside_a_project(tmp_path: Path, flow: Command) -> None:
    done = flow("release", cwd=tmp_path)
    assert done.code == 2
    assert done.err.startswith("error: no params.yaml in ")


def test_the_shell_is_told_all_that_a_flow_sets(root: Path, flow: Command) -> None:
    done = flow("services", "exports", cwd=root)
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


@pytest.fixture
def sleeper(root: Path, environment: dict[str, str], until: Until) -> Iterator[subprocess.Popen[bytes]]:
    """A flow that sleeps, with a server of its own; both in the project folder, where log.txt is what they print."""
    log = root / "log.txt"
    with log.open("w") as out:
        child = subprocess.Popen(
            [sys.executable, "-c", SLEEPER], cwd=root, env={**environment, "PYTHONPATH": CODE},
            stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # background shells ignore it
        )  # fmt: skip
    try:
        until(lambda: "it sleeps now" in log.read_text(), 90, "the flow runs")
        assert len(processes_of(root)) == 3, "the flow, the guard and the server"
        yield child
    finally:
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)


def test_ctrl_c_ends_a_flow_that_has_a_server_of_its_own(
    sleeper: subprocess.Popen[bytes], root: Path, until: Until
) -> None:
    """A terminal sends it to the whole group; Prefect waits for minutes for a server that it ends too."""
    began = time.monotonic()
    os.killpg(sleeper.pid, signal.SIGINT)
    assert sleeper.wait(timeout=30) == 130
    assert time.monotonic() - began < 10
    lines = (root / "log.txt").read_text().splitlines()
    assert "interrupted; the same command goes on where it stopped" in lines
    assert not [line for line in lines if "Traceback" in line]
    until(lambda: not processes_of(root), 5, "the server has ended")


def test_kill_minus_nine_leaves_no_server(sleeper: subprocess.Popen[bytes], root: Path, until: Until) -> None:
    sleeper.kill()
    sleeper.wait()
    until(lambda: not processes_of(root), 5, "the server has ended")
    assert processes_of(root) == []


ATTEMPTS = """
import sys
from flows.command import RETRIED, run
from for_retrieval.errors import ForError, TransientError
from prefect import flow, task

@task(**{**RETRIED, "retry_delay_seconds": 0, "retry_jitter_factor": None})
def fails(kind, attempts):
    attempts.append(kind)
    try:
        raise OSError("the cause")
    except OSError as cause:
        raise kind("no") from (cause if kind is ForError else None)

@flow
def both():
    for kind in (ForError, TransientError):
        attempts = []
        fails(kind, attempts, return_state=True)
        print(kind.__name__, len(attempts))
    return "done"

sys.exit(run(lambda: str(both())))
"""


def test_a_task_is_retried_by_the_class_of_its_error(root: Path, run: Command) -> None:
    """Not by whether it was raised `from` another one."""
    done = run(sys.executable, "-c", ATTEMPTS, cwd=root, PYTHONPATH=CODE)
    assert done.out.splitlines() == ["ForError 1", "TransientError 4", "done"], done.err


def test_tasks_that_talk_to_servers_are_retried() -> None:
    from flows.command import retry_helps

    from flows import refresh_index, retrain

    tasks = (retrain.pull_data, retrain.register, retrain.gate_and_promote, refresh_index.refresh)
    assert [(task.retries, task.retry_condition_fn) for task in tasks] == [(3, retry_helps)] * 4


def test_what_cannot_be_pulled_is_worth_another_attempt(tmp_path: Path) -> None:
    from flows.retrain import pull_data
    from prefect.logging import disable_run_logger

    (tmp_path / ".dvc").mkdir()
    config = tmp_path / ".dvc" / "config"
    config.write_text("[core]\n    no_scm = true\n")
    with disable_run_logger():
        pull_data.fn(tmp_path)  # there is nothing to pull from
        config.write_text(
            "[core]\n    no_scm = true\n    remote = away\n['remote \"away\"']\n    url = ssh://127.0.0.1:9/set\n"
        )
        (tmp_path / "set.dvc").write_text("outs: [{md5: 0123456789abcdef0123456789abcdef, path: set, hash: md5}]\n")
        with pytest.raises(TransientError):
            pull_data.fn(tmp_path)
