"""What is wrong with an annotation file: the first problem in full, and how many more there are."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any

from for_retrieval.data.images import shown
from for_retrieval.errors import ForError


class Problems:
    """Keeps the first problem and counts the others, so that one run tells how bad it is."""

    def __init__(self) -> None:
        self.first = ""
        self.count = 0

    def add(self, sentence: str) -> None:
        """Note a problem; `sentence` names the entry and has no full stop."""
        self.first = self.first or sentence
        self.count += 1

    def raise_first(self, path: Path, what: str = "file") -> None:
        """End the reading of `path` (a file, or a folder of files) if there was a problem.

        Raises:
            ForError: there was.
        """
        if self.count:
            others = f" ({self.count - 1} more problems in this {what})" if self.count > 1 else ""
            raise ForError(f"{shown(path)}: {self.first}; correct the file{others}")


def lacks(entry: Any, keys: tuple[str, ...], where: str, problems: Problems) -> bool:
    """Whether `entry` lacks a key, or holds text there that no file could hold; both are noted."""
    for key in keys:
        if not isinstance(entry, dict) or entry.get(key) is None:
            problems.add(f"{where} lacks the key {key!r}")
            return True
        if isinstance(entry[key], str) and not is_unicode(entry[key]):
            problems.add(f"{where} holds {entry[key]!a} as {key!r}, which is not valid Unicode")
            return True
    return False


def is_unicode(text: str) -> bool:
    """Whether `text` can be written to a file; JSON can hold halves of characters, which cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def there(path: Path) -> bool:
    """Whether a file or folder is there; a name that no file can have, too long for example, is not."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def leaves(name: str) -> bool:
    """Whether a normalised posix path leads out of the folder it starts from, or is that folder."""
    return name in ("", ".") or "\0" in name or name.startswith("/") or ".." in PurePosixPath(name).parts
