"""Errors that a user can act on: one sentence that says what was wrong, where, and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class ForError(Exception):
    """A failure that the user can act on. The CLI prints it without a traceback."""

    exit_code = 1


class UsageError(ForError):
    """The command or its configuration was wrong; nothing was tried."""

    exit_code = 2


def printable(text: object) -> str:
    """`text`, a path or a name, literally and on one line: what is not printable is shown as a backslash escape."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in str(text))


def nearest(word: str, known: Iterable[str]) -> str:
    """A clause that suggests the valid word closest to `word`, or lists all of them if none is close."""
    options = sorted(known)
    if close := difflib.get_close_matches(word, options, n=1, cutoff=0.5):
        return f"did you mean {close[0]!r}?"
    return f"valid are: {', '.join(options)}"
