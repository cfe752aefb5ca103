"""YOLO as Ultralytics lays it out (`data.kind: yolo`): data.yaml, images/, and labels/ with one text file per image.

ultralytics is not used: it brings a training framework, is under the AGPL, and skips what it cannot read.
"""

from __future__ import annotations

import math
import os
import posixpath
import re
from pathlib import Path
from typing import Any

import yaml

from for_retrieval.errors import ForError, printable
from for_retrieval.records.images import EXTENSIONS, upright_size
from for_retrieval.records.readers.folder import read_folder
from for_retrieval.records.readers.format import PARTS, Format, Place, annotated, contains, each, only
from for_retrieval.records.readers.source import CHECK, LARGEST, Box, Picture, Source, is_unicode, leaves, read_lines

_OVER = 0.01  # how far a coordinate may be below 0 or above 1: exporters round


def read_yolo(path: Path) -> Source:
    """Read the images that a data.yaml names, and their labels; an image's id is its path below the yaml's folder.

    Everything must lie in that folder. As in Ultralytics, ``path`` is tried before an entry, and a leading ``../`` is
    dropped; an absolute ``path`` belongs to the machine that wrote it and is ignored. An image in several parts belongs
    to the first, and one without a label file shows none of the categories. A label is ``class x y w h`` or ``class x1
    y1 x2 y2 ...`` (a polygon, of which the enclosing box is taken), relative to the image, and clipped to it. Raises
    ForError: no such file, no names or images in it, or wrong entries or labels.
    """
    content = read_config(path)
    names = _names(content, path)
    polygons = content.get("kpt_shape") is None  # otherwise key points follow the box
    found = Source(path, "set")
    found.parts = parts = dict[str, str]()
    for key, part in PARTS.items():
        given = content.get(key)
        for entry in given if isinstance(given, list) else [] if given is None else [given]:
            listed, unusable = _images(_found(entry, key, content.get("path"), path), path)
            found.broken += unusable
            parts |= {name: part for name in listed if name not in parts}
    if not parts:
        raise ForError(f"{printable(path)} names no images; it needs 'train' and 'val', a folder or a list each")
    labelled = False
    for name in parts:
        width, height = upright_size(path.parent / name) or (0, 0)
        found.pictures[name] = Picture(name, name, width, height)
        labels = label_path(name)
        if not os.path.exists(path.parent / labels):  # False also for a name too long for a file
            continue
        labelled, lines = True, []
        with found.problems_of(printable(Path(labels).name)):
            lines = found.read_bytes(path.parent / labels).decode("utf-8").splitlines()
        for where, line in ((f"line {n} of {printable(labels)}", ln) for n, ln in enumerate(lines, 1) if ln.strip()):
            with found.problems_of(where):
                category, (x, y, w, h) = _label(line, names, polygons)
                if width:  # an image that cannot be read is reported later
                    found.add_object(where, name, [x * width, y * height, w * width, h * height], category)
    found.raise_first()
    if not labelled:
        first = printable(label_path(next(iter(parts))))
        raise ForError(f"no image of {printable(path)} has a label file ({first} for the first); {CHECK}")
    return found.finished(names.values())


def read_config(path: Path) -> dict[str, Any]:
    """The content of a data.yaml; ForError if it does not exist, cannot be read, or is not YAML with keys."""
    where = printable(path)
    if not path.is_file():
        raise ForError(f"the annotation file {where} does not exist; {CHECK}")
    try:
        if path.stat().st_size > LARGEST:
            raise ForError(f"{where} has more than {LARGEST} bytes, which no data.yaml has; {CHECK}")
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise ForError(f"{where} is not valid YAML ({' '.join(str(error).split())}); {CHECK}") from None
    except OSError as error:
        raise ForError(f"{where} cannot be read ({error.strerror}); {CHECK}") from None
    if not isinstance(content, dict):
        raise ForError(f"{where} has no keys 'names' and 'train', which a YOLO data.yaml needs; {CHECK}")
    return content


def label_path(name: str) -> str:
    """``images/train/a.jpg`` -> ``labels/train/a.txt``; beside the image if no folder is called images."""
    before, found, after = f"/{name}".rpartition("/images/")
    moved = f"{before}/labels/{after}" if found else f"/{name}"
    return posixpath.splitext(moved)[0].removeprefix("/") + ".txt"


