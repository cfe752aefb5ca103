"""One retrain, release or refresh at a time in a project folder."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from for_retrieval.errors import ForError

PAUSE = 0.2  # seconds between two looks at a lock that another holds


class Busy(ForError):
    """Another flow holds the lock."""


@contextmanager
def lifecycle_lock(root: Path, flow: str, *, wait: bool, say: Callable[[str], object]) -> Iterator[None]:
    """Hold var/lifecycle.lock. The kernel lets go of it when the process dies, whatever kills it.

    wait: until the other has ended; else a second one is refused.

    Raises:
        Busy: another flow holds it, and `wait` is false; the sentence says who.
    """
    path = root / "var" / "lifecycle.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="utf-8") as file:
        told = ""
        while not _taken(file):
            if not wait:
                raise Busy(f"{_holder(path)}; wait for it to end, or run this again with --wait")
            if (line := f"{_holder(path)}; waiting for it to end") != told:
                say(told := line)
            time.sleep(PAUSE)
        _write(file, {"pid": os.getpid(), "flow": flow, "since": datetime.now(UTC).isoformat(timespec="seconds")})
        try:
            yield
        finally:
            _write(file, None)


def _taken(file: TextIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _write(file: TextIO, holder: dict[str, object] | None) -> None:
    file.seek(0)
    file.truncate()
    file.write(json.dumps(holder) if holder else "")
    file.flush()


def _holder(path: Path) -> str:
    """Who holds the lock, as the beginning of a sentence."""
    try:
        holder = json.loads(path.read_text(encoding="utf-8"))
        return f"{holder['flow']} already runs here (pid {holder['pid']}, since {holder['since']})"
    except (OSError, ValueError, KeyError, TypeError):  # between its flock and its line, or the other way round
        return f"another flow already runs here ({path} is locked)"
