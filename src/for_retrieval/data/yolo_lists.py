"""Which images a YOLO data.yaml means by train, val and test: folders, lists in text files, or several of both."""

from __future__ import annotations

import posixpath
from pathlib import Path
from typing import Any

from for_retrieval.data.folder import read_folder
from for_retrieval.data.images import EXTENSIONS, shown
from for_retrieval.data.problems import leaves, there
from for_retrieval.errors import ForError

_KEYS = {"train": ("train",), "val": ("val", "valid"), "test": ("test",)}


def image_paths(content: dict[str, Any], path: Path) -> tuple[dict[str, str], list[dict[str, str]]]:
    """Image path (below the folder of the data.yaml at `path`) -> part, and the files that cannot be used.

    Everything must lie in the folder of the data.yaml. As Ultralytics does, ``path`` is tried before an entry, and
    ``../`` at its start is forgiven; an absolute ``path`` is of the machine that wrote it and is passed over.

    Raises:
        ForError: an entry leads nowhere or out of the folder, or there are no images.
    """
    parts: dict[str, str] = {}
    broken: list[dict[str, str]] = []
    for part, keys in _KEYS.items():
        for key in keys:
            given = content.get(key)
            for entry in given if isinstance(given, list) else [] if given is None else [given]:
                names, unusable = _images(_found(entry, key, content.get("path"), path), path)
                broken += unusable
                for name in names:
                    parts.setdefault(name, part)
    if not parts:
        raise ForError(f"{shown(path)} names no images; it needs 'train' and 'val', a folder or a list each")
    return parts, broken


def _found(entry: Any, key: str, before: Any, path: Path) -> str:
    """The folder or list that `entry` means, below the folder of the data.yaml."""
    text = posixpath.normpath(str(entry).strip().replace("\\", "/"))
    bare = text
    while bare.startswith("../"):
        bare = bare[3:]
    ahead = [posixpath.normpath(posixpath.join(before, text))] if isinstance(before, str) else []
    for name in [*ahead, text, bare]:
        if (name == "." or not leaves(name)) and there(path.parent / name):
            return name
    raise ForError(
        f"{shown(path)} has {key}: {shown(str(entry))}, which is not in {shown(path.parent)}; "
        "move the data.yaml to the folder of its images, or correct it"
    )


def _images(name: str, path: Path) -> tuple[list[str], list[dict[str, str]]]:
    place = path.parent / name
    if place.is_dir():
        source = read_folder(place)
        below = [posixpath.normpath(posixpath.join(name, found)) for found in source.images["path"]]
        return below, [{**entry, "path": posixpath.join(name, entry["path"])} for entry in source.broken]
    if place.suffix != ".txt":
        return [name], []
    try:
        lines = place.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ForError(f"{shown(place)} cannot be read ({error}); it must list one image a line") from None
    names = []
    for number, line in enumerate(lines, 1):
        if not (said := line.strip()):
            continue
        # A list's own folder is where "./" starts; else it is the folder of the data.yaml.
        start = posixpath.dirname(name) if said.startswith("./") else ""
        text = posixpath.normpath(posixpath.join(start, said))
        if leaves(text) or not text.lower().endswith(EXTENSIONS):
            raise ForError(
                f"line {number} of {shown(place)} is {said!r}, which is no image below {shown(path.parent)}; correct it"
            )
        names.append(text)
    return names, []
