"""Finding out what a folder holds: which format, and where its images and annotations are."""

from __future__ import annotations

import mmap
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from for_retrieval.errors import UsageError
from for_retrieval.records.images import EXTENSIONS, shown

Places = str | dict[str, str]  # one place, or one for each part

_COCO = (b'"images"', b'"annotations"', b'"categories"')  # caption files have no categories
_MARKS = {"lvis": b'"neg_category_ids"', "panoptic": b'"segments_info"'}  # what only these hold
_PARTS = {"train": "train", "val": "val", "valid": "val", "test": "test"}
_WORD = re.compile(r"(?<![a-z])(train|valid|val|test)(?![a-z])")


@dataclass(frozen=True)
class Place:
    """A kind of set, and where its images and annotations lie below its folder."""

    kind: str
    images: Places
    annotations: Places | None


def detect(folder: Path, kind: str | None, annotations: Places | None) -> Place:
    """What `folder` holds, where neither or only some of it was said.

    A version folder with object_ann.json makes it nuimages; a YAML file with ``names:`` and ``train:`` yolo;
    ``Annotations`` with XML files voc; a JSON file with images, annotations and categories, in the folder, in
    ``annotations`` or in a folder for each part, coco, or lvis or panoptic by what only those hold; tar files
    webdataset. Anything else is a folder of images. Files that differ by train, val and test alone are one set.

    Raises:
        UsageError: nothing of the said kind is there, or several annotation files without a clear choice.
    """
    if annotations is not None and kind != "folder":
        return _said(folder, kind, annotations)
    for name, find in _FINDERS.items():
        if kind in (None, name) and (found := find(folder)):
            return found
    if kind in (None, *_MARKS, "coco") and (found := _coco(folder, kind)):
        return found
    if kind in (None, "webdataset") and _has_shards(folder):
        return Place("webdataset", ".", None)
    if kind in (None, "folder"):
        return Place("folder", ".", None)
    raise UsageError(_NEEDS[kind].format(shown(folder)))


def _said(folder: Path, kind: str | None, annotations: Places) -> Place:
    """The place of a set whose annotations were said."""
    first = folder / (annotations if isinstance(annotations, str) else next(iter(annotations.values())))
    if kind is None and first.is_dir():
        kind = "nuimages" if (first / "object_ann.json").is_file() else "voc"
    elif kind is None:
        kind = "yolo" if first.suffix in (".yaml", ".yml") else _kind_of(first)
    if kind == "webdataset":
        raise UsageError("shards hold their annotations; leave out --annotations")
    if kind == "nuimages":
        return Place(kind, ".", annotations)
    if kind == "yolo":
        return Place(kind, _each(annotations, lambda name: Path(name).parent.as_posix()), annotations)
    if kind == "voc":
        return Place(kind, _each(annotations, lambda name: _voc_images(folder, name)), annotations)
    return Place(kind, _images(folder, annotations, kind), annotations)


def _each(places: Places, change: Callable[[str], str]) -> Places:
    return change(places) if isinstance(places, str) else {part: change(place) for part, place in places.items()}


def _nuimages(folder: Path) -> Place | None:
    versions = sorted(path.parent.name for path in folder.glob("*/object_ann.json"))
    if not versions:
        return None
    # The test version has no annotations, and mini is a piece of the others.
    both = [name for name in versions if name.endswith(("-train", "-val"))]
    versions = both if len(both) == 2 else versions
    parts = _by_part(versions)
    if len(versions) > 1 and parts is None:
        raise UsageError(f"{shown(folder)} has several versions ({', '.join(versions)}); name one with --annotations")
    return Place("nuimages", ".", parts or versions[0])


def _yolo(folder: Path) -> Place | None:
    files = [path for pattern in ("*.yaml", "*.yml") for path in sorted(folder.glob(pattern))]
    found = [path.name for path in files if path.is_file() and _has(path, (b"names:", b"train:"))]
    if len(found) > 1:
        raise UsageError(f"{shown(folder)} has several YOLO files ({', '.join(found)}); name one with --annotations")
    return Place("yolo", ".", found[0]) if found else None


def _voc(folder: Path) -> Place | None:
    if next(folder.glob("Annotations/*.xml"), None) is None:
        return None
    return Place("voc", _voc_images(folder, "Annotations"), "Annotations")


def _voc_images(folder: Path, annotations: str) -> str:
    beside = Path(annotations).parent / "JPEGImages"
    return beside.as_posix() if (folder / beside).is_dir() else annotations


