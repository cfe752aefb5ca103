"""A COCO instances file (`data.kind: coco`), read as something that nobody vouches for."""

from __future__ import annotations

import json
import posixpath
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from for_retrieval.data.boxes import number, read_box, round_inside
from for_retrieval.data.images import shown
from for_retrieval.data.records import OBJECT_COLUMNS, Source
from for_retrieval.errors import ForError
from for_retrieval.files import read_json

_CHECK = "check data.annotations in params.yaml"


class _Problems:
    """Keeps the first problem and counts the others, so that one run tells how bad it is."""

    def __init__(self) -> None:
        self.first = ""
        self.count = 0

    def add(self, sentence: str) -> None:
        self.first = self.first or sentence
        self.count += 1

    def raise_first(self, path: Path) -> None:
        if self.count:
            others = f" ({self.count - 1} more problems in this file)" if self.count > 1 else ""
            raise ForError(f"{shown(path)}: {self.first}; correct the file{others}")


@dataclass(frozen=True)
class _Picture:
    image_id: str
    path: str
    width: int
    height: int


def read_coco(path: Path) -> Source:
    """Read images, boxes and categories; image ids become text.

    Boxes that stick out by up to `boxes.SLACK` px are clipped, boxes without area are dropped and
    counted, crowds are kept and marked. A supercategory becomes a hypernym unless all share it.

    Raises:
        ForError: no such file, no JSON, or entries that contradict each other; the sentence gives the
            first problem and how many more there are.
    """
    if not path.is_file():
        raise ForError(f"the annotation file {shown(path)} does not exist; {_CHECK}")
    content = read_json(path, _CHECK)
    for key in ("images", "annotations", "categories"):
        if not isinstance(content, dict) or not isinstance(content.get(key), list):
            raise ForError(f"{shown(path)} has no list {key!r}, which a COCO instances file needs; {_CHECK}")
    problems = _Problems()
    pictures = _pictures(content["images"], problems)
    names = _categories(content["categories"], problems)
    objects = _objects(content["annotations"], pictures, names, problems)
    problems.raise_first(path)
    images = pd.DataFrame([vars(p) for p in pictures.values()], columns=list(_Picture.__annotations__))
    synonyms, hypernyms = _other_words(content["categories"])
    flat = len(content["annotations"]) - len(objects)
    categories = list(dict.fromkeys(names.values()))
    return Source(images, objects, categories, synonyms, hypernyms, dropped={"zero_area_boxes": flat})


def _lacks(entry: Any, keys: tuple[str, ...], where: str, problems: _Problems) -> bool:
    """Whether `entry` lacks a key, or holds text there that no file could hold."""
    for key in keys:
        if not isinstance(entry, dict) or entry.get(key) is None:
            problems.add(f"{where} lacks the key {key!r}")
            return True
        if isinstance(entry[key], str) and not _is_unicode(entry[key]):
            problems.add(f"{where} holds {entry[key]!a} as {key!r}, which is not valid Unicode")
            return True
    return False


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _pictures(entries: list[Any], problems: _Problems) -> dict[str, _Picture]:
    pictures: dict[str, _Picture] = {}
    owners: dict[str, str] = {}  # file name -> image id
    for position, entry in enumerate(entries):
        if _lacks(entry, ("id", "file_name", "width", "height"), f"images[{position}]", problems):
            continue
        image_id, name = str(entry["id"]), posixpath.normpath(str(entry["file_name"]))
        width, height = number(entry["width"]), number(entry["height"])
        if image_id in pictures:
            problems.add(f"the image id {image_id} is given twice")
        elif name.startswith(("/", "../")) or name in ("..", "."):
            problems.add(f"image {image_id} has the file_name {name!r}, which leaves the image folder")
        elif name in owners:
            problems.add(f"the images {owners[name]} and {image_id} share the file_name {name!r}")
        elif min(width, height) >= 1 and max(width, height) < 2**31 and width % 1 == height % 1 == 0:
            pictures[image_id] = _Picture(image_id, name, int(width), int(height))
            owners[name] = image_id
        else:
            size = f"{entry['width']!r} x {entry['height']!r}"
            problems.add(f"image {image_id} has the size {size}, which must be two whole numbers above 0")
    return pictures


def _categories(entries: list[Any], problems: _Problems) -> dict[str, str]:
    """Category id -> name. Two ids may share a name: they are then one category."""
    names: dict[str, str] = {}
    for position, entry in enumerate(entries):
        if _lacks(entry, ("id", "name"), f"categories[{position}]", problems):
            continue
        if str(entry["id"]) in names:
            problems.add(f"the category id {entry['id']} is given twice")
        elif not isinstance(entry["name"], str) or not entry["name"].strip():
            problems.add(f"category {entry['id']} has the name {entry['name']!r}, which must be a word")
        names[str(entry["id"])] = str(entry["name"])
    return names


def _other_words(entries: list[dict[str, Any]]) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Synonyms (LVIS gives them) and hypernyms (the supercategory), by category name."""
    synonyms, hypernyms = {}, {}
    shared = all(entry.get("supercategory") == entries[0].get("supercategory") for entry in entries)
    for entry in entries:
        name, wider, given = entry["name"], entry.get("supercategory"), entry.get("synonyms")
        words = [str(word).replace("_", " ") for word in given] if isinstance(given, list) else []
        if others := [word for word in words if word != name.replace("_", " ") and _is_unicode(word)]:
            synonyms[name] = others
        if not shared and isinstance(wider, str) and wider not in ("", "none", name) and _is_unicode(wider):
            hypernyms[name] = [wider]
    return synonyms, hypernyms


def _objects(
    entries: list[Any], pictures: dict[str, _Picture], names: dict[str, str], problems: _Problems
) -> pd.DataFrame:
    rows = []
    for position, entry in enumerate(entries):
        if _lacks(entry, ("id", "image_id", "category_id", "bbox"), f"annotations[{position}]", problems):
            continue
        where = f"annotation {entry['id']}"
        picture, category = pictures.get(str(entry["image_id"])), names.get(str(entry["category_id"]))
        if picture is None:
            problems.add(f"{where} is on the image {entry['image_id']}, which 'images' does not list")
        elif category is None:
            problems.add(f"{where} has the category {entry['category_id']}, which 'categories' does not list")
        else:
            try:
                box = read_box(entry["bbox"], picture.width, picture.height)
                attributes = _attributes(entry.get("attributes"))
            except ValueError as error:
                problems.add(f"{where} on image {picture.image_id} {error}")
                continue
            if box:
                row = (picture.image_id, *box, category, attributes, bool(entry.get("iscrowd")))
                rows.append((*row, picture.width, picture.height))
    columns = [*OBJECT_COLUMNS, "width", "height"]
    return round_inside(pd.DataFrame(rows, columns=columns))[list(OBJECT_COLUMNS)].astype(OBJECT_COLUMNS)


def _attributes(value: Any) -> str:
    """An annotation's attributes as JSON text with sorted keys; ``color`` is stored as ``colour``.

    Raises:
        ValueError: they are no object, or hold what JSON cannot.
    """
    if value is not None and not isinstance(value, dict):
        raise ValueError(f"has the attributes {value!r}, which must be an object {{name: value}}")
    if not value:
        return "{}"
    spelled = {"colour" if key == "color" else key: entry for key, entry in value.items()}
    try:
        text = json.dumps(spelled, sort_keys=True, ensure_ascii=False, allow_nan=False)
        text.encode()
    except ValueError:
        raise ValueError("has attributes with a NaN or text that is not valid Unicode") from None
    return text
