"""YOLO as Ultralytics lays it out (`data.kind: yolo`): data.yaml, images/ and labels/ with a text file an image.

ultralytics is not used: it brings a training framework, is under the AGPL, and skips what it cannot read.
"""

from __future__ import annotations

import math
import posixpath
from pathlib import Path
from typing import Any

import yaml

from for_retrieval.errors import ForError
from for_retrieval.records.images import EXTENSIONS, shown, upright_size
from for_retrieval.records.readers.annotations import Problems, is_unicode, leaves, object_table, there
from for_retrieval.records.readers.coco import Picture, picture_table
from for_retrieval.records.readers.folder import read_folder
from for_retrieval.records.records import Source

_CHECK = "check data.annotations in params.yaml"
_LARGEST = 10_000_000  # bytes of a text file
_OVER = 0.01  # how far a share may be past 0 or 1: exporters round


def read_yolo(path: Path) -> Source:
    """Read the images that a data.yaml names, and their labels; an image's id is its path below the yaml's folder.

    A label is ``class x y w h`` or ``class x1 y1 x2 y2 ...`` (an outline, of which the enclosing box is taken), as
    shares of the image. Boxes are cut at the image's edge. An image without a label file shows none of the categories,
    as YOLO has it. An image in several parts counts for the first.

    Raises:
        ForError: no such file, no names or images in it, or labels that are wrong.
    """
    content = read_config(path)
    names = _names(content, path)
    parts, broken = image_paths(content, path)
    outlines = content.get("kpt_shape") is None  # with key points, what follows the box is no outline
    problems = Problems()
    pictures: dict[str, Picture] = {}
    rows: list[tuple[Any, ...]] = []
    found = boxes = 0
    for name in parts:
        width, height = upright_size(path.parent / name) or (0, 0)
        pictures[name] = Picture(name, name, width, height)
        labels = path.parent / label_path(name)
        if not there(labels):
            continue
        found += 1
        for number, line in enumerate(_lines(labels, problems), 1):
            if not line.split():
                continue
            boxes += 1
            try:
                category, box = _label(line, names, outlines)
            except ValueError as error:
                problems.add(f"line {number} of {shown(label_path(name))} {error}")
                continue
            x, y, w, h = (share * side for share, side in zip(box, (width, height) * 2, strict=True))
            if w > 0 and h > 0:
                rows.append((name, x, y, w, h, category, "{}", False, width, height))
            elif not width:
                boxes -= 1  # of an image that cannot be read, which is told elsewhere
    problems.raise_first(path, "set")
    if not found:
        first = shown(label_path(next(iter(parts))))
        raise ForError(f"no image of {shown(path)} has a label file ({first} for the first); {_CHECK}")
    objects = object_table(rows)
    dropped = {"zero_area_boxes": boxes - len(objects)}
    categories = list(dict.fromkeys(names.values()))
    return Source(picture_table(pictures), objects, categories, broken=broken, dropped=dropped, parts=parts)


def read_config(path: Path) -> dict[str, Any]:
    """The content of a data.yaml.

    Raises:
        ForError: it does not exist, or is no YAML with keys.
    """
    if not path.is_file():
        raise ForError(f"the annotation file {shown(path)} does not exist; {_CHECK}")
    try:
        if path.stat().st_size > _LARGEST:
            raise ForError(f"{shown(path)} has more than {_LARGEST} bytes, which no data.yaml has; {_CHECK}")
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise ForError(f"{shown(path)} is not valid YAML ({' '.join(str(error).split())}); {_CHECK}") from None
    except OSError as error:
        raise ForError(f"{shown(path)} cannot be read ({error.strerror}); {_CHECK}") from None
    if not isinstance(content, dict):
        raise ForError(f"{shown(path)} has no keys 'names' and 'train', which a YOLO data.yaml needs; {_CHECK}")
    return content


def label_path(name: str) -> str:
    """``images/train/a.jpg`` -> ``labels/train/a.txt``; beside the image where no folder is called images."""
    before, found, after = f"/{name}".rpartition("/images/")
    moved = f"{before}/labels/{after}" if found else f"/{name}"
    return posixpath.splitext(moved)[0].removeprefix("/") + ".txt"


def _names(content: dict[str, Any], path: Path) -> dict[int, str]:
    """Class number -> name."""
    given = content.get("names")
    pairs = dict(enumerate(given)) if isinstance(given, list) else given
    if not isinstance(pairs, dict) or not pairs:
        raise ForError(f"{shown(path)} has no 'names', a list or number: name; {_CHECK}")
    for number, name in pairs.items():
        if not isinstance(number, int) or isinstance(number, bool) or number < 0:
            raise ForError(f"{shown(path)} has the class number {number!r} in 'names'; it must be 0 or more")
        if not isinstance(name, str | int | float) or not str(name).strip() or not is_unicode(str(name)):
            raise ForError(f"{shown(path)} has the name {name!a} for class {number}, which must be a word")
    return {number: str(name).strip() for number, name in pairs.items()}


def _lines(path: Path, problems: Problems) -> list[str]:
    try:
        if path.stat().st_size > _LARGEST:
            problems.add(f"{shown(path.name)} has more than {_LARGEST} bytes")
            return []
        return path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        problems.add(f"{shown(path.name)} is not text in UTF-8")
    except OSError as error:
        problems.add(f"{shown(path.name)} cannot be read ({error.strerror})")
    return []


def _label(line: str, names: dict[int, str], outlines: bool) -> tuple[str, tuple[float, float, float, float]]:
    """Category and box [x, y, w, h] as shares of the image, cut at its edge.

    Raises:
        ValueError: the line is no label.
    """
    words = line.split()
    try:
        number, *values = map(float, words)
    except ValueError:
        raise ValueError(f"is {line[:60]!r}, which must be numbers") from None
    if number not in names:
        raise ValueError(f"has the class {words[0]}, which 'names' does not list")
    if not outlines:
        values = values[:4]
    if len(values) != 4 and (len(values) < 6 or len(values) % 2):
        raise ValueError(f"has {len(words)} columns, where a box has 5 and an outline an odd number from 7 on")
    if not all(math.isfinite(value) and -_OVER <= value <= 1 + _OVER for value in values):
        raise ValueError(f"has the values {line[:60]!r}, which must be shares of the image, from 0 to 1")
    if len(values) == 4:
        x, y, w, h = values
        left, top, right, bottom = x - w / 2, y - h / 2, x + w / 2, y + h / 2
    else:
        left, top, right, bottom = min(values[::2]), min(values[1::2]), max(values[::2]), max(values[1::2])
    left, top, right, bottom = max(left, 0.0), max(top, 0.0), min(right, 1.0), min(bottom, 1.0)
    return names[int(number)], (left, top, right - left, bottom - top)


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
