"""All of it on one machine, on loopback: ``python -m flows.services up`` (or ``make up``), ``down``, ``status``.

supervisord keeps Prefect's server, a worker with the deployments of prefect.yaml, and MLflow's UI running, and starts
again what crashes. Its configuration, its socket and all logs are in var/services.

``exports`` prints Prefect's settings for a shell: ``eval "$(python -m flows.services exports)"``.
"""

from __future__ import annotations

import argparse
import contextlib
import getpass
import json
import os
import shlex
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any
from xmlrpc.client import ServerProxy

import psutil
from supervisor.xmlrpc import SupervisorTransport

from flows import HOST, PORTS, SOCKET, project_root, url_of, variables
from flows.command import healthy
from for_retrieval.errors import ForError
from for_retrieval.files import read_json, write_json, write_text
from for_retrieval.project import Project
from for_retrieval.release.mlflow_store import connected, place
from for_retrieval.settings import find_root

POOL = "local"
ORDER = ("server", "worker", "mlflow")
PATIENCE = 90.0  # seconds for a service to answer; a new database on a busy machine takes twenty
TIDYING = 10.0  # seconds that flows have to record how they ended before `down` ends all else
MARK = "FOR_SERVICE"  # in the environment of a service and of all that it starts: its name and the project
UNDER_WAY = ["RUNNING", "PENDING", "CANCELLING"]
STATES = ("STARTING", "RUNNING", "BACKOFF")  # of what supervisord runs or will try again

# supervisord runs in var/services, so that names of files are short. A worker ignores a lone SIGTERM.
CONFIG = """[supervisord]
logfile = supervisord.log
logfile_maxbytes = 1MB
logfile_backups = 1
pidfile = supervisord.pid
user = {user}

[unix_http_server]
file = {socket}

[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
"""
PROGRAM = """
[program:{name}]
command = {python} -m flows.services run {name}
directory = {root}
autostart = false
autorestart = true
startsecs = 3
startretries = 30
stopsignal = {signal}
stopwaitsecs = 15
stopasgroup = true
killasgroup = true
redirect_stderr = true
stdout_logfile = {name}.log
stdout_logfile_maxbytes = 5MB
stdout_logfile_backups = 2
"""


def up(root: Path, port: int, mlflow_port: int) -> list[str]:
    """Start what does not run yet; returns a line for each service.

    Raises:
        ForError: a port is taken by another program, or a service ended as it started.
    """
    project = Project(root)
    own_store = place(project).database is not None  # a server that settings name is not ours to start
    fresh = url_of(root, "server") is None
    if fresh:
        _start_supervisor(root, {"server": port, **({"mlflow": mlflow_port} if own_store else {})})
    try:
        _start(root, "server")
        if own_store and "mlflow" not in _running(root):
            with connected(project, project.params.data.name):  # makes a new database, which two must not do at once
                _start(root, "mlflow")
        _wait(root, "server", "/api/health")
        if "worker" not in _running(root):
            _call(root, "-m", "prefect", "work-pool", "create", POOL, "--type", "process", tolerated="already exists")
            _call(root, "-m", "prefect", "--no-prompt", "deploy", "--all")
            _start(root, "worker")
            _wait(root, "worker")
        if own_store:
            _wait(root, "mlflow", "/health")
    except BaseException:
        if fresh:
            down(root)
        raise
    return status(root)


def down(root: Path) -> list[str]:
    """End all services, and flows that run; returns a line for each. The server goes last, to record how they ended."""
    ran = _running(root)
    if url_of(root, "server"):
        flows = psutil.Process(ran["worker"]).children() if ran.get("worker") else []
        for flow in flows:
            flow.terminate()
        psutil.wait_procs(flows, TIDYING)
        daemon = psutil.Process(_ask(root, "getPID"))
        _ask(root, "shutdown")
        daemon.wait(60)
    (_folder(root) / PORTS).unlink(missing_ok=True)
    ended = {name for name in ORDER if _end_leftovers(root, name) or name in ran}
    return [f"{name:8} {'stopped' if name in ended else 'was not running'}" for name in ("worker", "mlflow", "server")]


def status(root: Path) -> list[str]:
    """A line for each service."""
    running, store, lines = _running(root), place(Project(root)), []
    for name in ORDER:
        if name in running:
            where = f"{url_of(root, name) or 'runs'} (pid {running[name]}, log {_log(root, name)})"
        else:
            where = "does not run" if name != "mlflow" or store.database else f"{store.shown} (not started here)"
        lines.append(f"{name:8} {where}")
    return lines


def exports(root: Path) -> list[str]:
    """Prefect's settings as a shell takes them; the server is at its usual port where none runs."""
    values = {"PREFECT_API_URL": f"http://{HOST}:4200/api", **variables(root)}
    return [f"export {name}={shlex.quote(value)}" for name, value in values.items()]


