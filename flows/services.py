"""All of it on one machine, on loopback: ``python -m flows.services up`` (or ``make up``), ``down``, ``status``.

up: Prefect's server, the work pool, the deployments of prefect.yaml, a worker, and MLflow's UI. Each is the leader
of its own process group; var/services/ has who they are, and their logs.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from flows.environment import HOST, healthy, variables
from flows.leftovers import mark_crashed
from flows.processes import Service, end_group, group, started
from for_retrieval.errors import ForError
from for_retrieval.project import Project
from for_retrieval.release.mlflow_store import connected, place
from for_retrieval.settings import find_root

POOL = "local"
ORDER = ("server", "worker", "mlflow")
PATIENCE = 90.0  # seconds for a server to answer; a fresh database on a busy machine takes twenty
# A worker ends at once by SIGINT, but is deaf to a lone SIGTERM. Flows that it runs are in its group.
ENDING = {"worker": [(signal.SIGTERM, 1.0), (signal.SIGINT, 15.0)]}
GENTLE = [(signal.SIGTERM, 10.0)]


def up(root: Path, port: int, mlflow_port: int) -> list[str]:
    """Start what does not run yet; returns a line for each service.

    Raises:
        ForError: a port is taken by another program, or a service ended as it started.
    """
    prefect = [sys.executable, "-m", "prefect"]
    start = [*prefect, "server", "start", "--host", HOST, "--port", str(port)]
    server = _ensure(root, "server", start, port, "/api/health")
    env = {"PREFECT_API_URL": f"{server.url}/api"}
    if not _running(root, "worker"):
        mark_crashed(f"{server.url}/api")
        _call(root, env, "prefect", "work-pool", "create", POOL, "--type", "process", tolerated="already exists")
        _call(root, env, "prefect", "--no-prompt", "deploy", "--all")
    command = [*prefect, "worker", "start", "--pool", POOL, "--type", "process", "--name", "local"]
    _ensure(root, "worker", command, env=env)
    mlflow = _mlflow(root, mlflow_port)
    return [_line(root, "server"), _line(root, "worker"), mlflow]


def _mlflow(root: Path, port: int) -> str:
    """MLflow's UI on the project's own database; a server that settings name is not ours to start."""
    project = Project(root)
    where = place(project)
    if where.database is None:
        return f"mlflow   {where.shown} (not started here)"
    if not _running(root, "mlflow"):
        with connected(project, project.params.data.name):  # makes a fresh database, which two must not do at once
            pass
    command = ["-m", "mlflow", "server", "--backend-store-uri", where.uri, "--artifacts-destination", where.artifacts]
    command += ["--host", HOST, "--port", str(port), "--workers", "1"]
    quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    _ensure(root, "mlflow", [sys.executable, *map(str, command)], port, "/health", quiet)
    return _line(root, "mlflow")


def down(root: Path) -> list[str]:
    """End all services, and flows that run; returns a line for each. The server goes last, so that it hears of it."""
    lines = []
    for name in ("worker", "mlflow", "server"):
        service = _running(root, name)
        if service is not None:
            if name == "worker":
                _end_flows(service)
            end_group(service.pid, ENDING.get(name, GENTLE))
        path = Service.path(root, name)
        lines.append(f"{name:8} {'stopped' if service else 'was not running'}")
        path.unlink(missing_ok=True)
    return lines


def _end_flows(worker: Service) -> None:
    """End what the worker runs, each with a single SIGTERM, so that it can tidy up and report before all else ends."""
    flows = [pid for pid in group(worker.pid) if pid != worker.pid]
    for pid in flows:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    end = time.monotonic() + 10
    while any(started(pid) for pid in flows) and time.monotonic() < end:
        time.sleep(0.05)


def status(root: Path) -> list[str]:
    """A line for each service."""
    return [_line(root, name) for name in ORDER]


def _line(root: Path, name: str) -> str:
    service = _running(root, name)
    if service is None:
        return f"{name:8} does not run"
    return f"{name:8} {service.url or 'runs'} (pid {service.pid}, log {_log(root, name)})"


def _running(root: Path, name: str) -> Service | None:
    service = Service.read(root, name)
    return service if service is not None and service.alive() else None


def _log(root: Path, name: str) -> Path:
    return root / "var" / "services" / f"{name}.log"


def _environment(root: Path, env: dict[str, str]) -> dict[str, str]:
    return {**variables(root), **os.environ, "PYTHONUNBUFFERED": "1", **env}


def _ensure(
    root: Path, name: str, command: list[str], port: int = 0, health: str = "", env: dict[str, str] | None = None
) -> Service:
    """Start a service if it does not run, remember it, and wait until it answers at `health`."""
    if service := _running(root, name):
        return service
    if port and _taken(port):
        raise ForError(f"port {port} on {HOST} is taken by another program; name a free one (--help), or end it")
    log = _log(root, name)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            cwd=root,
            env=_environment(root, env or {}),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    url = f"http://{HOST}:{port}" if port else ""
    service = Service(name, process.pid, started(process.pid) or 0, url)
    service.write(root)
    try:
        _wait(process, name, log, lambda: not health or healthy(f"{url}{health}", 1.0))
    except BaseException:
        end_group(process.pid, GENTLE)
        service.forget(root)
        raise
    return service


def _wait(process: subprocess.Popen[bytes], name: str, log: Path, ready: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not ready():
        if process.poll() is not None:
            raise ForError(f"{name} ended with {process.returncode} as it started; {log} says why")
        if time.monotonic() > end:
            raise ForError(f"{name} has not answered for {PATIENCE:.0f} seconds; {log} may say why")
        time.sleep(0.2)


def _taken(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return True
    return False


def _call(root: Path, env: dict[str, str], *command: str, tolerated: str = "") -> None:
    """Run a short command to its end."""
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=root,
        env=_environment(root, env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )
    said = (done.stdout + done.stderr).strip()
    if done.returncode and not (tolerated and tolerated in said):
        raise ForError(f"`{' '.join(command)}` failed: {said.splitlines()[-1] if said else 'it said nothing'}")


def main() -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser("python -m flows.services", description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("what", choices=["up", "down", "status"])
    parser.add_argument("--port", type=int, default=4200, help="of Prefect's server (4200)")
    parser.add_argument("--mlflow-port", type=int, default=5000, help="of MLflow's UI (5000)")
    options = parser.parse_args()
    try:
        root = find_root()
        lines = {"up": lambda: up(root, options.port, options.mlflow_port), "down": lambda: down(root)}.get(
            options.what, lambda: status(root)
        )()
    except ForError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    print("\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
