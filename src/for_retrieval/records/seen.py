"""What is known about files without reading them: by path, size and modification time.

data/cache/images.sqlite    the facts of every image that was read
data/cache/prepared.json    the listing of the files that data/prepared was made from

Both are safe to delete: everything is then read again.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from for_retrieval.files import file_hash, write_json

if TYPE_CHECKING:
    from for_retrieval.params import Data  # loads pydantic, and queries load this file


class ImageFacts(NamedTuple):
    """What the tables record of an image: px after EXIF orientation, and the sha256 of its bytes."""

    width: int
    height: int
    hash: str


RECENT = 2 * 10**9  # ns; a file that changed less than this ago may change again unnoticed
_TABLE = """CREATE TABLE IF NOT EXISTS images
(path BLOB PRIMARY KEY, size INTEGER, changed INTEGER, width INTEGER, height INTEGER, hash TEXT)"""


def file_state(path: str | Path) -> tuple[int, int] | None:
    """Size in bytes and modification time in ns; None if the file does not exist or changed less than `RECENT` ago."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return None if time.time_ns() - found.st_mtime_ns < RECENT else (found.st_size, found.st_mtime_ns)


class SeenImages:
    """The `facts` of those of `paths` that were read before and have not changed since."""

    def __init__(self, cache: Path, paths: Iterable[Path]) -> None:
        self._database = cache / "images.sqlite"
        self._states = {path: state for path in paths if (state := file_state(path))}
        stored: dict[tuple[Any, ...], ImageFacts] = {}
        if self._database.exists():
            try:
                with closing(sqlite3.connect(self._database, timeout=60)) as database:
                    database.execute(_TABLE)
                    stored = {row[:3]: ImageFacts(*row[3:]) for row in database.execute("SELECT * FROM images")}
            except sqlite3.DatabaseError:  # damaged
                self._database.unlink(missing_ok=True)
        found = ((path, stored.get((os.fsencode(path), *state))) for path, state in self._states.items())
        self.facts = {path: facts for path, facts in found if facts}

    def add(self, found: Mapping[Path, ImageFacts]) -> None:
        """Store the facts of images that were read now."""
        rows = [(os.fsencode(p), *self._states[p], *facts) for p, facts in found.items() if p in self._states]
        if rows:
            self._database.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self._database, timeout=60)) as database, database:
                database.execute(_TABLE)
                database.executemany("INSERT OR REPLACE INTO images VALUES (?, ?, ?, ?, ?, ?)", rows)


def listing(data: Data, root: Path) -> str | None:
    """A digest of `data` and every file's name, size and time; None if a file may change again unnoticed."""
    digest = hashlib.sha256(json.dumps(data.model_dump(mode="json")).encode())
    below_root = lru_cache(None)(partial(os.path.relpath, start=root))  # most files share a folder
    for folder, name in sorted(_files(root / data.root, data)):
        path = f"{folder}/{name}"  # a `Path` takes longer than looking at the file
        if (state := file_state(path)) is None and os.path.exists(path):
            return None
        digest.update(os.fsencode(f"{below_root(folder)}/{name} {state}\n"))
    return digest.hexdigest()


def _files(base: Path, data: Data) -> Iterator[tuple[str, str]]:
    """Folder and name of every file below the folder of the set, and of those outside it that params.yaml names."""
    values = (data.images, data.annotations, data.splits, data.categories, data.queries)
    named = [base / v for value in values for v in (value.values() if isinstance(value, dict) else [value]) if v]
    outside = [path for path in named if not path.resolve().is_relative_to(base.resolve())]
    for place in (base, *outside):
        if place.is_file():
            yield str(place.parent), place.name
        for folder, _, files in os.walk(place):
            yield from ((folder, name) for name in files)


def note_prepared(cache: Path, files: str | None, prepared: Path) -> None:
    """Record the `listing` that the tables in `prepared` were made from; None: the files are still changing."""
    if files:
        write_json(cache / "prepared.json", {"files": files, "prepared": file_hash(prepared / "dataset.json")})
