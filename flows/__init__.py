"""Prefect's part: when things run, retries, and side effects. What depends on what is DVC's (dvc.yaml).

Importing this package sets Prefect's environment, which Prefect reads once, when it is imported: a database in the
project's own folder, loopback only, no telemetry. What the user has set stays.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import sys
from importlib.util import find_spec
from pathlib import Path

from for_retrieval.errors import ForError, UsageError, missing_library
from for_retrieval.files import read_json
from for_retrieval.settings import find_root

if find_spec("prefect") is None and (_missing := missing_library("prefect")):
    sys.exit(f"error: {_missing}")

HOST = "127.0.0.1"
SERVICES = Path("var/services")  # where supervisord runs
STARTED = SERVICES / "started.json"  # its socket, and the ports of what `make up` started
QUIET = {
    "DO_NOT_TRACK": "1",
    "DVC_NO_ANALYTICS": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
    # Who holds a place under a concurrency limit: in memory, a restart of the server would leave the place taken.
    "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
}


def url_of(root: Path, service: str) -> str | None:
    """Where a service of `make up` answers; None if supervisord does not run in this project."""
    try:
        started = read_json(root / STARTED)
        with socket.socket(socket.AF_UNIX) as probe:
            probe.connect(started["socket"])
        return f"http://{HOST}:{started['ports'][service]}"
    except (ForError, KeyError, TypeError, OSError):
        return None


def variables() -> dict[str, str]:
    """Prefect's settings for the project around the working directory, or for that directory where there is none."""
    try:
        root = find_root()
    except UsageError:
        root = Path.cwd()
    values = {**QUIET, "PREFECT_HOME": str(root / "var" / "prefect")}
    return {**values, "PREFECT_API_URL": f"{server}/api"} if (server := url_of(root, "server")) else values


def _without_traceback(record: logging.LogRecord) -> bool:
    """Remove the traceback of a timeout, and of an error that has a sentence for the user."""
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, (ForError, TimeoutError)):
        record.msg, record.args, record.exc_info = "%s", (str(error),), None
    return True


for _name, _value in variables().items():
    os.environ.setdefault(_name, _value)
with contextlib.suppress(OSError):  # command.check_server reports it
    Path(os.environ["PREFECT_HOME"]).mkdir(parents=True, exist_ok=True)
for _name in ("prefect.flow_runs", "prefect.task_runs"):
    logging.getLogger(_name).addFilter(_without_traceback)
