"""All of it on one machine, on loopback: ``python -m flows.services up`` (or ``make up``), ``down``, ``status``.

supervisord keeps Prefect's server, a worker for the deployments of prefect.yaml, and MLflow's UI running, and starts
again what crashes (supervisord.conf). Its socket and all logs are in var/services.

``exports`` prints Prefect's settings for a shell: ``eval "$(python -m flows.services exports)"``.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shlex
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn
from xmlrpc.client import Fault, ServerProxy

import psutil  # type: ignore[import-untyped]
from supervisor.xmlrpc import SupervisorTransport  # type: ignore[import-untyped]

from flows import HOST, SERVICES, STARTED, url_of, variables
from flows.command import STARTING, healthy
from for_retrieval.errors import ForError
from for_retrieval.files import read_json, write_json
from for_retrieval.project import Project
from for_retrieval.release.mlflow_store import connected, place
from for_retrieval.settings import find_root

POOL = "local"
ORDER = ("server", "worker", "mlflow")
TIDYING = 10.0  # seconds that flows have to record how they ended before `down` ends all else
MARK = "FOR_SERVICE"  # in the environment of a service and of all that it starts: its name and the project


def up(root: Path, port: int, mlflow_port: int) -> list[str]:
    """Start what does not run yet; returns a line for each service.

    Raises:
        ForError: a port is taken by another program, or a service ended as it started.
    """
    project, url = Project(root), url_of(root, "server")
    os.environ["PREFECT_API_URL"] = f"{url or f'http://{HOST}:{port}'}/api"
    if url is None:  # a tracking server that settings name is not ours to start
        own_store = place(project).database is not None
        _start_supervisor(root, {"server": port, **({"mlflow": mlflow_port} if own_store else {})})
    try:
        running, ports = _running(root), read_json(root / STARTED)["ports"]
        if "server" not in running:
            _ask(root, "startProcess", "server", False)
        if "mlflow" in ports and "mlflow" not in running:
            with connected(project, project.params.data.name):  # makes a new database, which two must not do at once
                _ask(root, "startProcess", "mlflow", False)
        _wait(root, "server", "/api/health")
        if "worker" not in running:
            _run(root, "prefect", "work-pool", "create", POOL, "--type", "process", tolerated="already exists")
            _run(root, "prefect", "--no-prompt", "deploy", "--all")
            _ask(root, "startProcess", "worker")
        if "mlflow" in ports:
            _wait(root, "mlflow", "/health")
    except BaseException:
        if url is None:
            down(root)
        raise
    return status(root)


def down(root: Path) -> list[str]:
    """End all services, and flows that run; returns a line for each. The server goes last, to record how they ended."""
    running = _running(root)
    if url_of(root, "server"):
        with contextlib.suppress(psutil.NoSuchProcess, KeyError):
            flows = psutil.Process(running["worker"]).children()
            for flow in flows:
                flow.terminate()
            psutil.wait_procs(flows, TIDYING)
        supervisor = psutil.Process(_ask(root, "getPID"))
        _ask(root, "shutdown")
        supervisor.wait(60)
    with contextlib.suppress(ForError, OSError):  # what supervisord leaves behind, and its folder
        path = Path(read_json(root / STARTED)["socket"])
        (root / STARTED).unlink()
        path.unlink(missing_ok=True)
        path.parent.rmdir()
    ended: set[str] = {name for name in ORDER if _end_leftovers(root, name) or name in running}
    return [f"{name:8} {'stopped' if name in ended else 'was not running'}" for name in ("worker", "mlflow", "server")]


def status(root: Path) -> list[str]:
    """A line for each service."""
    running, store = _running(root), place(Project(root))
    lines = dict.fromkeys(ORDER, "does not run")
    lines |= {} if store.database else {"mlflow": f"{store.shown} (not started here)"}
    for name, pid in running.items():
        lines[name] = f"{url_of(root, name) or 'runs'} (pid {pid}, log {root / SERVICES / name}.log)"
    return [f"{name:8} {lines[name]}" for name in ORDER]


def exports() -> list[str]:
    """Prefect's settings as a shell takes them; the server is at its usual port where none runs."""
    values = {"PREFECT_API_URL": f"http://{HOST}:4200/api", **variables()}
    return [f"export {name}={shlex.quote(value)}" for name, value in values.items()]


def become(root: Path, name: str, command: list[str]) -> NoReturn:
    """Turn this process, a child of supervisord, into a service."""
    _end_leftovers(root, name)  # one that was killed spares its children, and they may keep its port
    if name == "worker":
        mark_crashed()
    os.execve(sys.executable, [sys.executable, "-m", *command], {**os.environ, MARK: f"{name} {root}"})


