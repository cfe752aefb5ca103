"""The images of a generation, and the digest that names it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from for_retrieval.errors import ForError
from for_retrieval.index.manifest import REMEDY
from for_retrieval.index.regions import ImageRegions

NAME = "images.jsonl"


@dataclass(frozen=True, slots=True)
class ImageRow:
    """One image: its id, path below the image root, sha256 of the file, split, and size in pixels."""

    image_id: str
    path: str
    hash: str
    split: str
    width: int
    height: int

    @property
    def digest(self) -> str:
        """Changes with anything that changes what is stored of the image.

        Content hash, size and model determine the regions. Their numbers are left out: the same image gives
        others in the last bits in another batch or on another machine, and still is the same image.
        """
        values = [self.image_id, self.path, self.hash, self.split, self.width, self.height]
        return hashlib.sha256(json.dumps(values).encode()).hexdigest()


def row_of(image: ImageRegions) -> ImageRow:
    """The row that an image's regions belong to."""
    return ImageRow(image.image_id, image.path, image.hash, image.split, image.width, image.height)


@dataclass(frozen=True)
class About:
    """What all images of a generation share.

    model: id of the bundle. recipe: of the code that makes regions. dataset: its name. dim: of the embeddings.
    image_root: what image paths are relative to.
    """

    model: str
    recipe: str
    dataset: str
    dim: int
    image_root: str


def digest_of(rows: Iterable[ImageRow], **settings: str | int) -> str:
    """A sha256 over settings and images, in whatever order they come and however they were gathered."""
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    for line in sorted(row.digest for row in rows):
        digest.update(line.encode())
    return digest.hexdigest()


def check_rows(rows: Sequence[ImageRow]) -> None:
    """Refuse a table without images, or with an id that comes twice.

    Raises:
        ForError: so it is.
    """
    if not rows:
        raise ForError("there are no images to index; check data.root and index.gallery in params.yaml")
    seen: set[str] = set()
    for row in rows:
        if row.image_id in seen:
            raise ForError(f"image id {row.image_id!r} comes twice, again as {row.path!r}; make ids unique")
        seen.add(row.image_id)


def write_table(path: Path, rows: Iterable[ImageRow], regions: Mapping[str, int]) -> None:
    """One JSON object a line, by image id; `regions` says how many each image has."""
    with path.open("w", encoding="utf-8") as file:
        for row in sorted(rows, key=lambda row: row.image_id):
            values = {name: getattr(row, name) for name in ImageRow.__dataclass_fields__}
            values |= {"regions": regions[row.image_id], "digest": row.digest}
            file.write(json.dumps(values, ensure_ascii=False) + "\n")


def read_table(generation: Path) -> dict[ImageRow, int]:
    """The images of a generation, by image id, each with its number of regions.

    Raises:
        ForError: the table is missing or damaged.
    """
    path = generation / NAME
    rows: dict[ImageRow, int] = {}
    try:
        with path.open(encoding="utf-8") as file:
            for line in file:
                values = json.loads(line)
                row = ImageRow(*(values[name] for name in ImageRow.__dataclass_fields__))
                rows[row] = int(values["regions"])
    except OSError:
        raise ForError(f"the index is damaged: {path} is missing; {REMEDY}") from None
    except (ValueError, KeyError, TypeError) as error:
        raise ForError(f"the index is damaged: {path} cannot be read ({error}); {REMEDY}") from None
    return rows
