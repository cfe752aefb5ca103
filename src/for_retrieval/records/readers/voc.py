"""Pascal VOC (`data.kind: voc`): a folder with one XML file an image, and the lists of ``ImageSets/Main``.

The XML is parsed with defusedxml, small and without dependencies: the standard library expands the entities that a
file declares, a few lines of which can fill the memory. No VOC file declares any, so a DTD is refused altogether.
"""

from __future__ import annotations

import math
import posixpath
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from for_retrieval.errors import ForError
from for_retrieval.records.images import shown
from for_retrieval.records.readers.annotations import Problems, is_unicode, leaves, object_table, read_box
from for_retrieval.records.readers.coco import Picture, attribute_text, picture_table
from for_retrieval.records.records import Source

_CHECK = "check data.annotations in params.yaml"
_LARGEST = 10_000_000  # bytes; the file of an image with ten thousand objects is smaller
_FLAGS = ("truncated", "difficult", "occluded")


def read_voc(folder: Path) -> Source:
    """Read every XML file of `folder`; an image's id is the name of its file without the ending.

    Boxes count from 1 in VOC, and here from 0. ``truncated``, ``difficult`` and ``occluded`` become attributes where
    they are set. Where ``ImageSets/Main`` lies beside `folder`, its train, val and test (trainval for train, where
    that alone is there) are the parts; images that it lists but nobody annotated are left out and counted.

    Raises:
        ForError: no such folder, no XML in it, or files that are wrong.
    """
    if not folder.is_dir():
        raise ForError(f"the annotation folder {shown(folder)} does not exist; {_CHECK}")
    files = sorted(folder.glob("*.xml"))
    if not files:
        raise ForError(f"there are no XML files in {shown(folder)}; {_CHECK}")
    problems = Problems()
    pictures: dict[str, Picture] = {}
    owners: dict[str, str] = {}
    rows: list[tuple[Any, ...]] = []
    boxes = 0
    for file in files:
        root = _parsed(file, problems)
        picture = root is not None and _picture(root, file, problems)
        if root is None or not picture:
            continue
        if picture.path in owners:
            problems.add(f"{shown(owners[picture.path])} and {shown(file.name)} share the filename {picture.path!r}")
        pictures[picture.image_id], owners[picture.path] = picture, file.name
        for number, entry in enumerate(root.findall("object"), 1):
            boxes += 1
            try:
                rows += _row(entry, picture)
            except ValueError as error:
                problems.add(f"object {number} of {shown(file.name)} {error}")
    problems.raise_first(folder, "folder")
    objects = object_table(rows)
    parts = _parts(folder.parent / "ImageSets" / "Main")
    dropped = {"zero_area_boxes": boxes - len(objects), "unannotated_images": len(set(parts or {}) - set(pictures))}
    categories = sorted({str(row[5]) for row in rows})
    return Source(picture_table(pictures), objects, categories, dropped=dropped, parts=parts)


def _parsed(file: Path, problems: Problems) -> Element | None:
    name = shown(file.name)
    try:
        if file.stat().st_size > _LARGEST:
            problems.add(f"{name} has more than {_LARGEST} bytes, which no annotation of an image has")
            return None
        root: Element = fromstring(file.read_bytes(), forbid_dtd=True)
    except DefusedXmlException:
        problems.add(f"{name} declares a document type, whose entities can fill the memory; VOC files have none")
    except (ParseError, ValueError, LookupError) as error:  # LookupError: an encoding that Python does not know
        problems.add(f"{name} is not valid XML ({error})")
    except OSError as error:
        problems.add(f"{name} cannot be read ({error.strerror})")
    else:
        if root.tag == "annotation":
            return root
        problems.add(f"{name} holds <{root.tag}>, where VOC has <annotation>")
    return None


def _picture(root: Element, file: Path, problems: Problems) -> Picture | None:
    name = shown(file.name)
    path = posixpath.normpath((root.findtext("filename") or f"{file.stem}.jpg").strip())
    size = [_number(root.findtext(f"size/{side}")) for side in ("width", "height")]
    if not is_unicode(file.stem):
        problems.add(f"{name} has a file name that is not UTF-8")
    elif leaves(path):
        problems.add(f"{name} has the filename {path!r}, which leaves the image folder")
    elif min(size) >= 1 and max(size) < 2**31 and size[0] % 1 == size[1] % 1 == 0:
        return Picture(file.stem, path, int(size[0]), int(size[1]))
    else:
        said = " x ".join(repr(root.findtext(f"size/{side}")) for side in ("width", "height"))
        problems.add(f"{name} has the size {said}, which must be two whole numbers above 0")
    return None


def _row(entry: Element, picture: Picture) -> list[tuple[Any, ...]]:
    """The row of one object; none where its box has no area.

    Raises:
        ValueError: it has no name, or its box is wrong.
    """
    name = (entry.findtext("name") or "").strip()
    if not name:
        raise ValueError("has no name")
    texts = [entry.findtext(f"bndbox/{side}") for side in ("xmin", "ymin", "xmax", "ymax")]
    left, top, right, bottom = map(_number, texts)
    if not all(map(math.isfinite, (left, top, right, bottom))):
        raise ValueError(f"has the bndbox {texts!r}, which must be four numbers xmin, ymin, xmax, ymax")
    if right < left or bottom < top:
        raise ValueError(f"has the bndbox {texts!r}, whose end is before its start")
    box = read_box([left - 1, top - 1, right - left + 1, bottom - top + 1], picture.width, picture.height)
    flags = {flag: True for flag in _FLAGS if (entry.findtext(flag) or "").strip() == "1"}
    row = (picture.image_id, *box, name, attribute_text(flags), False) if box else ()
    return [(*row, picture.width, picture.height)] if box else []


def _number(text: str | None) -> float:
    try:
        return float(text or "")
    except ValueError:
        return math.nan


def _parts(folder: Path) -> dict[str, str] | None:
    """Image id -> part, by the lists in ImageSets/Main; None where there are none."""
    parts: dict[str, str] = {}
    train = "train" if (folder / "train.txt").is_file() else "trainval"
    for part, name in (("train", train), ("val", "val"), ("test", "test")):
        path = folder / f"{name}.txt"
        try:
            text = path.read_text(encoding="utf-8") if path.is_file() else ""
        except (OSError, UnicodeDecodeError) as error:
            raise ForError(f"{shown(path)} cannot be read ({error}); it must list one image a line") from None
        for image_id in (line.split()[0] for line in text.splitlines() if line.split()):
            if parts.setdefault(image_id, part) != part:
                raise ForError(f"{shown(folder)} lists {image_id!r} in {parts[image_id]} and {part}; keep one")
    return parts or None
