"""Prefect's settings for this project: its own folder, loopback only, no telemetry. Set before prefect is imported."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import tempfile
import urllib.request
from pathlib import Path

from flows.processes import Service
from for_retrieval.errors import ForError, UsageError
from for_retrieval.settings import find_root

QUIET = {
    "DO_NOT_TRACK": "1",
    "DVC_NO_ANALYTICS": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "90",  # the default of 20 is short on a busy machine
    # Who holds a place under a concurrency limit: in memory, a restart of the server would leave the place taken.
    "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
}
PATIENCE = 3.0  # seconds that a server has to say that it is well
HOST = "127.0.0.1"
SPARE = 1_000_000  # bytes that a run needs at least for its states and logs


def project_root() -> Path:
    """The project folder around the working directory; the working directory where there is none."""
    try:
        return find_root()
    except UsageError:
        return Path.cwd()


def variables(root: Path) -> dict[str, str]:
    """What this project sets where the user has set nothing."""
    values = {**QUIET, "PREFECT_HOME": str(root / "var" / "prefect")}
    server = Service.read(root, "server")
    if server is not None and server.alive():  # started by `make up`
        values["PREFECT_API_URL"] = f"{server.url}/api"
    return values


def prepare() -> None:
    """Set the variables, let child processes find the programs beside this Python, and shorten the log."""
    for name, value in variables(project_root()).items():
        os.environ.setdefault(name, value)
    with contextlib.suppress(OSError):  # told by check_server, as a sentence
        Path(os.environ["PREFECT_HOME"]).mkdir(parents=True, exist_ok=True)
    programs = str(Path(sys.executable).parent)
    path = os.environ.get("PATH", "")
    if programs not in path.split(os.pathsep):
        os.environ["PATH"] = f"{programs}{os.pathsep}{path}"
    for name in ("prefect.flow_runs", "prefect.task_runs"):
        logging.getLogger(name).addFilter(without_traceback)


def without_traceback(record: logging.LogRecord) -> bool:
    """Cut the traceback off an error that has a sentence for the user, and off a timeout; all others keep theirs."""
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, (ForError, TimeoutError)):
        record.msg, record.args, record.exc_info = "%s", (str(error),), None
    return True


def healthy(address: str, patience: float = PATIENCE) -> bool:
    """Whether something at `address` answers with status 200."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(address, timeout=patience) as answer:
            return bool(answer.status == 200)
    except (OSError, ValueError):
        return False


def check_server() -> None:
    """If a server is named, it must be there. Without one a flow starts its own, with its database in PREFECT_HOME.

    Raises:
        ForError: PREFECT_API_URL is set and nobody answers there, or PREFECT_HOME cannot be written.
    """
    home = Path(os.environ["PREFECT_HOME"])
    try:  # with a database that cannot be written, Prefect's own server would start again and again for minutes
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=home) as file:
            file.write(bytes(SPARE))
    except OSError as error:
        raise ForError(
            f"{home} cannot be written ({error.strerror}); make room for Prefect's database there, "
            "or let PREFECT_HOME name another folder"
        ) from None
    address = os.environ.get("PREFECT_API_URL")
    if address and not healthy(f"{address.rstrip('/')}/health"):
        raise ForError(
            f"no Prefect server answers at {address}; start it with `make up`, "
            "or unset PREFECT_API_URL to run without a server"
        )
