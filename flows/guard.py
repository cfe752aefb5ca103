"""Runs a command and ends it when the process that asked for it dies, by kill -9 too. Started as a script.

The asking process holds the other end of our stdin; however it dies, the kernel closes it. A command that only
got a signal from its parent would never hear of a parent that was killed.

    guard.py run COMMAND...      run it in this process group; exit as it does
    guard.py watch PID TICKS     end that process, which began at that clock tick, when stdin ends
"""

import os
import signal
import subprocess
import sys
import threading
import time

GRACE = 1.0  # seconds between SIGTERM and SIGKILL


def wait_for_the_end_of_stdin() -> None:
    """Return when the other end is closed."""
    while os.read(0, 4096):
        pass


def run(command: list[str]) -> int:
    """Run `command`; when stdin ends, end the whole process group, this process included."""
    if os.getpgid(0) != os.getpid():
        sys.exit("guard.py must lead a process group of its own")
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # it ends with its child; only now, since a child inherits this

    ending = threading.Event()

    def end() -> None:
        wait_for_the_end_of_stdin()
        ending.set()
        os.killpg(0, signal.SIGTERM)
        time.sleep(GRACE)
        os.killpg(0, signal.SIGKILL)

    killer = threading.Thread(target=end, daemon=True)
    killer.start()
    code = child.wait()
    if ending.is_set():
        killer.join()  # the child has obeyed SIGTERM, but what it started may not have
    return code if code >= 0 else 128 - code


def watch(pid: int, ticks: int) -> int:
    """When stdin ends, end the process `pid` if it is still the one that began at `ticks`."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    wait_for_the_end_of_stdin()
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
                if int(file.read().rpartition(")")[2].split()[19]) != ticks:
                    return 0
            os.kill(pid, number)
        except OSError:
            return 0
        time.sleep(GRACE)
    return 0


if __name__ == "__main__":
    sys.exit(run(sys.argv[2:]) if sys.argv[1] == "run" else watch(int(sys.argv[2]), int(sys.argv[3])))
