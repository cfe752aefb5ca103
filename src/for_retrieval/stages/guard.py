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
    """End what `start` has started, and wait for it: GRACE seconds and a little more at most."""
    assert process.stdin is not None
    process.stdin.close()
    process.wait()


def _guard(command: list[str]) -> int:
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, process_group=0)
    closed = threading.Event()

    def watch() -> None:
        while os.read(0, 4096):
            pass
        closed.set()
        _end_group(child.pid)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    code = child.wait()
    if closed.is_set():
        watcher.join()
    else:
        _end_group(child.pid)  # the command has ended by itself; what it started may not have
    return code if code >= 0 else 128 - code


def _end_group(leader: int) -> None:
    """Send SIGTERM to a process group, then SIGKILL; returns early when it is empty."""
    with contextlib.suppress(ProcessLookupError):
        for number, seconds in ((signal.SIGTERM, GRACE), (signal.SIGKILL, 0.2)):
            os.killpg(leader, number)
            latest = time.monotonic() + seconds
            while time.monotonic() < latest:
                os.killpg(leader, 0)  # a process that has ended counts until its parent takes note
                time.sleep(0.01)


if __name__ == "__main__":
    sys.exit(_guard(sys.argv[1:]))
