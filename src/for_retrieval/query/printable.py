"""Names from untrusted files, safe to show on one line."""

from __future__ import annotations


def printable(text: str) -> str:
    """`text` with newlines, control characters, direction overrides and the like as backslash escapes."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