def mark_crashed() -> None:
    """Record that the deployments' runs under way have crashed; for when no worker runs.

    To Prefect they run for ever otherwise, and a deployment with a concurrency limit of one waits for them.
    """
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowRunFilter
    from prefect.states import Crashed

    state = {"type": {"any_": ["RUNNING", "PENDING", "CANCELLING"]}}
    wanted = FlowRunFilter.model_validate({"state": state, "deployment_id": {"is_null_": False}})
    ended = "its worker had ended when a new one started"
    with get_client(sync_client=True) as client:
        for run in client.read_flow_runs(flow_run_filter=wanted):
            client.set_flow_run_state(run.id, Crashed(message=ended), force=True)


def _start_supervisor(root: Path, ports: dict[str, int]) -> None:
    for name in ORDER:
        _end_leftovers(root, name)  # of a supervisord that was killed
    for port in ports.values():
        try:
            socket.create_server((HOST, port)).close()
        except OSError:
            remedy = "name a free one (--help), or end it"
            raise ForError(f"port {port} on {HOST} is taken by another program; {remedy}") from None
    path = f"{tempfile.mkdtemp(prefix='for-retrieval-', dir='/tmp')}/supervisor.sock"  # may have 107 bytes at most
    write_json(root / STARTED, {"socket": path, "ports": ports})
    store = place(Project(root))
    os.environ |= {
        "FOR_PYTHON": sys.executable,
        "FOR_SOCKET": path,
        "FOR_SERVER_PORT": str(ports["server"]),
        "FOR_MLFLOW_PORT": str(ports.get("mlflow")),
        "FOR_MLFLOW_STORE": store.uri,
        "FOR_MLFLOW_ARTIFACTS": str(store.artifacts),
        "PYTHONUNBUFFERED": "1",
    }
    _run(root / SERVICES, "supervisor.supervisord", "-c", str(root / "supervisord.conf"))


def _ask(root: Path, method: str, *arguments: Any) -> Any:
    """Call supervisord: https://supervisord.org/api.html."""
    transport = SupervisorTransport(serverurl=f"unix://{read_json(root / STARTED)['socket']}")
    with contextlib.closing(transport):
        try:
            return getattr(ServerProxy(f"http://{HOST}", transport).supervisor, method)(*arguments)
        except Fault as error:
            raise ForError(f"supervisord reports {error.faultString}; the logs in {root / SERVICES} say why") from None


def _running(root: Path) -> dict[str, int]:
    """The process id of each service that supervisord runs, or will start again soon (0)."""
    states = ("STARTING", "RUNNING", "BACKOFF")
    found = _ask(root, "getAllProcessInfo") if url_of(root, "server") else []
    return {entry["name"]: entry["pid"] for entry in found if entry["statename"] in states}


def _wait(root: Path, name: str, health: str) -> None:
    """Wait until a service answers at `health`."""
    latest, log = time.monotonic() + STARTING, root / SERVICES / f"{name}.log"
    while not healthy(f"{url_of(root, name)}{health}", 1.0):
        if _ask(root, "getProcessInfo", name)["statename"] not in ("STARTING", "RUNNING"):
            raise ForError(f"{name} ended as it started; {log} says why")
        if time.monotonic() > latest:
            raise ForError(f"{name} has not answered for {STARTING:.0f} seconds; {log} may say why")
        time.sleep(0.2)


def _end_leftovers(root: Path, name: str) -> bool:
    """Kill what a service has started and not ended; whether there was anything."""
    found: list[psutil.Process] = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get(MARK) == f"{name} {root}":
                process.kill()
                found.append(process)
    psutil.wait_procs(found, 5)
    return bool(found)


def _run(folder: Path, *command: str, tolerated: str = "") -> None:
    """Run a Python module to its end."""
    done = subprocess.run([sys.executable, "-m", *command], cwd=folder, input="", capture_output=True, text=True)
    output = (done.stdout + done.stderr).strip() or "no output"
    if done.returncode and not (tolerated and tolerated in output):
        raise ForError(f"`{' '.join(command)}` failed: {output.splitlines()[-1]}")


def main() -> int:
    """The command line; returns the exit code."""
    if sys.argv[1:2] == ["run"]:  # by supervisord.conf
        become(find_root(), sys.argv[2], sys.argv[3:])
    parser = argparse.ArgumentParser("python -m flows.services", description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("what", choices=["up", "down", "status", "exports"])
    parser.add_argument("--port", type=int, default=4200, help="of Prefect's server (4200)")
    parser.add_argument("--mlflow-port", type=int, default=5000, help="of MLflow's UI (5000)")
    options = parser.parse_args()
    actions: dict[str, Callable[[], list[str]]] = {
        "up": lambda: up(find_root(), options.port, options.mlflow_port),
        "down": lambda: down(find_root()),
        "status": lambda: status(find_root()),
        "exports": exports,
    }
    try:
        lines = actions[options.what]()
    except ForError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    print("\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