def become(root: Path, name: str) -> None:
    """Turn this process, a child of supervisord, into a service."""
    _end_leftovers(root, name)  # a service that was killed spares its children, and they may keep its port
    ports = read_json(_folder(root) / PORTS)
    api = f"http://{HOST}:{ports['server']}/api"
    env = {**os.environ, MARK: f"{name} {root}", "PYTHONUNBUFFERED": "1", "PREFECT_API_URL": api}
    if name == "server":
        command = ["prefect", "server", "start", "--host", HOST, "--port", str(ports[name])]
        del env["PREFECT_API_URL"]
    elif name == "worker":
        mark_crashed(api)
        command = ["prefect", "worker", "start", "--pool", POOL, "--type", "process", "--name", "local"]
    else:
        store = place(Project(root))
        command = ["mlflow", "server", "--host", HOST, "--port", str(ports[name]), "--workers", "1"]
        command += ["--backend-store-uri", store.uri, "--artifacts-destination", str(store.artifacts)]
        env |= {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    os.execve(sys.executable, [sys.executable, "-m", *command], env)


def mark_crashed(api: str) -> None:
    """Record that the deployments' runs under way have crashed; for when no worker runs.

    To Prefect they run for ever otherwise, and a deployment with a concurrency limit of one waits for them.
    """
    for run in _post(f"{api}/flow_runs/filter", {"flow_runs": {"state": {"type": {"any_": UNDER_WAY}}}}):
        if run["deployment_id"]:
            state = {"type": "CRASHED", "message": "its worker had ended when a new one started"}
            _post(f"{api}/flow_runs/{run['id']}/set_state", {"state": state, "force": True})


def _post(address: str, body: dict[str, Any]) -> Any:
    request = urllib.request.Request(address, json.dumps(body).encode(), {"Content-Type": "application/json"})
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(request, timeout=30) as answer:
        return json.load(answer)


def _folder(root: Path) -> Path:
    return root / "var" / "services"


def _log(root: Path, name: str) -> Path:
    return _folder(root) / f"{name}.log"


def _start_supervisor(root: Path, ports: dict[str, int]) -> None:
    for name in ORDER:
        _end_leftovers(root, name)  # of a supervisord that was killed
    for port in ports.values():
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                raise ForError(
                    f"port {port} on {HOST} is taken by another program; name a free one (--help), or end it"
                ) from None
    write_json(_folder(root) / PORTS, ports)
    values = {"user": getpass.getuser(), "socket": SOCKET, "python": shlex.quote(sys.executable), "root": str(root)}
    values = {name: value.replace("%", "%%") for name, value in values.items()}
    programs = [PROGRAM.format(name=n, signal="INT" if n == "worker" else "TERM", **values) for n in ORDER]
    write_text(_folder(root) / "supervisord.conf", CONFIG.format(**values) + "".join(programs))
    _call(root, "-m", "supervisor.supervisord", "-c", "supervisord.conf", cwd=_folder(root))


def _ask(root: Path, method: str, *arguments: Any) -> Any:
    """Call supervisord: https://supervisord.org/api.html."""
    transport = SupervisorTransport(serverurl=f"unix://{SOCKET}")
    with contextlib.chdir(_folder(root)), contextlib.closing(transport):
        return getattr(ServerProxy(f"http://{HOST}", transport).supervisor, method)(*arguments)


def _running(root: Path) -> dict[str, int]:
    """The process id of each service that supervisord runs, or will try again (0)."""
    if url_of(root, "server") is None:
        return {}
    return {entry["name"]: entry["pid"] for entry in _ask(root, "getAllProcessInfo") if entry["statename"] in STATES}


def _start(root: Path, name: str) -> None:
    if name not in _running(root):
        _ask(root, "startProcess", name, False)


def _wait(root: Path, name: str, health: str = "") -> None:
    """Wait until a service runs, and answers at `health`."""
    latest = time.monotonic() + PATIENCE
    while True:
        state = _ask(root, "getProcessInfo", name)["statename"]
        if state == "RUNNING" and (not health or healthy(f"{url_of(root, name)}{health}", 1.0)):
            return
        if state not in ("STARTING", "RUNNING"):
            raise ForError(f"{name} ended as it started; {_log(root, name)} says why")
        if time.monotonic() > latest:
            raise ForError(f"{name} has not answered for {PATIENCE:.0f} seconds; {_log(root, name)} may say why")
        time.sleep(0.2)


def _end_leftovers(root: Path, name: str) -> bool:
    """Kill what a service has started and not ended; whether there was anything."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get(MARK) == f"{name} {root}":
                process.kill()
                found.append(process)
    psutil.wait_procs(found, 5)
    return bool(found)


def _call(root: Path, *command: str, cwd: Path | None = None, tolerated: str = "") -> None:
    """Run a short Python command to its end, with this project's settings."""
    server = url_of(root, "server")
    env = {**variables(root), **os.environ, **({"PREFECT_API_URL": f"{server}/api"} if server else {})}
    done = subprocess.run(
        [sys.executable, *command], cwd=cwd or root, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=120,
    )  # fmt: skip
    output = (done.stdout + done.stderr).strip()
    if done.returncode and not (tolerated and tolerated in output):
        raise ForError(f"`{' '.join(command[1:])}` failed: {(output or 'no output').splitlines()[-1]}")


def main() -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser("python -m flows.services", description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("what", choices=["up", "down", "status", "exports", "run"])
    parser.add_argument("service", nargs="?", choices=ORDER, help="for `run`, which supervisord calls")
    parser.add_argument("--port", type=int, default=4200, help="of Prefect's server (4200)")
    parser.add_argument("--mlflow-port", type=int, default=5000, help="of MLflow's UI (5000)")
    options = parser.parse_args()
    try:
        if options.what == "exports":
            lines = exports(project_root())
        elif options.what == "run":
            become(find_root(), options.service)
        elif options.what == "up":
            lines = up(find_root(), options.port, options.mlflow_port)
        else:
            lines = {"down": down, "status": status}[options.what](find_root())
    except ForError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    print("\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
