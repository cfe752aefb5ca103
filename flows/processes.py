"""Processes that outlive the command that started them: remembered in var/services, never confused with others."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from for_retrieval.errors import ForError
from for_retrieval.files import read_json, write_json


def started(pid: int) -> int | None:
    """When a process began, in clock ticks since boot: a pid alone may have been given to another. None: it ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else int(fields[19])


def group(leader: int) -> list[int]:
    """The processes of a process group that still run."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, IndexError, ValueError):
            state, _, number = path.read_text(encoding="utf-8").rpartition(")")[2].split()[:3]
            if int(number) == leader and state not in "ZX":
                found.append(int(path.parent.name))
    return found


def end_group(leader: int, signals: Sequence[tuple[int, float]]) -> None:
    """Send each signal to a whole process group, and wait so many seconds for it to end; SIGKILL in the end."""
    for number, seconds in [*signals, (signal.SIGKILL, 5.0)]:
        if not group(leader):
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(leader, number)
        end = time.monotonic() + seconds
        while group(leader) and time.monotonic() < end:
            time.sleep(0.02)


@dataclass(frozen=True)
class Service:
    """One process in the background, leader of its own group. url: where it answers, empty for none."""

    name: str
    pid: int
    ticks: int
    url: str

    @staticmethod
    def path(root: Path, name: str) -> Path:
        """Where it is remembered."""
        return root / "var" / "services" / f"{name}.json"

    @classmethod
    def read(cls, root: Path, name: str) -> Service | None:
        """The one of that name; None if there is none, or if its file is damaged."""
        try:
            return cls(**read_json(cls.path(root, name)))
        except (ForError, TypeError):
            return None

    def write(self, root: Path) -> None:
        """Remember it."""
        write_json(self.path(root, self.name), asdict(self))

    def forget(self, root: Path) -> None:
        """Remove what `write` wrote."""
        self.path(root, self.name).unlink(missing_ok=True)

    def alive(self) -> bool:
        """Whether this very process still runs."""
        return started(self.pid) == self.ticks
