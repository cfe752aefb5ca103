"""A flow as a command: a server that runs already or one of its own, a clear last line, an exit code."""

from __future__ import annotations

import argparse
import inspect
import logging
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows import HOST
from for_retrieval.errors import ForError, TransientError
from for_retrieval.stages import guard

if TYPE_CHECKING:
    from prefect import Flow

PATIENCE = 3.0  # seconds for a server to say that it is well
STARTING = 90.0  # seconds for a server to start; a new database on a busy machine takes twenty
SPARE = 1_000_000  # bytes that a run needs at least for its states and logs
HOUR = 3600

own_server: list[subprocess.Popen[str]] = []  # Prefect's server, if this process started one; it ends when Python does


def main(flow: Flow[..., Any], soon: Sequence[str] = ()) -> int:
    """The command line of a flow, with an option for each of its parameters; returns the exit code.

    soon: modules that take long to import, and that the flow will need; see `run`.
    """
    text = inspect.getdoc(flow.fn) or ""
    notes = dict(re.findall(r"^    (\w+): (.+)\.$", text, re.MULTILINE))
    name = Path(inspect.getfile(flow.fn)).stem
    parser = argparse.ArgumentParser(f"python -m flows.{name}", description=text.partition("\n")[0])
    for option, parameter in inspect.signature(flow.fn, eval_str=True).parameters.items():
        kinds: dict[Any, dict[str, Any]] = {bool: {"action": "store_true"}, float | None: {"type": float}}
        parser.add_argument(f"--{option}", help=notes[option], **kinds.get(parameter.annotation, {}))
    options = vars(parser.parse_args())
    return run(lambda: str(flow(**options)), soon)


def run(flow: Callable[[], str], soon: Sequence[str] = ()) -> int:
    """Run `flow` and print the sentence that it returns; returns the exit code.

    An error is one line on stderr, ``error: ...``, with 1, or 2 for a wrong call; Ctrl-C is 130.

    soon: modules to import while Prefect's own server starts.
    """
    try:
        check_server()
        if not os.environ.get("PREFECT_API_URL"):
            _start_server(soon)
        print(flow(), flush=True)
    except ForError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("interrupted; the same command goes on where it stopped", file=sys.stderr)
        return 130
    except Exception as error:
        first = (str(error).strip().splitlines() or ["no message"])[0]
        print(f"error: {type(error).__name__}: {first}", file=sys.stderr)
        return 1
    finally:  # Prefect sends its last logs when Python exits; what it says about that must not be the last line
        for name in ("prefect", "EventsWorker"):
            logging.getLogger(name).setLevel(logging.ERROR)
    return 0


def retry_helps(_: object, __: object, state: Any) -> bool:
    """Prefect's condition for another attempt: a server or a network failed; all other errors would come again."""
    return isinstance(state.result(raise_on_failure=False), TransientError)


RETRIED: dict[str, Any] = {  # options of a task
    "retries": 3,
    "retry_delay_seconds": [2, 4, 8],
    "retry_jitter_factor": 0.3,
    "retry_condition_fn": retry_helps,
}


def check_server() -> None:
    """If a server is named, it must answer. Without one a flow starts its own, with its database in PREFECT_HOME.

    Raises:
        ForError: nothing answers at PREFECT_API_URL, or PREFECT_HOME cannot be written.
    """
    home = Path(os.environ["PREFECT_HOME"])
    try:  # without room for its database, Prefect's server would start again and again for minutes
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


def healthy(address: str, patience: float = PATIENCE) -> bool:
    """Whether something at `address` answers with status 200."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(address, timeout=patience) as answer:
            return bool(answer.status == 200)
    except (OSError, ValueError):
        return False


def _start_server(soon: Sequence[str]) -> None:
    """Start Prefect's server for the time of this process; its log is own-server.log in PREFECT_HOME.

    Raises:
        ForError: it ended, or does not answer in time.
    """
    from prefect.context import refresh_global_settings_context

    with socket.create_server((HOST, 0)) as probe:
        port = str(probe.getsockname()[1])
    address, log = f"http://{HOST}:{port}/api", Path(os.environ["PREFECT_HOME"]) / "own-server.log"
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", HOST, "--port", port]
    with log.open("w", encoding="utf-8") as output:  # no schedules, no late runs: those are for `make up`
        server = guard.start(*command, "--no-scheduler", "--no-late-runs", stdout=output, stderr=output)
    own_server.append(server)
    for module in soon:
        import_module(module)
    latest = time.monotonic() + STARTING
    while not healthy(f"{address}/health", 1.0):
        if server.poll() is not None or time.monotonic() > latest:
            raise ForError(f"Prefect's own server did not start; {log} may say why, or start one with `make up`")
        time.sleep(0.05)
    os.environ["PREFECT_API_URL"] = address
    refresh_global_settings_context()
