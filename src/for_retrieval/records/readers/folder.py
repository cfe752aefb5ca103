"""A folder of images without annotations (`data.kind: folder`)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from for_retrieval.errors import ForError
from for_retrieval.records.images import EXTENSIONS, shown
from for_retrieval.records.records import Source, empty_objects

_CHECK = "check data.root and data.images in params.yaml"


def read_folder(root: Path) -> Source:
    """Every image below `root`, known by its ending; an image's id is its relative posix path.

    Hidden files and folders are passed over. Links that lead out of `root` are not followed but
    listed as broken, as are names that are not UTF-8.

    Raises:
        ForError: `root` is no folder, cannot be read, or holds no images.
    """
    require_folder(root)
    names, broken = [], []
    for path in _walk(root):
        name, reason = path.relative_to(root).as_posix(), _refusal(path, root)
        if reason:
            text = os.fsencode(name).decode("utf-8", "backslashreplace")
            broken.append({"path": text, "reason": reason})
        elif path.suffix.lower() in EXTENSIONS and not path.is_dir():
            names.append(name)
    if not names and not broken:
        endings = " ".join(ending.removeprefix(".") for ending in EXTENSIONS)
        raise ForError(f"there are no images below {shown(root)} (endings: {endings}); {_CHECK}")
    names.sort()
    images = pd.DataFrame({"image_id": names, "path": names, "width": 0, "height": 0})
    return Source(images, empty_objects(), broken=broken)


def require_folder(root: Path) -> None:
    """Check that the image folder is there.

    Raises:
        ForError: `root` does not exist or is a file.
    """
    if not root.is_dir():
        problem = "is not a folder" if root.exists() else "does not exist"
        raise ForError(f"the image folder {shown(root)} {problem}; {_CHECK}")


def _walk(root: Path) -> Iterator[Path]:
    """Files with an image's ending, and links to folders, below `root`."""

    def fail(error: OSError) -> None:
        raise ForError(f"{shown(error.filename)} cannot be read ({error.strerror}); check its permissions")

    for folder, folders, files in os.walk(root, onerror=fail):
        folders[:] = [name for name in folders if not name.startswith(".")]
        links = [name for name in folders if (Path(folder) / name).is_symlink()]
        pictures = [n for n in files if not n.startswith(".") and Path(n).suffix.lower() in EXTENSIONS]
        yield from (Path(folder) / name for name in links + pictures)


def _refusal(path: Path, root: Path) -> str | None:
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return "file name is not UTF-8"
    # A link that stays inside names a picture, or a folder, that the walk meets anyway.
    try:
        leaves = path.is_symlink() and not path.resolve().is_relative_to(root.resolve())
    except (OSError, RuntimeError):
        return "link that leads to itself"
    return "link out of the image folder" if leaves else None
