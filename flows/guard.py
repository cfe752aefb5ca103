"""Child processes that end when this one does, by kill -9 too.

`start` runs a command below this file, as a script. The script holds the other end of its stdin, and the kernel closes
that however the parent dies; then the script ends the command and all that it has started.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from typing import Any

GRACE = 1.0  # seconds between SIGTERM and SIGKILL


def start(*command: str, **options: Any) -> subprocess.Popen[str]:
    """Run a command in a session of its own, which Ctrl-C in the terminal does not reach.

    Keep the result: when it is collected, its stdin is closed. options: of subprocess.Popen.
    """
    guard = [sys.executable, "-I", "-S", __file__, *command]
    return subprocess.Popen(guard, stdin=subprocess.PIPE, text=True, start_new_session=True, **options)


def end(process: subprocess.Popen[str]) -> None:
    """End what `start` has started, and wait for it: one to two seconds at most."""
    assert process.stdin is not None
    process.stdin.close()
    process.wait()


def _guard(command: list[str]) -> int:
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, process_group=0)

    def watch() -> None:
        while os.read(0, 4096):
            pass
        _end_group(child.pid)

    threading.Thread(target=watch, daemon=True).start()
    code = child.wait()
    _end_group(child.pid)  # the command has ended; what it started may not have
    return code if code >= 0 else 128 - code


def _end_group(leader: int) -> None:
    """Send SIGTERM to a process group, then SIGKILL; returns when it is empty."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        latest = time.monotonic() + GRACE
        with contextlib.suppress(ProcessLookupError):
            os.killpg(leader, number)
            while time.monotonic() < latest:
                os.killpg(leader, 0)
                time.sleep(0.01)
            continue
        return


if __name__ == "__main__":
    sys.exit(_guard(sys.argv[1:]))
