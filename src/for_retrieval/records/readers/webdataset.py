"""WebDataset shards (`data.kind: webdataset`): tar files whose members with one name and several endings are a sample.

Later stages open images by path, so images are copied out of the shards, byte for byte; the shards are kept. The
webdataset package is not used: it is for streaming into training loops, and unpickles members with certain endings.
"""

from __future__ import annotations

import json
import posixpath
import re
import shutil
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from for_retrieval.errors import ForError, printable
from for_retrieval.records.images import ENDINGS, EXTENSIONS, upright_size
from for_retrieval.records.readers.format import Format, Place
from for_retrieval.records.readers.source import Picture, Source, is_unicode, leaves, read_lines

_CHECK = "check data.root in params.yaml"
# Ending -> largest size in bytes.
_WANTED = dict.fromkeys(ENDINGS, 200_000_000) | dict.fromkeys(("json", "txt", "cls"), 10_000_000)
_CLASS_NAMES = ("classnames.txt", "classes.txt")
_PART = re.compile(r"(?:^|[^a-z])(train|val|test)(?![a-z])")


def _members(shard: Path) -> Iterator[tuple[str, str, bytes]]:
    """Key, ending and content of the files in a tar; the key of ``sub/0001.cls.txt`` is ``sub/0001``."""
    where = printable(shard)
    try:
        with tarfile.open(shard, mode="r:") as archive:
            for entry in archive:
                name = posixpath.normpath(entry.name)
                if entry.isdir():
                    continue
                if not entry.isreg():
                    raise ForError(f"{where} holds {entry.name!a}, which is a link or a device; remove it")
                if leaves(name) or not is_unicode(name):
                    raise ForError(f"{where} holds {entry.name!a}, which is not inside its folder; rename it")
                folder, base = posixpath.split(name)
                stem, _, ending = base.partition(".")
                if not stem or (most := _WANTED.get(ending.lower())) is None:
                    continue
                if entry.size > most:
                    raise ForError(f"{where} holds {name!r} of {entry.size} bytes, more than {most}; remove it")
                file = archive.extractfile(entry)
                assert file is not None  # it is a regular file
                yield posixpath.join(folder, stem), ending.lower(), file.read()
            # tarfile reads a damaged header as the end of the archive; a real end is a block of zeros.
            with shard.open("rb") as raw:
                raw.seek(archive.offset)
                block = raw.read(tarfile.BLOCKSIZE)
            if len(block) < tarfile.BLOCKSIZE or any(block):
                raise ForError(f"{where} is truncated or damaged after {archive.offset} bytes; replace it")
    except tarfile.TarError as error:
        raise ForError(f"{where} is not an uncompressed tar file, or damaged ({error}); replace it") from None
    except OSError as error:
        raise ForError(f"{where} cannot be read ({error.strerror or error}); replace it") from None


@dataclass
class _Sample:
    """The content of all members with one name. image: its file, below the folder of unpacked images."""

    part: str
    image: str = ""
    objects: list[Any] = field(default_factory=list)
    caption: str = ""
    category: str = ""


def read_webdataset(root: Path, out: Path) -> Source:
    """Copy the images of all shards in `root` to `out`, which is emptied first, and read their annotations.

    ``txt`` is a caption. ``cls`` is a category, by name or by its line (from 0) in classnames.txt; its box is the whole
    image, with the attribute ``{"whole_image": true}``. ``json`` may hold a ``caption`` and ``objects``, each with
    ``category``, ``bbox`` [x, y, w, h] in px and ``attributes``. A sample without an image is dropped and counted.
    Shards called train, val or test, or in such folders, are parts, if all are. Raises ForError: no shards or bad ones.
    """
    if not (shards := _shards(root)):
        raise ForError(f"there are no shards (*.tar) in {printable(root)} or in folders of it; {_CHECK}")
    shutil.rmtree(out, ignore_errors=True)
    names = next((read_lines(root / n, "category") for n in _CLASS_NAMES if (root / n).is_file()), [])
    found = Source(root, "set")
    samples: dict[str, _Sample] = {}
    for shard in shards:
        stem = shard.relative_to(root).with_suffix("").as_posix()
        part = ["", *_PART.findall(stem.lower())][-1]
        for name, ending, content in _members(shard):
            key = posixpath.join(stem, name)
            sample = samples.setdefault(key, _Sample(part))
            if ending in ENDINGS:
                _add_image(found, sample, key, ending, content, out)
            else:
                _add_text(found, sample, key, ending, content, names)
    kept = {key: sample for key, sample in samples.items() if sample.image}
    for key, sample in kept.items():
        width, height = upright_size(out / sample.image) or (0, 0)
        found.pictures[key] = Picture(key, sample.image, width, height)
        if width:
            _add_objects(found, key, sample, [0, 0, width, height])
    found.raise_first()
    if not kept:
        raise ForError(f"the shards in {printable(root)} hold no images (endings: {' '.join(ENDINGS)}); {_CHECK}")
    if all(sample.part for sample in kept.values()):
        found.parts = {key: sample.part for key, sample in kept.items()}
    found.captions = {key: sample.caption for key, sample in kept.items() if sample.caption}
    return found.finished(samples_without_image=len(samples) - len(kept))


