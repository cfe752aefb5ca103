"""What a format is: how its sets are recognised and read, in one piece or in parts (train, val, test)."""

from __future__ import annotations

import dataclasses
import mmap
import posixpath
import re
from collections import ChainMap, Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from for_retrieval.errors import ForError, printable
from for_retrieval.params import Data
from for_retrieval.records.records import Source

Places = str | dict[str, str]  # one path below the folder of the set, or one per part
_PARTS = {"train": "train", "val": "val", "valid": "val", "test": "test"}
_WORD = re.compile(r"(?<![a-z])(train|valid|val|test)(?![a-z])")


@dataclass(frozen=True)
class Place:
    """A set that was found: its format, and where its images and annotations lie below its folder."""

    kind: str
    images: Places
    annotations: Places | None


@dataclass(frozen=True)
class Format:
    """One annotation format. The file of its reader defines it as FORMAT; the name of that file is the `data.kind`.

    about: what the format is, in a few words.
    missing: what to say about a folder ``{}`` that has no set of this format.
    read: (data, root, unpacked) -> the set, and its image folder as `DatasetInfo.root` has it; see `read_source`.
    find: (folder, asked) -> the set in a folder; `asked`: the user named this format.
    fits: whether an annotation file or folder that the user named is of this format.
    images: (folder, annotations) -> where the images of annotations that the user named lie.
    categories: the shipped split into base and novel that fits the format, if there is one.
    labelled: whether its sets have categories.
    """

    about: str
    missing: str
    read: Callable[[Data, Path, Path], tuple[Source, str]]
    find: Callable[[Path, bool], Place | None]
    fits: Callable[[Path], bool] = lambda _: False
    images: Callable[[Path, Places], Places] = lambda _folder, _annotations: "."
    categories: str | None = None
    labelled: bool = True


def annotated(read: Callable[[Path], Source]) -> Callable[[Data, Path, Path], tuple[Source, str]]:
    """`Format.read` of a format that needs nothing but `data.annotations`, each of which `read` takes."""

    def read_parts(data: Data, root: Path, _unpacked: Path) -> tuple[Source, str]:
        base, place = root / data.root, image_folder(data)
        if isinstance(data.annotations, str):
            source = read(base / data.annotations)
        else:
            folders = {} if isinstance(data.images, str) else {str(part): at for part, at in data.images.items()}
            source = join_parts({part: read(base / at) for part, at in data.annotations.items()}, folders)
        require_folder(root / place)
        return source, place

    return read_parts


def image_folder(data: Data) -> str:
    """The image folder, relative to the project; with a folder per part, the one that they start from."""
    return posixpath.normpath(posixpath.join(data.root, data.images if isinstance(data.images, str) else "."))


def require_folder(root: Path) -> None:
    """Check that the image folder exists.

    Raises:
        ForError: `root` does not exist or is a file.
    """
    if not root.is_dir():
        problem = "is not a folder" if root.exists() else "does not exist"
        raise ForError(f"the image folder {printable(root)} {problem}; check data.root and data.images in params.yaml")


def each(places: Places, change: Callable[[str], str]) -> Places:
    """The place, or that of each part, changed."""
    return change(places) if isinstance(places, str) else {part: change(place) for part, place in places.items()}


def by_part(names: list[str]) -> dict[str, str] | None:
    """Part -> name, if each name has a part of its own in it and they differ in nothing else; otherwise None."""
    parts: dict[str, str] = {}
    for name in names:
        if found := _WORD.findall(name.lower()):
            parts.setdefault(_PARTS[found[-1]], name)
    alike = {_WORD.sub("", name.lower()) for name in names}
    if len(parts) < max(2, len(names)) or len(alike) > 1:
        return None
    return {part: parts[part] for part in ("train", "val", "test") if part in parts}


def contains(path: Path, keys: tuple[bytes, ...]) -> bool:
    """Whether a file contains all of `keys`. It is searched, not parsed: such files reach gigabytes."""
    if not path.is_file() or path.stat().st_size == 0:
        return False
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return all(content.find(key) >= 0 for key in keys)


def join_parts(sources: Mapping[str, Source], folders: Mapping[str, str]) -> Source:
    """One `Source` of several, by part (train, val or test).

    folders: part -> where its images lie, below the image folder of the set; without an entry, in that folder itself.
    Image ids are kept, unless two parts share one: then all ids get their part as a prefix (``val/12``).
    """
    ids = Counter(image_id for source in sources.values() for image_id in source.images["image_id"])
    clash = any(count > 1 for count in ids.values())
    moved = [_placed(source, folders.get(part, "."), f"{part}/" if clash else "") for part, source in sources.items()]
    negatives = [source.negatives for source in moved if source.negatives is not None]
    dropped: Counter[str] = Counter()
    for source in moved:
        dropped.update(source.dropped)
    group_of = ChainMap(*({name: group for group, names in s.groups.items() for name in names} for s in moved))
    categories = list(dict.fromkeys(name for source in moved for name in source.categories))
    groups = dict.fromkeys(group for source in moved for group in source.groups)
    return Source(
        images=pd.concat([source.images for source in moved], ignore_index=True),
        objects=pd.concat([source.objects for source in moved], ignore_index=True),
        categories=categories,
        synonyms=dict(ChainMap(*(source.synonyms for source in moved))),  # of parts that differ, the first decides
        hypernyms=dict(ChainMap(*(source.hypernyms for source in moved))),
        broken=[entry for source in moved for entry in source.broken],
        dropped=dict(dropped),
        parts={i: part for part, source in zip(sources, moved, strict=True) for i in source.images["image_id"]},
        groups={group: [name for name in categories if group_of.get(name) == group] for group in groups},
        negatives=pd.concat(negatives, ignore_index=True) if negatives else None,
        captions={image_id: text for source in moved for image_id, text in source.captions.items()},
    )


def _placed(source: Source, folder: str, prefix: str) -> Source:
    """The source with `folder` before every path, and `prefix` before every image id."""

    def inside(path: str) -> str:
        return posixpath.normpath(posixpath.join(folder, path))

    def renamed(table: pd.DataFrame) -> pd.DataFrame:
        return table.assign(image_id=prefix + table["image_id"])

    return dataclasses.replace(
        source,
        images=renamed(source.images).assign(path=[inside(path) for path in source.images["path"]]),
        objects=renamed(source.objects),
        negatives=None if source.negatives is None else renamed(source.negatives),
        captions={prefix + image_id: text for image_id, text in source.captions.items()},
        broken=[{**entry, "path": inside(entry["path"])} for entry in source.broken],
    )
