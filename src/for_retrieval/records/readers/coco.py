"""COCO instances (`data.kind: coco`), and what the formats with the same JSON lists share."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from for_retrieval.errors import ForError, printable
from for_retrieval.files import read_json
from for_retrieval.records.readers.format import Format, Place, Places, annotated, by_part, contains, only
from for_retrieval.records.readers.source import CHECK, Source, is_unicode

_KEYS = (b'"images"', b'"annotations"', b'"categories"')  # caption files have no categories
_MARKS = {"lvis": b'"neg_category_ids"', "panoptic": b'"segments_info"'}  # keys that only these have


def read_coco(path: Path) -> Source:
    """Read images, boxes and categories; image ids become text.

    Boxes up to `SLACK` px outside their image are clipped, boxes without area are dropped and counted, crowds are
    marked. A supercategory becomes a hypernym unless all categories share it. Beyond COCO, ``caption`` of an image,
    ``attributes`` of an annotation, ``synonyms`` of a category are read. Raises ForError: no such file, not JSON, or
    entries that contradict each other; the message is the first problem and the number of others.
    """
    content = read_lists(path, "a COCO instances file")
    found = Source(path)
    add_pictures(found, content["images"])
    names = read_names(found, content["categories"])
    add_objects(found, content["annotations"], names)
    found.raise_first()
    texts = {str(entry["id"]): entry.get("caption") for entry in content["images"]}
    found.captions = {i: t for i, t in texts.items() if isinstance(t, str) and t.strip() and is_unicode(t)}
    add_words(found, content["categories"])
    return found.finished(names.values())


def read_lists(path: Path, what: str) -> dict[str, list[Any]]:
    """The lists images, annotations and categories of a JSON file; ForError if one is missing. what: its format."""
    content = read_json(path, CHECK, "the annotation file")
    for key in ("images", "annotations", "categories"):
        if not isinstance(content, dict) or not isinstance(content.get(key), list):
            raise ForError(f"{printable(path)} has no list {key!r}, which {what} needs; {CHECK}")
    return dict(content)


def add_pictures(found: Source, entries: list[Any]) -> None:
    """Add the entries of ``images``."""
    for _, entry in found.complete(entries, ("id", "file_name", "width", "height"), "images"):
        image_id, size = str(entry["id"]), (entry["width"], entry["height"])
        found.add_picture(image_id, entry["file_name"], *size, f"image {image_id}", "file_name")


def read_names(found: Source, entries: list[Any]) -> dict[str, str]:
    """Category id -> name. Two ids may share a name: they are then one category."""
    names: dict[str, str] = {}
    for _, entry in found.complete(entries, ("id", "name"), "categories"):
        if str(entry["id"]) in names:
            found.problem(f"category {entry['id']} is listed twice")
        elif not isinstance(entry["name"], str) or not entry["name"].strip():
            found.problem(f"category {entry['id']} has the name {entry['name']!r}, which must be a word")
        names[str(entry["id"])] = str(entry["name"])
    return names


def add_words(found: Source, entries: list[dict[str, Any]]) -> None:
    """Add synonyms (LVIS has them) and hypernyms of the entries of ``categories``, which were checked before."""
    shared = all(entry.get("supercategory") == entries[0].get("supercategory") for entry in entries)
    for entry in entries:
        name, wider, synonyms = entry["name"], entry.get("supercategory"), entry.get("synonyms")
        words = [str(word).replace("_", " ") for word in synonyms] if isinstance(synonyms, list) else []
        if others := [word for word in words if word != name.replace("_", " ") and is_unicode(word)]:
            found.synonyms[name] = others
        if not shared and isinstance(wider, str) and wider not in ("", "none", name) and is_unicode(wider):
            found.hypernyms[name] = [wider]


def add_objects(found: Source, entries: list[Any], names: dict[str, str], what: str = "annotation") -> None:
    """Add the entries of ``annotations``, or others with the same keys, which messages call `what`."""
    for _, entry in found.complete(entries, ("id", "image_id", "category_id", "bbox"), f"{what}s"):
        where, image_id, category_id = f"{what} {entry['id']}", str(entry["image_id"]), str(entry["category_id"])
        if image_id not in found.pictures:
            found.problem(f"{where} is on image {image_id}, which 'images' does not list")
        elif category_id not in names:
            found.problem(f"{where} has the category {category_id}, which 'categories' does not list")
        else:
            details = entry["bbox"], names[category_id], entry.get("attributes"), bool(entry.get("iscrowd"))
            found.add_object(f"{where} on image {image_id}", image_id, *details)


def find_lists(folder: Path, wanted: tuple[str, ...], as_coco: bool = False) -> Place | None:
    """A set with JSON lists of the kinds `wanted`, in files of the folder, of its ``annotations``, or one per part.

    Files that differ in train, val and test alone are one set. Raises UsageError: there are several others.
    """
    for pattern in ("*.json", "annotations/*.json", "*/*.json"):
        paths = [path for path in sorted(folder.glob(pattern)) if contains(path, _KEYS)]
        kinds = {path.relative_to(folder).as_posix(): kind_of(path) for path in paths}
        names = [name for name, its in kinds.items() if its in wanted]
        if pattern == "*/*.json" and by_part(names) is None:
            continue
        if len(names) > 1:  # the official folder has key points and stuff too
            names = [name for name in names if Path(name).name.startswith("instances")] or names
        if names:
            parts = by_part(names) if len({kinds[name] for name in names}) == 1 else None
            places, found = parts or only(names, folder, "annotation files"), "coco" if as_coco else kinds[names[0]]
            return Place(found, "." if found == "lvis" else images_of(folder, places), places)
    return None


def kind_of(path: Path) -> str:
    """The format of JSON lists, by the keys that only it has."""
    return next((kind for kind, mark in _MARKS.items() if contains(path, (mark,))), "coco")


def images_of(folder: Path, annotations: Places) -> Places:
    """Where the images are: in a folder named like the part, in ``images``, or beside the file."""
    images = "images" if (folder / "images").is_dir() else None
    if isinstance(annotations, str):
        return _named_alike(folder, annotations) or images or Path(annotations).parent.as_posix()
    found = {}
    for part, name in annotations.items():
        parent = Path(name).parent  # of ``valid/_annotations.coco.json``: ``valid``, a folder of this part alone
        found[part] = _named_alike(folder, name) or ("" if parent.name in ("", "annotations") else parent.as_posix())
    return found if all(found.values()) else images or "."


def _named_alike(folder: Path, annotations: str) -> str | None:
    """``annotations/instances_val2017.json`` -> ``val2017``, if there is such a folder."""
    word = re.search(r"(?:train|valid|val|test)\d*", Path(annotations).stem.lower())
    places = (word[0], f"images/{word[0]}") if word else ()
    return next((place for place in places if (folder / place).is_dir()), None)


# `Format.missing` for JSON lists with more keys, or none.
MISSING = "no JSON file in {} has images, annotations and categories%s; name one with --annotations"

FORMAT = Format(
    about="COCO instances: JSON with boxes, and attributes of objects where CVAT or others wrote them",
    missing=MISSING % "",
    read=annotated(read_coco),
    # An LVIS file can be read as COCO, if the user asks for it.
    find=lambda folder, asked: find_lists(folder, ("coco", "lvis") if asked else ("coco", *_MARKS), as_coco=asked),
    fits=lambda path: kind_of(path) == "coco",
    images=images_of,
)
