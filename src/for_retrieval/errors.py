"""Errors that a user can act on: one sentence that says what was wrong, where, and what to do."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable


class ForError(Exception):
    """A failure that the user can act on. The CLI prints it without a traceback."""

    exit_code = 1


class UsageError(ForError):
    """The command or its configuration was wrong; nothing was tried."""

    exit_code = 2


class TransientError(ForError):
    """A server or a network failed; the same call may succeed later."""


def printable(text: object) -> str:
    """`text`, a path or a name, literally and on one line: what is not printable is shown as a backslash escape."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in str(text))


def nearest(word: str, known: Iterable[str]) -> str:
    """A clause that suggests the valid word closest to `word`, or lists all of them if none is close."""
    options = sorted(known)
    if close := difflib.get_close_matches(word, options, n=1, cutoff=0.5):
        return f"did you mean {close[0]!r}?"
    return f"valid are: {', '.join(options)}"


def missing_library(module: str) -> ForError | None:
    """The error for a module of a library that for-retrieval declares and that is not installed; None for others."""
    from importlib.metadata import PackageNotFoundError, requires

    name = module.partition(".")[0]
    wanted = "open_clip_torch" if name == "open_clip" else name  # all other extras are named as they are imported
    try:
        declared = requires("for-retrieval") or []
    except PackageNotFoundError:  # the source alone, which declares nothing
        return None
    for requirement in declared:
        library, extra = re.split(r"[^\w.-]", requirement)[0], re.search(r"extra == ['\"]([\w-]+)", requirement)
        if library.lower().replace("-", "_") == wanted:
            what = f"'for-retrieval[{extra[1]}]'" if extra else "for-retrieval"
            return ForError(f"this command needs {library}, which is not installed; run pip install {what}")
    return None