def _names(content: dict[str, Any], path: Path) -> dict[int, str]:
    given = content.get("names")
    pairs = dict(enumerate(given)) if isinstance(given, list) else given
    if not isinstance(pairs, dict) or not pairs:
        raise ForError(f"{printable(path)} has no 'names', a list or number: name; {CHECK}")
    for number, name in pairs.items():
        if not isinstance(number, int) or isinstance(number, bool) or number < 0:
            raise ForError(f"{printable(path)} has the class number {number!r} in 'names'; it must be 0 or more")
        if not isinstance(name, str | int | float) or not str(name).strip() or not is_unicode(str(name)):
            raise ForError(f"{printable(path)} has the name {name!a} for class {number}, which must be a word")
    return {number: str(name).strip() for number, name in pairs.items()}


def _label(line: str, names: dict[int, str], polygons: bool) -> tuple[str, Box]:
    """Category and box [x, y, w, h], relative to the image and clipped to it; ValueError if it is wrong."""
    words = line.split()
    try:
        number, *values = map(float, words)
    except ValueError:
        raise ValueError(f"is {line[:60]!r}, which must be numbers") from None
    if number not in names:
        raise ValueError(f"has the class {words[0]}, which 'names' does not list")
    values = values if polygons else values[:4]
    if len(values) != 4 and (len(values) < 6 or len(values) % 2):
        raise ValueError(f"has {len(words)} columns; a box has 5, a polygon 7 or a larger odd number")
    if not all(math.isfinite(value) and -_OVER <= value <= 1 + _OVER for value in values):
        raise ValueError(f"has the values {line[:60]!r}, which must be relative to the image size, from 0 to 1")
    if len(values) == 4:
        x, y, w, h = values[0], values[1], max(values[2], 0.0), max(values[3], 0.0)
        values = [x - w / 2, y - h / 2, x + w / 2, y + h / 2]
    xs, ys = ([min(max(value, 0.0), 1.0) for value in values[start::2]] for start in (0, 1))
    return names[int(number)], (min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys))


def _found(entry: Any, key: str, before: Any, path: Path) -> str:
    """The folder or list that `entry` means, below the folder of the data.yaml."""
    text = posixpath.normpath(str(entry).strip().replace("\\", "/"))
    ahead = [posixpath.normpath(posixpath.join(before, text))] if isinstance(before, str) else []
    for name in [*ahead, text, re.sub(r"^(\.\./)+", "", text)]:
        if (name == "." or not leaves(name)) and os.path.exists(path.parent / name):
            return name
    what = f"{printable(path)} has {key}: {printable(entry)}, which is not in {printable(path.parent)}"
    raise ForError(f"{what}; move the data.yaml to the folder of its images, or correct it")


def _images(name: str, path: Path) -> tuple[list[str], list[dict[str, str]]]:
    """The images in a folder, a list, or a file, below the folder of the data.yaml, and the files that are unusable."""
    place = path.parent / name
    if place.is_dir():
        source = read_folder(place)
        below = [posixpath.normpath(posixpath.join(name, found)) for found in source.pictures]
        return below, [{**entry, "path": posixpath.join(name, entry["path"])} for entry in source.broken]
    if place.suffix != ".txt":
        return [name], []
    names = []
    for number, line in ((n, line) for n, line in enumerate(read_lines(place, "image"), 1) if line):
        # "./" starts at the folder of the list; all else at that of the data.yaml.
        start = posixpath.dirname(name) if line.startswith("./") else ""
        text = posixpath.normpath(posixpath.join(start, line))
        if leaves(text) or not text.lower().endswith(EXTENSIONS):
            where = f"line {number} of {printable(place)}"
            raise ForError(f"{where} is {line!r}, which is not an image in {printable(path.parent)}; correct it")
        names.append(text)
    return names, []


def _find(folder: Path, _asked: bool) -> Place | None:
    files = [path for pattern in ("*.yaml", "*.yml") for path in sorted(folder.glob(pattern))]
    found = [path.name for path in files if contains(path, (b"names:", b"train:"))]
    return Place("yolo", ".", only(found, folder, "YOLO files")) if found else None


FORMAT = Format(
    about="YOLO (Ultralytics): data.yaml with images/ and labels/",
    missing="no YAML file in {} has names: and train:; name one with --annotations",
    read=annotated(read_yolo),
    find=_find,
    fits=lambda path: path.suffix in (".yaml", ".yml"),
    images=lambda _folder, annotations: each(annotations, lambda name: Path(name).parent.as_posix()),
)
