"""Whether there is room on the disk for what the embedded engine is about to write."""

from __future__ import annotations

import shutil
from pathlib import Path

from for_retrieval.errors import ForError

ROOM = 80 << 20  # bytes; vectors and payloads grow by files of 32 MiB each


def check_room(folder: Path) -> None:
    """Refuse to write where the disk is all but full.

    The engine maps its files before their blocks are allocated: where there are none left, the kernel ends the
    process with SIGBUS, which nobody can catch.

    Raises:
        ForError: less than ROOM is free.
    """
    free = shutil.disk_usage(folder).free
    if free < ROOM:
        raise ForError(
            f"{folder.parent} has {free >> 20} MB of free disk, and the engine's files need {ROOM >> 20} "
            "(No space left on device); make room, then run the same again"
        )
