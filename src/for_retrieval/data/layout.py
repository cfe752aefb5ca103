"""Finding out what a folder holds: which format, and where its images and lists are."""

from __future__ import annotations

import mmap
from dataclasses import dataclass
from pathlib import Path

from for_retrieval.data.images import shown
from for_retrieval.errors import UsageError

_KEYS = (b'"images"', b'"annotations"', b'"categories"')  # caption files have no categories


@dataclass(frozen=True)
class Layout:
    """Where things are, as params.yaml has it: paths below the set's folder, posix."""

    kind: str
    images: str
    annotations: str | None
    splits: str | None
    categories: str | None


def guess_layout(
    folder: Path,
    kind: str | None,
    images: str | None,
    annotations: str | None,
    splits: str | None,
    categories: str | None,
) -> Layout:
    """Fill in what was not said (None).

    A JSON file with images, annotations and categories, in `folder` or in ``annotations/``, makes it
    coco; its images are in ``images/`` or beside it. Without one it is a folder of images.
    ``splits.json`` and ``categories.json`` are taken where they exist.

    Raises:
        UsageError: no such folder or file, no annotation file for coco, or several.
    """
    if not folder.is_dir():
        problem = "is not a folder" if folder.exists() else "does not exist"
        raise UsageError(f"{shown(folder)} {problem}; name the folder that holds your images")
    if kind not in (None, "coco", "folder"):
        raise UsageError(f"the kind {kind!r} cannot be imported; choose coco or folder")
    said = _below(folder, annotations, "--annotations")
    found = None if kind == "folder" else said or _annotations(folder)
    if kind == "coco" and found is None:
        raise UsageError(
            f"no JSON file in {shown(folder)} has images, annotations and categories; name one with --annotations"
        )
    lists = _below(folder, splits, "--splits") or _existing(folder, "splits.json")
    if found is None:
        if said or categories:
            raise UsageError("a folder of images has no annotations or categories; leave out --kind folder")
        return Layout("folder", _below(folder, images, "--images") or ".", None, lists, None)
    beside = Path(found).parent.as_posix()
    return Layout(
        "coco",
        _below(folder, images, "--images") or ("images" if (folder / "images").is_dir() else beside),
        found,
        lists,
        _below(folder, categories, "--categories") or _existing(folder, "categories.json"),
    )


def _below(folder: Path, said: str | None, option: str) -> str | None:
    """What the user named, below `folder` or from here, as a path below `folder` if it can be one."""
    if said is None:
        return None
    for path in (folder / said, Path(said)):
        if path.exists():
            whole, base = path.resolve(), folder.resolve()
            return (whole.relative_to(base) if whole.is_relative_to(base) else whole).as_posix()
    raise UsageError(f"{option}: {shown(said)} is neither in {shown(folder)} nor here; correct the path")


def _existing(folder: Path, name: str) -> str | None:
    return name if (folder / name).is_file() else None


def _annotations(folder: Path) -> str | None:
    paths = sorted(folder.glob("*.json")) or sorted(folder.glob("annotations/*.json"))
    found = [path.relative_to(folder).as_posix() for path in paths if _looks_like_coco(path)]
    if len(found) > 1:
        raise UsageError(
            f"{shown(folder)} has several annotation files ({', '.join(map(shown, found))}); name one with "
            "--annotations"
        )
    return found[0] if found else None


def _looks_like_coco(path: Path) -> bool:
    """By searching, not parsing: these files reach gigabytes, and reading checks them properly."""
    if not path.is_file() or path.stat().st_size == 0:
        return False
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return all(content.find(key) >= 0 for key in _KEYS)
