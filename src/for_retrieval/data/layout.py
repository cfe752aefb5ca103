"""Where the images and lists of a set are, as params.yaml has it: said by the user, or found in the folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from for_retrieval.data.categories import LVIS, OFFICIAL
from for_retrieval.data.detect import KINDS, Place, Places, detect
from for_retrieval.data.images import shown
from for_retrieval.data.splits import SPLITS
from for_retrieval.errors import UsageError


@dataclass(frozen=True)
class Layout:
    """Paths below the set's folder, posix; `images` and `annotations` one for each part where it comes in parts."""

    kind: str
    images: Places
    annotations: Places | None
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
    """Fill in what was not said (None); see `detect.detect` for what a folder is taken for.

    `images` and `annotations` may be said for parts: ``train=a.json,test=b.json``. ``splits.json`` and
    ``categories.json`` are taken where they exist.

    Raises:
        UsageError: no such folder or file, no annotations where the kind needs some, or several to choose from.
    """
    if not folder.is_dir():
        problem = "is not a folder" if folder.exists() else "does not exist"
        raise UsageError(f"{shown(folder)} {problem}; name the folder that holds your images")
    if kind is not None and kind not in KINDS:
        raise UsageError(f"the kind {kind!r} cannot be imported; choose {', '.join(KINDS[:-1])} or {KINDS[-1]}")
    said = _places(folder, annotations, "--annotations")
    found = detect(folder, kind, said)
    lists = _below(folder, splits, "--splits") or _existing(folder, "splits.json")
    if found.kind == "folder":
        if said or categories:
            raise UsageError("a folder of images has no annotations or categories; leave out --kind folder")
        return Layout("folder", _below(folder, images, "--images") or ".", None, lists, None)
    return Layout(
        found.kind,
        _places(folder, images, "--images") or found.images,
        found.annotations,
        lists,
        _categories(folder, found, categories),
    )


def _categories(folder: Path, found: Place, said: str | None) -> str | None:
    if said is not None and said.startswith(OFFICIAL):
        return said
    file = _below(folder, said, "--categories") or _existing(folder, "categories.json")
    return file or (LVIS if found.kind == "lvis" else None)


def _places(folder: Path, said: str | None, option: str) -> Places | None:
    """One path, or one for each part."""
    if said is None or "=" not in said or (folder / said).exists() or Path(said).exists():
        return _below(folder, said, option)
    places = {}
    for entry in said.split(","):
        part, _, path = entry.strip().partition("=")
        if part not in SPLITS or not path:
            raise UsageError(f"{option}: {entry!r} must be train=PATH, val=PATH or test=PATH; correct it")
        places[part] = _below(folder, path, option) or ""
    return places


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
