"""Where runs go, and that a server which does not answer is told in seconds."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from for_retrieval.errors import ForError, UsageError
from for_retrieval.project import Project
from for_retrieval.release.mlflow_store import check, connected, default, place

SOON = 10  # seconds


@pytest.fixture
def project(tmp_path: Path, write_params: Callable[..., Path]) -> Project:
    write_params(tmp_path)
    return Project(tmp_path)


def refused(project: Project) -> str:
    start = time.monotonic()
    with pytest.raises(ForError) as caught:
        check(project)
    assert time.monotonic() - start < SOON
    return str(caught.value)


def test_by_default_a_file_in_the_project(project: Project) -> None:
    where = place(project)
    assert where.uri == f"sqlite:///{project.root}/var/mlflow/mlflow.db"
    assert where.artifacts == f"file://{project.root}/var/mlflow/artifacts"
    check(project)


def test_the_variable_names_another_place(project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/deep/runs.db")
    assert place(project).artifacts == f"file://{tmp_path}/deep/artifacts"
    check(project)
    assert (tmp_path / "deep").is_dir()


def test_a_port_where_nobody_listens(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        uri = f"http://127.0.0.1:{free.getsockname()[1]}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    said = refused(project)
    assert said.startswith(f"MLflow does not answer at {uri} (")
    assert said.endswith(
        "; start it, or unset MLFLOW_TRACKING_URI (or tracking_uri in settings.toml) to keep runs in var/mlflow"
    )


@pytest.mark.parametrize("scheme", ["http", "postgresql+psycopg"])
def test_a_server_that_hangs_or_a_name_that_is_none(
    project: Project, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    with socket.socket() as silent:  # takes connections and never says a word
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        host = f"127.0.0.1:{silent.getsockname()[1]}" if scheme == "http" else "nowhere.invalid:1"
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"{scheme}://someone:secret@{host}/runs")
        said = refused(project)
    assert "does not answer at" in said
    assert "secret" not in said
    assert "someone:***@" in said


@pytest.fixture
def server() -> Iterator[Callable[[int], str]]:
    """A server that answers every request with one status."""
    running: list[HTTPServer] = []

    def start(status: int) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(status)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        running.append(HTTPServer(("127.0.0.1", 0), Handler))
        threading.Thread(target=running[-1].serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{running[-1].server_port}"

    yield start
    for each in running:
        each.shutdown()
        each.server_close()


@pytest.mark.parametrize("status", [200, 404, 401])
def test_a_server_that_answers_is_left_to_mlflow(
    project: Project, monkeypatch: pytest.MonkeyPatch, server: Callable[[int], str], status: int
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server(status))
    check(project)


def test_a_server_that_is_broken(
    project: Project, monkeypatch: pytest.MonkeyPatch, server: Callable[[int], str]
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server(503))
    assert "(status 503)" in refused(project)


@pytest.mark.parametrize("uri", ["mlruns", "file:///tmp/mlruns"])
def test_plain_folders_are_a_mistake(project: Project, monkeypatch: pytest.MonkeyPatch, uri: str) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    with pytest.raises(UsageError, match="no longer keeps runs in plain folders"):
        check(project)


def test_a_folder_that_cannot_be(project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/file/runs.db")
    assert refused(project).startswith(f"MLflow's folder {tmp_path}/file cannot be made")


def test_asking_loads_nothing_heavy(project: Project) -> None:
    program = (
        "import sys, pathlib\n"
        "from for_retrieval.project import Project\n"
        "from for_retrieval.release.mlflow_store import check\n"
        "check(Project(pathlib.Path(sys.argv[1])))\n"
        "print({'mlflow', 'torch', 'pandas', 'numpy', 'matplotlib'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program, str(project.root)], capture_output=True, text=True)
    assert done.stdout == "set()\n"


def test_a_connection_leaves_the_settings_of_other_projects_alone(project: Project, fresh_database: Path) -> None:
    shutil.copytree(fresh_database, project.root / "var" / "mlflow")
    with connected(project, "set") as mlflow, default(mlflow):
        assert os.environ["MLFLOW_TRACKING_URI"] == place(project).uri
    assert "MLFLOW_TRACKING_URI" not in os.environ


def test_two_processes_may_open_a_fresh_database_at_once(project: Project) -> None:
    program = (
        "import sys, os, pathlib\n"
        "from for_retrieval.project import Project\n"
        "from for_retrieval.release.mlflow_store import connected\n"
        "with connected(Project(pathlib.Path(sys.argv[1])), 'set') as mlflow:\n"
        "    print(mlflow.experiment, os.environ['MLFLOW_DISABLE_TELEMETRY'], os.environ['DO_NOT_TRACK'])"
    )
    command = [sys.executable, "-c", program, str(project.root)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate(timeout=120) for process in both]
    assert said == [("1 true 1\n", "")] * 2
