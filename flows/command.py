"""A flow as a command: a server that is there or one of its own, a clear last line, an exit code."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from flows.environment import check_server
from flows.processes import started
from for_retrieval.errors import ForError

GUARD = Path(__file__).with_name("guard.py")


def run(flow: Callable[[], str]) -> int:
    """Run `flow` and print the sentence that it returns; returns the exit code.

    A sentence of ours goes to stderr as ``error: ...`` with 1, or 2 for a wrong call; Ctrl-C is 130.
    """
    try:
        check_server()
        if not os.environ.get("PREFECT_API_URL"):
            _start_server()
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
    finally:
        # The server stops when Python exits, since logs are sent until then; that it does, or that a last event is on
        # its way, is no line worth being last.
        for name in ("prefect", "EventsWorker"):
            logging.getLogger(name).setLevel(logging.ERROR)
    return 0


def _start_server() -> None:
    """Start Prefect's own server for the time of this process; it ends with this process, by kill -9 too."""
    from prefect.server.api.server import SubprocessASGIServer

    server = SubprocessASGIServer()
    # Ctrl-C goes to everything in the terminal. A server that has ended cannot be told how the flow did, and Prefect
    # would wait for it for minutes: it is started with the signal blocked, which it inherits.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        server.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    process = server.server_process
    if process is None or (ticks := started(process.pid)) is None:
        raise ForError("Prefect's own server ended as it started; look above, or start one with `make up`")
    subprocess.Popen(
        [sys.executable, "-I", "-S", str(GUARD), "watch", str(process.pid), str(ticks)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
