"""Who may write: one builder at a time, and one at a time who moves the pointer.

Two locks, so that a rollback never waits for a build. The kernel lets go of both when their holder dies.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from for_retrieval.errors import ForError

BUILD = ".build.lock"
PATIENCE = 15.0  # seconds; moving the pointer takes milliseconds, on a server a few requests


@contextmanager
def only_builder(folder: Path) -> Iterator[None]:
    """Hold the right to build generations at `folder`, which is made if need be.

    Raises:
        ForError: another process is building here.
    """
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder / BUILD, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        if not _locked(descriptor):
            raise ForError(f"another process is building {folder}; wait until it has finished")
        yield
    finally:
        os.close(descriptor)


@contextmanager
def pointer_lock(folder: Path) -> Iterator[None]:
    """Hold the right to move the pointer, to rename generations and to prune them.

    Raises:
        ForError: another process has held it for PATIENCE seconds, or the folder cannot be opened.
    """
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        end = time.monotonic() + PATIENCE
        while not _locked(descriptor):
            if time.monotonic() > end:
                raise ForError(f"another process is changing {folder}; wait until it has finished")
            time.sleep(0.01)
        yield
    finally:
        os.close(descriptor)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
