"""A folder of images without annotations (`data.kind: folder`)."""

from __future__ import annotations

import os
from pathlib import Path

from for_retrieval.errors import ForError, printable
from for_retrieval.records.images import ENDINGS, EXTENSIONS
from for_retrieval.records.readers.format import Format, Place, image_folder, require_folder
from for_retrieval.records.readers.source import Picture, Source, is_unicode


def read_folder(root: Path) -> Source:
    """Every image below `root`, recognised by its ending; an image's id is its relative posix path.

    Hidden files and folders are skipped. Links that lead out of `root` are not followed but listed as broken, as are
    names that are not UTF-8. Raises ForError: `root` is not a folder, cannot be read, or has no images.
    """

    def fail(error: OSError) -> None:
        raise ForError(f"{printable(error.filename)} cannot be read ({error.strerror}); check its permissions")

    require_folder(root)
    found, names = Source(root, "folder"), []
    for folder, folders, files in os.walk(root, onerror=fail):
        folders[:] = [name for name in folders if not name.startswith(".")]
        links = [name for name in folders if Path(folder, name).is_symlink()]
        pictures = [n for n in files if not n.startswith(".") and Path(n).suffix.lower() in EXTENSIONS]
        for path in (Path(folder, name) for name in links + pictures):
            name = path.relative_to(root).as_posix()
            if reason := _refusal(path, root):
                found.broken.append({"path": os.fsencode(name).decode("utf-8", "backslashreplace"), "reason": reason})
            elif path.suffix.lower() in EXTENSIONS and not path.is_dir():
                names.append(name)
    if not names and not found.broken:
        where = f"{printable(root)} (endings: {' '.join(ENDINGS)})"
        raise ForError(f"there are no images in {where}; check data.root and data.images in params.yaml")
    found.pictures = {name: Picture(name, name, 0, 0) for name in sorted(names)}
    return found


def _refusal(path: Path, root: Path) -> str | None:
    if not is_unicode(str(path)):
        return "file name is not UTF-8"
    # A link to something inside `root` adds nothing: the walk finds its target too.
    try:
        leaves = path.is_symlink() and not path.resolve().is_relative_to(root.resolve())
    except (OSError, RuntimeError):
        return "link that leads to itself"
    return "link out of the image folder" if leaves else None


FORMAT = Format(
    about="a plain folder of images, without annotations",
    missing="there are no images in {}",
    read=lambda data, root, _unpacked: (read_folder(root / image_folder(data)), image_folder(data)),
    find=lambda _folder, _asked: Place("folder", ".", None),
    unannotated="a folder of images has no annotations; leave out --annotations, or leave out --kind folder",
    labelled=False,
)