def _shards(root: Path) -> list[Path]:
    return sorted([*root.glob("*.tar"), *root.glob("*/*.tar")])


def _add_image(found: Source, sample: _Sample, key: str, ending: str, content: bytes, out: Path) -> None:
    if sample.image:
        found.problem(f"the sample {printable(key)} has two images, {sample.image!r} and one ending in {ending}")
        return
    sample.image, place = f"{key}.{ending}", out / f"{key}.{ending}"
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    except OSError as error:
        raise ForError(f"{printable(place)} cannot be written ({error.strerror}); free disk space") from None


def _add_text(found: Source, sample: _Sample, key: str, ending: str, content: bytes, names: list[str]) -> None:
    with found.problems_of(f"the {ending} of sample {printable(key)}"):
        text = content.decode("utf-8").strip()
        if ending == "txt":
            sample.caption = text
        elif ending == "json":
            try:
                said = json.loads(text)
            except (ValueError, RecursionError) as error:
                raise ValueError(f"is not valid JSON ({error})") from None
            if not isinstance(said, dict):
                raise ValueError("must hold an object")
            if not isinstance(objects := said.get("objects") or [], list):
                raise ValueError(f"has the objects {repr(objects)[:60]}, which must be a list")
            sample.objects = objects
            if isinstance(said.get("caption"), str) and is_unicode(said["caption"]) and not sample.caption:
                sample.caption = said["caption"].strip()
        elif not text:
            raise ValueError("is empty, where a category is expected")
        elif text.isdecimal() and int(text) >= len(names):
            raise ValueError(f"is {text[:20]}, which is not a line of {_CLASS_NAMES[0]} (it has {len(names)})")
        else:
            sample.category = names[int(text)] if text.isdecimal() else text


def _add_objects(found: Source, key: str, sample: _Sample, whole: list[int]) -> None:
    if sample.category:
        found.add_object(f"the cls of sample {key}", key, whole, sample.category, {"whole_image": True})
    for number, entry in enumerate(sample.objects):
        where = f"objects[{number}] of sample {printable(key)}"
        name = entry.get("category") if isinstance(entry, dict) else None
        if isinstance(name, str) and name.strip() and is_unicode(name):
            found.add_object(where, key, entry.get("bbox"), name.strip(), entry.get("attributes"))
        else:
            found.problem(f"{where} has the category {ascii(name)[:60]}, which must be a word")


def _find(folder: Path, asked: bool) -> Place | None:
    pictures = any(path.suffix.lower() in EXTENSIONS for path in folder.iterdir())  # with an archive among them
    return Place("webdataset", ".", None) if _shards(folder) and not pictures else None


FORMAT = Format(
    about="WebDataset: uncompressed tar files with images and .json, .cls or .txt",
    missing="no shard (*.tar) is in {} or in a folder of it; name the folder that holds them",
    read=lambda data, root, unpacked: (read_webdataset(root / data.root, root / unpacked), unpacked.as_posix()),
    find=_find,
    unannotated="shards hold their annotations; leave out --annotations",
    unpacks=True,
)
