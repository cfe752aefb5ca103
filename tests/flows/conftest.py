"""Flows are imported here, and so set Prefect's environment: to a folder that is nobody's."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest

os.environ.setdefault("PREFECT_HOME", str(Path(tempfile.gettempdir()) / "for-retrieval-tests-prefect"))

Until = Callable[..., None]


@pytest.fixture(scope="session")
def until() -> Until:
    """Wait until something is true, looking often; a failure after `seconds`."""

    def wait(true: Callable[[], object], seconds: float, what: str) -> None:
        end = time.monotonic() + seconds
        while not true():
            if time.monotonic() > end:
                pytest.fail(f"after {seconds:g} s still not: {what}")
            time.sleep(0.02)

    return wait


@pytest.fixture(scope="session")
def alive() -> Callable[[int], bool]:
    """Whether a process runs; a zombie does not."""

    def look(pid: int) -> bool:
        with contextlib.suppress(OSError):
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
        return False

    return look
