"""DVC, driven as a program: streamed line by line, and gone when the flow is, however that ends."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable
from pathlib import Path

from flows.processes import end_group
from for_retrieval.errors import ForError

GUARD = Path(__file__).with_name("guard.py")
GRACE = 1.0  # seconds between SIGTERM and SIGKILL; all is gone within two
STAGE = re.compile(r"^Running stage '([^']+)'")
ERROR = re.compile(r"^(?:error|ERROR): (.+)$")

Say = Callable[[str], object]


def repro(root: Path, target: str, say: Say) -> None:
    """Bring a stage, and all that it depends on, up to date.

    Raises:
        ForError: a stage failed; the sentence names it and says what it said.
    """
    dvc(root, "repro", target, say=say)


def stale(root: Path) -> list[str]:
    """The stages that `dvc repro` would run now; none where all is up to date."""
    lines: list[str] = []
    dvc(root, "status", "--json", "--with-deps", "dvc.yaml", say=lines.append)  # a drawn set's too, not pretrain's
    found = [json.loads(line) for line in lines if line.startswith("{")]
    return list(found[-1]) if found else []


def has_remote(root: Path) -> bool:
    """Whether DVC has a place to pull data from."""
    lines: list[str] = []
    dvc(root, "remote", "list", say=lines.append)
    return bool(lines)


def dvc(root: Path, *arguments: str, say: Say) -> None:
    """Run DVC in the project; every line of its output goes to `say`.

    DVC lets go of its lock while a stage runs; --wait-for-lock keeps a second DVC from failing the first.

    Raises:
        ForError: DVC did not end with 0; the sentence names the stage, and ends with what it said last.
    """
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", str(GUARD), "run", sys.executable, "-m", "dvc", "--wait-for-lock", *arguments],
        cwd=root,
        stdin=subprocess.PIPE,  # the guard's sign that we are alive
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        start_new_session=True,
    )
    story = Story()
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if text := line.rstrip():
                story.add(text)
                say(text)
        code = process.wait()
    except BaseException:  # cancelled, interrupted, timed out: nothing may go on training
        end_group(process.pid, [(signal.SIGTERM, GRACE)])
        process.wait()
        raise
    finally:
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
    if code:
        raise ForError(story.sentence(" ".join(arguments), code))


class Story:
    """What DVC said, as far as an error needs it."""

    def __init__(self) -> None:
        self._stage = ""
        self._errors: list[str] = []
        self._last: deque[str] = deque(maxlen=1)

    def add(self, line: str) -> None:
        """Read one line of output."""
        if match := STAGE.match(line):
            self._stage, self._errors = match[1], []
        elif match := ERROR.match(line):
            self._errors.append(match[1])
        self._last.append(line)

    def sentence(self, what: str, code: int) -> str:
        """Why `dvc what` ended with `code`: the stage's own error before DVC's, which only repeats the command."""
        reason = (self._errors or list(self._last) or [f"it ended with {code} and said nothing"])[0]
        if 128 < code < 193:  # as a shell tells of signals; DVC itself fails with 255
            reason = f"it was ended by signal {code - 128}"
        return f"stage {self._stage} failed: {reason}" if self._stage else f"dvc {what} failed: {reason}"
