"""What a format is: how its sets are recognised and read, in one piece or in parts (train, val, test)."""

from __future__ import annotations

import mmap
import posixpath
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from for_retrieval.errors import ForError, UsageError, printable
from for_retrieval.params import Data
from for_retrieval.records.readers.source import Source, join

Places = str | dict[str, str]  # one path below the folder of the set, or one per part
PARTS = {"train": "train", "val": "val", "valid": "val", "test": "test"}
_WORD = re.compile(r"(?<![a-z])(train|valid|val|test)(?![a-z])")


@dataclass(frozen=True)
class Place:
    """A set that was found: its format, and where its images and annotations lie below its folder."""

    kind: str
    images: Places
    annotations: Places | None


@dataclass(frozen=True)
class Format:
    """One annotation format. The file of its reader defines it as FORMAT; the name of that file is the `data.kind`."""

    about: str  # what the format is, in a few words
    missing: str  # what to say about a folder ``{}`` that has no set of this format
    # (data, project folder, a folder below it to which images of shards may be written) -> the set, and its image
    # folder as `DatasetInfo.root` has it; ForError if the data is invalid or missing.
    read: Callable[[Data, Path, Path], tuple[Source, str]]
    find: Callable[[Path, bool], Place | None]  # (folder, whether the user named this format) -> the set in it
    fits: Callable[[Path], bool] = lambda _: False  # whether annotations that the user named are of this format
    images: Callable[[Path, Places], Places] = lambda _folder, _annotations: "."  # where those of named annotations lie
    unannotated: str = ""  # what to say where the user named annotations, if the format has none
    categories: str | None = None  # the shipped split into base and novel that fits the format, if there is one
    labelled: bool = True  # whether its sets have categories
    unpacks: bool = False  # whether `read` writes images of shards


def annotated(read: Callable[[Path], Source]) -> Callable[[Data, Path, Path], tuple[Source, str]]:
    """`Format.read` of a format that needs nothing but `data.annotations`, each of which `read` takes."""

    def read_parts(data: Data, root: Path, _unpacked: Path) -> tuple[Source, str]:
        base, place = root / data.root, image_folder(data)
        if isinstance(data.annotations, str):
            source = read(base / data.annotations)
        else:
            folders = {} if isinstance(data.images, str) else {str(part): at for part, at in data.images.items()}
            source = join({part: read(base / at) for part, at in data.annotations.items()}, folders)
        require_folder(root / place)
        return source, place

    return read_parts


def image_folder(data: Data) -> str:
    """The image folder, relative to the project; with a folder per part, the one that they start from."""
    return posixpath.normpath(posixpath.join(data.root, data.images if isinstance(data.images, str) else "."))


def require_folder(root: Path) -> None:
    """Raise a ForError if the image folder `root` does not exist or is a file."""
    if not root.is_dir():
        problem = "is not a folder" if root.exists() else "does not exist"
        raise ForError(f"the image folder {printable(root)} {problem}; check data.root and data.images in params.yaml")


def each(places: Places, change: Callable[[str], str]) -> Places:
    """The place, or that of each part, changed."""
    return change(places) if isinstance(places, str) else {part: change(place) for part, place in places.items()}


def by_part(names: list[str]) -> dict[str, str] | None:
    """Part -> name, if each name has a part of its own in it and they differ in nothing else; otherwise None."""
    parts = {PARTS[found[-1]]: name for name in names if (found := _WORD.findall(name.lower()))}
    alike = {_WORD.sub("", name.lower()) for name in names}
    if len(parts) < max(2, len(names)) or len(alike) > 1:
        return None
    return {part: parts[part] for part in ("train", "val", "test") if part in parts}


def only(names: list[str], folder: Path, what: str) -> str:
    """The name in `names`; UsageError if there are several `what` in `folder`, since it is not clear which to read."""
    if len(names) > 1:
        listed = ", ".join(map(printable, names))
        raise UsageError(f"{printable(folder)} has several {what} ({listed}); name one with --annotations")
    return names[0]


def contains(path: Path, keys: tuple[bytes, ...]) -> bool:
    """Whether a file contains all of `keys`. It is searched, not parsed: such files reach gigabytes."""
    if not path.is_file() or path.stat().st_size == 0:
        return False
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return all(content.find(key) >= 0 for key in keys)
