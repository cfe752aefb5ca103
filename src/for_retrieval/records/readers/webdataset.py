"""WebDataset shards (`data.kind: webdataset`): tar files whose members with one name and several endings are a sample.

Later stages open images by path, so that they are copied out of the shards, byte for byte; the shards stay. The
webdataset package is not used: it is made for streaming to training loops, and unpickles members whose name says so.
"""

from __future__ import annotations

import json
import posixpath
import re
import shutil
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from for_retrieval.errors import ForError
from for_retrieval.records.images import EXTENSIONS, shown, upright_size
from for_retrieval.records.readers.annotations import Problems, is_unicode, leaves, object_table, read_box
from for_retrieval.records.readers.coco import attribute_text
from for_retrieval.records.records import Source


@dataclass(frozen=True)
class Member:
    """One file of a shard: ``sub/0001.cls.txt`` has the key ``sub/0001`` and the ending ``cls.txt``, in lower case."""

    key: str
    ending: str
    content: bytes


def members(shard: Path, wanted: Mapping[str, int]) -> Iterator[Member]:
    """The files of an uncompressed tar that have a wanted ending; `wanted` says how many bytes each may have.

    Nothing is unpacked here, so that links and devices in it can do no harm; they are refused all the same, and so are
    names that lead out of a folder.

    Raises:
        ForError: no tar file, a damaged or cut one, or one with such members or larger ones.
    """
    try:
        with tarfile.open(shard, mode="r:") as archive:
            for entry in archive:
                name = posixpath.normpath(entry.name)
                if entry.isdir():
                    continue
                if not entry.isreg():
                    raise ForError(f"{shown(shard)} holds {entry.name!a}, which is a link or a device; remove it")
                if leaves(name) or not is_unicode(name):
                    raise ForError(f"{shown(shard)} holds {entry.name!a}, which leaves its folder; rename it")
                folder, base = posixpath.split(name)
                if base.startswith("."):
                    continue
                stem, _, ending = base.partition(".")
                if (most := wanted.get(ending.lower())) is None:
                    continue
                if entry.size > most:
                    raise ForError(f"{shown(shard)} holds {name!r} of {entry.size} bytes, more than {most}; remove it")
                file = archive.extractfile(entry)
                assert file is not None  # it is a regular file
                yield Member(posixpath.join(folder, stem), ending.lower(), file.read())
            _require_end(shard, archive.offset)
    except tarfile.TarError as error:
        raise ForError(f"{shown(shard)} is no uncompressed tar file, or damaged ({error}); replace it") from None
    except OSError as error:
        raise ForError(f"{shown(shard)} cannot be read ({error.strerror or error}); replace it") from None


def _require_end(shard: Path, offset: int) -> None:
    """tarfile takes a damaged header for the end; the real end is a block of zeros."""
    with shard.open("rb") as file:
        file.seek(offset)
        block = file.read(tarfile.BLOCKSIZE)
    if len(block) < tarfile.BLOCKSIZE or any(block):
        raise ForError(f"{shown(shard)} is cut off or damaged after {offset} bytes; replace it")


_CHECK = "check data.root in params.yaml"
_IMAGES = [ending.removeprefix(".") for ending in EXTENSIONS]
_WANTED = dict.fromkeys(_IMAGES, 200_000_000) | dict.fromkeys(("json", "txt", "cls"), 10_000_000)  # bytes
_CLASS_NAMES = ("classnames.txt", "classes.txt")
_PART = re.compile(r"(?:^|[^a-z])(train|val|test)(?![a-z])")


@dataclass
class _Sample:
    """What the members of one name hold. image: its file, below the folder of unpacked images."""

    part: str
    image: str = ""
    objects: list[Any] = field(default_factory=list)
    caption: str = ""
    category: str = ""