def _has_shards(folder: Path) -> bool:
    if any(path.suffix.lower() in EXTENSIONS for path in folder.iterdir()):
        return False  # images, with an archive among them
    return any(True for pattern in ("*.tar", "*/*.tar") for _ in folder.glob(pattern))


def _coco(folder: Path, kind: str | None) -> Place | None:
    """coco, lvis or panoptic; `kind`, where it is said, passes over the other files."""
    wanted = {None: ("coco", *_MARKS), "coco": ("coco", "lvis")}.get(kind, (kind,))  # an LVIS file is one of COCO too
    for pattern in ("*.json", "annotations/*.json", "*/*.json"):
        paths = [path for path in sorted(folder.glob(pattern)) if path.is_file() and _has(path, _COCO)]
        kinds = {path.relative_to(folder).as_posix(): _kind_of(path) for path in paths}
        names = [name for name, its in kinds.items() if its in wanted]
        if pattern == "*/*.json" and _by_part(names) is None:
            continue  # a folder for each part, or none that this knows
        if len(names) > 1:  # the official folder holds key points and stuff too
            names = [name for name in names if Path(name).name.startswith("instances")] or names
        if names:
            places = names[0] if len(names) == 1 else _by_part(names)
            if places is None or len({kinds[name] for name in names}) > 1:
                raise UsageError(
                    f"{shown(folder)} has several annotation files ({', '.join(map(shown, names))}); name one with "
                    "--annotations"
                )
            found = kind or kinds[names[0]]
            return Place(found, _images(folder, places, found), places)
    return None


def _kind_of(path: Path) -> str:
    return next((kind for kind, mark in _MARKS.items() if path.is_file() and _has(path, (mark,))), "coco")


def _by_part(names: list[str]) -> dict[str, str] | None:
    """Names by the part in them, where each has one of its own and they differ in nothing else."""
    parts: dict[str, str] = {}
    for name in names:
        if found := _WORD.findall(name.lower()):
            parts.setdefault(_PARTS[found[-1]], name)
    alike = {_WORD.sub("", name.lower()) for name in names}
    if len(parts) < max(2, len(names)) or len(alike) > 1:
        return None
    return {part: parts[part] for part in ("train", "val", "test") if part in parts}


def _images(folder: Path, annotations: Places, kind: str) -> Places:
    """Where the images of a COCO file are: in a folder named as its part, in ``images``, or beside it."""
    images = "images" if (folder / "images").is_dir() else None
    if kind == "lvis":
        return images or "."  # its coco_url names train2017 and val2017
    if isinstance(annotations, str):
        return _named_alike(folder, annotations) or images or Path(annotations).parent.as_posix()
    found = {part: _named_alike(folder, name) or _own_folder(name) for part, name in annotations.items()}
    places = {part: place for part, place in found.items() if place is not None}
    return places if len(places) == len(found) else images or "."


def _named_alike(folder: Path, annotations: str) -> str | None:
    """``annotations/instances_val2017.json`` -> ``val2017``, if there is such a folder."""
    word = re.search(r"(?:train|valid|val|test)\d*", Path(annotations).stem.lower())
    places = (word[0], f"images/{word[0]}") if word else ()
    return next((place for place in places if (folder / place).is_dir()), None)


def _own_folder(annotations: str) -> str | None:
    """``valid/_annotations.coco.json`` -> ``valid``; None where the file lies with the others."""
    parent = Path(annotations).parent
    return None if parent.name in ("", "annotations") else parent.as_posix()


def _has(path: Path, keys: tuple[bytes, ...]) -> bool:
    """By searching, not parsing: these files reach gigabytes, and reading checks them properly."""
    if path.stat().st_size == 0:
        return False
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return all(content.find(key) >= 0 for key in keys)


_FINDERS: dict[str, Callable[[Path], Place | None]] = {"nuimages": _nuimages, "yolo": _yolo, "voc": _voc}
KINDS = ("coco", "panoptic", "lvis", "nuimages", "voc", "yolo", "webdataset", "folder")
_LISTS = "no JSON file in {} has images, annotations and categories"
_NEEDS = {
    "coco": _LISTS + "; name one with --annotations",
    "panoptic": _LISTS + " with segments_info; name one with --annotations",
    "lvis": _LISTS + " with neg_category_ids; name one with --annotations",
    "nuimages": "no folder in {} has the table object_ann.json, as v1.0-train has; name the folder that holds it",
    "voc": "no XML file is in {}/Annotations; name their folder with --annotations",
    "yolo": "no YAML file in {} has names: and train:; name one with --annotations",
    "webdataset": "no shard (*.tar) is in {} or in a folder of it; name the folder that holds them",
}
