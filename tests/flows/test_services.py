"""`make up` and `make down` where there is nothing to run; test_life.py has them at work."""

from __future__ import annotations

import configparser
import os
import shutil
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import REPOSITORY, processes_of

from for_retrieval.files import write_json

CODE = os.pathsep.join([str(REPOSITORY / "src"), str(REPOSITORY)])
Services = Callable[..., Any]


@pytest.fixture
def root(tmp_path: Path, write_tiny: Callable[[Path], Path]) -> Path:
    write_tiny(tmp_path)
    shutil.copyfile(REPOSITORY / "supervisord.conf", tmp_path / "supervisord.conf")
    return tmp_path


@pytest.fixture
def services(root: Path, run: Callable[..., Any]) -> Services:
    """`python -m flows.services` in the project."""
    return lambda *arguments: run(sys.executable, "-m", "flows.services", *arguments, cwd=root, PYTHONPATH=CODE)


def test_a_port_that_is_taken_is_named(services: Services, root: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = services("up", "--port", str(port))
    assert done.code == 1
    assert done.err == (
        f"error: port {port} on 127.0.0.1 is taken by another program; name a free one (--help), or end it\n"
    )
    assert processes_of(root) == []


def test_a_service_that_ends_as_it_starts_leaves_nothing_running(services: Services, root: Path) -> None:
    path = root / "supervisord.conf"
    text = path.read_text(encoding="utf-8")
    assert "run server prefect server start" in text
    path.write_text(text.replace("run server prefect server start", "run server no_such_module"), encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as two:
        free = [str(probe.getsockname()[1]) for probe in (one, two)]
    done = services("up", "--port", free[0], "--mlflow-port", free[1])
    assert done.code == 1
    assert done.err == f"error: server ended as it started; {root / 'var' / 'services' / 'server.log'} says why\n"
    assert "no_such_module" in (root / "var" / "services" / "server.log").read_text()
    assert processes_of(root) == []


def test_what_a_power_cut_left_is_not_taken_for_running(services: Services, root: Path) -> None:
    """The file that names the socket stays, and so does a socket that nobody listens on."""
    path = root / "stale.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    ports = {"server": 4200, "mlflow": 5000}
    write_json(root / "var" / "services" / "started.json", {"socket": str(path), "ports": ports})
    names = ("server", "worker", "mlflow")
    assert services("status").out == "".join(f"{name:8} does not run\n" for name in names)
    done = services("down")
    assert done.out.splitlines() == [f"{name:8} was not running" for name in ("worker", "mlflow", "server")]
    assert not (root / "var" / "services" / "started.json").exists()


def test_a_crash_of_any_service_is_followed_by_a_restart_and_all_listen_on_loopback() -> None:
    config = configparser.RawConfigParser()
    config.read(REPOSITORY / "supervisord.conf", encoding="utf-8")
    programs = {name.removeprefix("program:"): dict(config[name]) for name in config if name.startswith("program:")}
    assert set(programs) == {"server", "worker", "mlflow"}
    for program in programs.values():
        assert (program["autorestart"], program["stopasgroup"], program["killasgroup"]) == ("true", "true", "true")
    for name in ("server", "mlflow"):
        assert "--host 127.0.0.1" in programs[name]["command"]
    assert programs["worker"]["stopsignal"].startswith("INT")
    assert "inet_http_server" not in config
