"""Prefect's part: when things run, retries, and side effects. What depends on what is DVC's (dvc.yaml).

Importing this package sets Prefect's environment, since Prefect reads its settings once, when it is imported: a
database in the project's own folder, loopback only, no telemetry. What the user has set stays.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import sys
from pathlib import Path

from for_retrieval.errors import ForError, UsageError
from for_retrieval.files import read_json
from for_retrieval.settings import find_root

HOST = "127.0.0.1"
SOCKET = "supervisor.sock"  # of supervisord, in var/services
PORTS = "ports.json"  # beside it: the port of each service that `make up` started
QUIET = {
    "DO_NOT_TRACK": "1",
    "DVC_NO_ANALYTICS": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
    # Who holds a place under a concurrency limit: in memory, a restart of the server would leave the place taken.
    "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
}


def project_root() -> Path:
    """The project folder around the working directory; the working directory where there is none."""
    try:
        return find_root()
    except UsageError:
        return Path.cwd()


def url_of(root: Path, service: str) -> str | None:
    """Where a service of `make up` answers; None if supervisord does not run in this project."""
    folder = root / "var" / "services"
    try:
        port = read_json(folder / PORTS)[service]
        with contextlib.chdir(folder), socket.socket(socket.AF_UNIX) as probe:
            probe.connect(SOCKET)  # by its short name: the path of a socket may have 107 bytes at most
    except (ForError, KeyError, TypeError, OSError):
        return None
    return f"http://{HOST}:{port}"


def variables(root: Path) -> dict[str, str]:
    """Prefect's settings for this project."""
    values = {**QUIET, "PREFECT_HOME": str(root / "var" / "prefect")}
    server = url_of(root, "server")
    return {**values, "PREFECT_API_URL": f"{server}/api"} if server else values


def _prepare() -> None:
    """Set the variables, let child processes find the programs beside this Python, and shorten the log."""
    for name, value in variables(project_root()).items():
        os.environ.setdefault(name, value)
    with contextlib.suppress(OSError):  # command.check_server reports it
        Path(os.environ["PREFECT_HOME"]).mkdir(parents=True, exist_ok=True)
    programs = str(Path(sys.executable).parent)
    path = os.environ.get("PATH", "")
    if programs not in path.split(os.pathsep):
        os.environ["PATH"] = f"{programs}{os.pathsep}{path}"
    for name in ("prefect.flow_runs", "prefect.task_runs"):
        logging.getLogger(name).addFilter(_without_traceback)


def _without_traceback(record: logging.LogRecord) -> bool:
    """Remove the traceback of a timeout, and of an error that has a sentence for the user."""
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, (ForError, TimeoutError)):
        record.msg, record.args, record.exc_info = "%s", (str(error),), None
    return True


_prepare()