def read_webdataset(root: Path, out: Path) -> Source:
    """Copy the images of all shards in `root` to `out`, which is emptied first, and read what is said of them.

    ``txt`` is a caption. ``cls`` is a category, by name or by its line (from 0) in classnames.txt; it is said of the
    whole image, so that the whole image is its box, with the attribute ``{"whole_image": true}``. ``json`` may hold
    ``objects``, each with ``category``, ``bbox`` [x, y, w, h] in px, ``attributes``; and ``caption``. A sample without
    an image is left out and counted. Shards called train, val or test, or in such folders, are parts, if all are.

    Raises:
        ForError: no shards, a damaged one, or samples that are wrong.
    """
    shards = sorted([*root.glob("*.tar"), *root.glob("*/*.tar")])
    if not shards:
        raise ForError(f"there are no shards (*.tar) in {shown(root)} or in folders of it; {_CHECK}")
    shutil.rmtree(out, ignore_errors=True)
    names, problems = _class_names(root), Problems()
    samples: dict[str, _Sample] = {}
    for shard in shards:
        stem = shard.relative_to(root).with_suffix("").as_posix()
        said = _PART.findall(stem.lower())
        for member in members(shard, _WANTED):
            key = posixpath.join(stem, member.key)
            _add(samples.setdefault(key, _Sample(said[-1] if said else "")), key, member, out, names, problems)
    kept = {key: sample for key, sample in samples.items() if sample.image}
    images, rows, boxes = [], [], 0
    for key, sample in kept.items():
        width, height = upright_size(out / sample.image) or (0, 0)
        images.append((key, sample.image, width, height))
        if width:
            boxes += len(sample.objects) + bool(sample.category)
            rows += _rows(key, sample, width, height, problems)
    problems.raise_first(root, "set")
    if not kept:
        raise ForError(f"the shards in {shown(root)} hold no images (endings: {' '.join(_IMAGES)}); {_CHECK}")
    objects = object_table(rows)
    parts = {key: sample.part for key, sample in kept.items()}
    return Source(
        pd.DataFrame(images, columns=["image_id", "path", "width", "height"]),
        objects,
        sorted({str(row[5]) for row in rows}),
        dropped={"zero_area_boxes": boxes - len(objects), "samples_without_image": len(samples) - len(kept)},
        parts=parts if all(parts.values()) else None,
        captions={key: sample.caption for key, sample in kept.items() if sample.caption},
    )


def _class_names(root: Path) -> list[str]:
    for name in _CLASS_NAMES:
        if (root / name).is_file():
            try:
                return [line.strip() for line in (root / name).read_text(encoding="utf-8").splitlines()]
            except (OSError, UnicodeDecodeError) as error:
                raise ForError(f"{shown(root / name)} cannot be read ({error}); it lists a category a line") from None
    return []


def _add(sample: _Sample, key: str, member: Member, out: Path, names: list[str], problems: Problems) -> None:
    """Take what `member` says into its sample; an image goes to `out`."""
    if member.ending in _IMAGES:
        if sample.image:
            problems.add(f"the sample {shown(key)} has two images, {sample.image!r} and one ending in {member.ending}")
            return
        sample.image = f"{key}.{member.ending}"
        try:
            (out / sample.image).parent.mkdir(parents=True, exist_ok=True)
            (out / sample.image).write_bytes(member.content)
        except OSError as error:
            raise ForError(f"{shown(out / sample.image)} cannot be written ({error.strerror}); make room") from None
        return
    try:
        text = member.content.decode("utf-8").strip()
        if member.ending == "json":
            _add_json(sample, text)
        elif member.ending == "txt":
            sample.caption = text
        else:
            sample.category = _category(text, names)
    except (ValueError, RecursionError) as error:
        reason = "is not text in UTF-8" if isinstance(error, UnicodeDecodeError) else " ".join(str(error).split())
        problems.add(f"the {member.ending} of sample {shown(key)} {reason}")


def _add_json(sample: _Sample, text: str) -> None:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"is not valid JSON ({error})") from None
    if not isinstance(content, dict):
        raise ValueError("must hold an object")
    objects = content.get("objects") or []
    if not isinstance(objects, list):
        raise ValueError(f"has the objects {repr(objects)[:60]}, which must be a list")
    sample.objects = objects
    if isinstance(content.get("caption"), str) and is_unicode(content["caption"]) and not sample.caption:
        sample.caption = content["caption"].strip()


def _category(text: str, names: list[str]) -> str:
    if not text.isdecimal():
        if not text:
            raise ValueError("is empty, where a category is expected")
        return text
    if int(text) >= len(names):
        raise ValueError(f"is {text[:20]}, which is no line of {_CLASS_NAMES[0]} (it has {len(names)})")
    return names[int(text)]


def _rows(key: str, sample: _Sample, width: int, height: int, problems: Problems) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = []
    if sample.category:
        rows.append((key, 0, 0, width, height, sample.category, '{"whole_image": true}', False, width, height))
    for number, entry in enumerate(sample.objects):
        where = f"objects[{number}] of sample {shown(key)}"
        name = entry.get("category") if isinstance(entry, dict) else None
        if not isinstance(name, str) or not name.strip() or not is_unicode(name):
            problems.add(f"{where} has the category {ascii(name)[:60]}, which must be a word")
            continue
        try:
            box = read_box(entry.get("bbox"), width, height)
            attributes = attribute_text(entry.get("attributes"))
        except ValueError as error:
            problems.add(f"{where} {error}")
            continue
        if box:
            rows.append((key, *box, name.strip(), attributes, False, width, height))
    return rows
