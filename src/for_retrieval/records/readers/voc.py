"""Pascal VOC (`data.kind: voc`): a folder with one XML file per image, and the lists in ``ImageSets/Main``.

The XML is parsed with defusedxml: the standard library expands the entities that a file declares, and a few lines of
them can fill the memory. VOC files declare none, so a document type is refused altogether.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from for_retrieval.errors import ForError, printable
from for_retrieval.records.readers.format import Format, Place, annotated, each
from for_retrieval.records.readers.source import CHECK, Source, from_corners, is_unicode, read_lines

_FLAGS = ("truncated", "difficult", "occluded")


def read_voc(folder: Path) -> Source:
    """Read every XML file of `folder`; an image's id is the name of its file without the ending.

    Boxes count from 1 in VOC, and here from 0. ``truncated``, ``difficult`` and ``occluded`` become attributes if set.
    The lists in ``ImageSets/Main`` beside `folder` (trainval if there is no train) are the parts; images that they
    list without an annotation are dropped and counted. Raises ForError: no such folder, no XML, or files are wrong.
    """
    if not folder.is_dir():
        raise ForError(f"the annotation folder {printable(folder)} does not exist; {CHECK}")
    if not (files := sorted(folder.glob("*.xml"))):
        raise ForError(f"there are no XML files in {printable(folder)}; {CHECK}")
    found = Source(folder, "folder")
    for file in files:
        with found.problems_of(printable(file.name)):
            root = _parsed(file)
            width, height = (_number(root.findtext(f"size/{side}")) for side in ("width", "height"))
            name = (root.findtext("filename") or f"{file.stem}.jpg").strip()
            found.add_picture(file.stem, name, width, height, printable(file.name), "filename")
            if file.stem in found.pictures:
                for number, entry in enumerate(root.findall("object"), 1):
                    _add_object(found, file.stem, entry, f"object {number} of {printable(file.name)}")
    found.parts = _parts(folder.parent / "ImageSets" / "Main")
    return found.finished(unannotated_images=len(set(found.parts or {}) - set(found.pictures)))


def _parsed(file: Path) -> Element:
    content = Source.read_bytes(file)
    try:
        root: Element = fromstring(content, forbid_dtd=True)
    except DefusedXmlException:
        raise ValueError("declares a document type, whose entities can fill the memory; VOC files have none") from None
    except (ParseError, ValueError, LookupError) as error:  # LookupError: an encoding that Python does not know
        raise ValueError(f"is not valid XML ({error})") from None
    if root.tag != "annotation":
        raise ValueError(f"holds <{root.tag}>, where VOC has <annotation>")
    if not is_unicode(file.stem):
        raise ValueError("has a file name that is not UTF-8")
    return root


def _add_object(found: Source, image_id: str, entry: Element, where: str) -> None:
    name = (entry.findtext("name") or "").strip()
    sides = [_number(entry.findtext(f"bndbox/{side}")) for side in ("xmin", "ymin", "xmax", "ymax")]
    flags = {flag: True for flag in _FLAGS if (entry.findtext(flag) or "").strip() == "1"}
    with found.problems_of(where):
        if not name:
            raise ValueError("has no name")
        x, y, w, h = from_corners(sides)
        found.add_object(where, image_id, [x - 1, y - 1, w + 1, h + 1], name, flags)


def _number(text: str | None) -> Any:
    try:
        value = float(text or "")
    except ValueError:
        return text
    return int(value) if value.is_integer() else value


def _parts(folder: Path) -> dict[str, str] | None:
    """Image id -> part, by the lists in ImageSets/Main; None if there are none."""
    parts: dict[str, str] = {}
    train = "train" if (folder / "train.txt").is_file() else "trainval"
    for part, name in (("train", train), ("val", "val"), ("test", "test")):
        path = folder / f"{name}.txt"
        lines = read_lines(path, "image") if path.is_file() else []
        for image_id in (line.split()[0] for line in lines if line):
            if parts.setdefault(image_id, part) != part:
                raise ForError(f"{printable(folder)} lists {image_id!r} in {parts[image_id]} and {part}; keep one")
    return parts or None


def _images(folder: Path, annotations: str) -> str:
    beside = Path(annotations).parent / "JPEGImages"
    return beside.as_posix() if (folder / beside).is_dir() else annotations


def _find(folder: Path, _asked: bool) -> Place | None:
    found = any(folder.glob("Annotations/*.xml"))
    return Place("voc", _images(folder, "Annotations"), "Annotations") if found else None


FORMAT = Format(
    about="Pascal VOC: Annotations/*.xml and JPEGImages",
    missing="no XML file is in {}/Annotations; name their folder with --annotations",
    read=annotated(read_voc),
    find=_find,
    fits=Path.is_dir,
    images=lambda folder, annotations: each(annotations, lambda name: _images(folder, name)),
)
