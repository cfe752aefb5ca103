"""Engines: what an index asks of a vector engine, what goes in and what comes out.

An engine is one file of this folder with a class that does what `Engine` says, and one line in ENGINES.
tests/release/test_engines.py holds every entry of the table against it.
"""

from __future__ import annotations

import uuid
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any, ClassVar, Self, cast

import numpy as np
import numpy.typing as npt

from for_retrieval.errors import ForError, UsageError, nearest

if TYPE_CHECKING:
    from for_retrieval.release.generation import Manifest
    from for_retrieval.settings import Settings

EDGE, SERVER = "qdrant-edge", "qdrant-server"
ENGINES = {
    EDGE: "for_retrieval.release.engines.edge:EdgeEngine",
    SERVER: "for_retrieval.release.engines.server:ServerEngine",
}
FILES = "engine"  # the folder of an engine's files within a generation

Floats = npt.NDArray[np.float32]
Box = tuple[float, float, float, float]  # x, y, w, h in pixels
Versions = dict[tuple[str, str], int]  # (image id, content hash) -> how many regions are stored

NAMESPACE = uuid.UUID("6f1ad6a1-3c86-5d6d-9a4e-3f0d6f0c7b55")  # of point ids; changing it changes all of them
NORM_TOLERANCE = 1e-3  # half-precision towers leave norms this far from 1


@dataclass(frozen=True, eq=False)
class ImageRegions:
    """An image as the index stores it: an `ImageRow` with its regions.

    embeddings: [K, D] float32, L2-normalised. boxes: [K, 4] float32, x, y, w, h in pixels. objectness: [K] float32, the
    logarithm of how likely a box holds a thing.
    """

    image_id: str
    path: str
    hash: str
    split: str
    width: int
    height: int
    embeddings: Floats
    boxes: Floats
    objectness: Floats


@dataclass(frozen=True)
class Record:
    """One region as an engine stores it: the payload of `records_of`, and a vector [D].

    Read back without vectors, the payload is just ``image_id`` and ``hash``.
    """

    id: uuid.UUID
    payload: dict[str, Any]
    vector: list[float]


@dataclass(frozen=True)
class Region:
    """One found region: which image, where in it (x, y, w, h in pixels), and its cosine to the query."""

    image_id: str
    path: str
    box: Box
    score: float
    number: int  # of the region within its image

    @classmethod
    def of(cls, payload: dict[str, Any], score: float) -> Region:
        """A found region from what is stored beside its vector."""
        x, y, w, h = payload["box"]
        return cls(payload["image_id"], payload["path"], (x, y, w, h), score, payload["region"])


def records_of(image: ImageRegions) -> list[Record]:
    """An image's regions, one by one; box: x, y, w, h in pixels, region: its number within the image."""
    about = {"image_id": image.image_id, "path": image.path, "hash": image.hash, "split": image.split}
    rows = zip(image.boxes.tolist(), image.objectness.tolist(), image.embeddings.tolist(), strict=True)
    return [
        Record(point_id(image.image_id, number), {**about, "region": number, "box": box, "objectness": likely}, vector)
        for number, (box, likely, vector) in enumerate(rows)
    ]


def point_id(image_id: str, number: int) -> uuid.UUID:
    """The id of region `number` of an image: the same in every build and on every engine."""
    return uuid.uuid5(NAMESPACE, f"{image_id}/{number}")


def check_vector(vector: Floats, dim: int) -> None:
    """Refuse a query vector that this index cannot compare; ForError if its size is another or it is not finite."""
    if vector.shape != (dim,):
        have = "x".join(map(str, vector.shape))
        raise ForError(f"the query embedding has dimension {have}, the index {dim}; run `for-cli index`")
    if not np.isfinite(vector).all():
        raise ForError("the query embedding holds NaN or infinity; run `dvc repro export`")


def _problem(image: ImageRegions, dim: int) -> str | None:
    try:
        f"{image.image_id}{image.path}{image.hash}{image.split}".encode()
    except UnicodeEncodeError:
        return f"its id or path {image.path!r} is not valid Unicode; rename the file"
    for name, array, columns in (("embeddings", image.embeddings, dim), ("boxes", image.boxes, 4)):
        if array.ndim != 2 or array.shape[1] != columns or not len(array):
            return f"its {name} have shape {array.shape}, expected (at least 1, {columns})"
        if not np.isfinite(array).all():
            return f"its {name} hold NaN or infinity"
    if len(image.embeddings) != len(image.boxes):
        return f"it has {len(image.embeddings)} embeddings but {len(image.boxes)} boxes"
    if image.objectness.shape != (len(image.boxes),) or not np.isfinite(image.objectness).all():
        return f"its objectness is not one finite number for each of its {len(image.boxes)} boxes"
    lengths = np.linalg.norm(image.embeddings, axis=1)
    if float(np.abs(lengths - 1).max()) > NORM_TOLERANCE:
        worst = float(lengths[np.abs(lengths - 1).argmax()])
        return f"its embeddings must be L2-normalised, but one has length {worst:.4g}"
    return None


@dataclass(frozen=True)
class Place:
    """Where an engine keeps the regions of one generation.

    folder: for its files, within the generation. collection: its name on a server. dim: of the vectors.
    settings: where to find the server; None: those of the project around `folder`.
    """

    folder: Path
    collection: str
    dim: int
    settings: Settings | None = None


class Engine(ABC):
    """Stores regions, one point each, and finds the nearest ones; what fails is a ForError.

    Point ids follow from image id and region number, so that writing an image again replaces it.

    package: the distribution whose version the manifest records. remote: whether the regions are on a server and
    not in `Place.folder`; then there are `publish` and `remove` too.
    """

    package: ClassVar[str]
    remote: ClassVar[bool] = False
    dim: int

    @classmethod
    @abstractmethod
    def create(cls, place: Place) -> Self:
        """An empty engine; what a killed build left there is removed."""

    @classmethod
    @abstractmethod
    def open(cls, place: Place, *, writable: bool = False) -> Self:
        """A finished engine for search; `writable` for a copy of one in a folder."""

    @abstractmethod
    def put(self, records: Sequence[Record]) -> None:
        """Store regions, or replace those with the same id."""

    @abstractmethod
    def read(self, image_ids: list[str] | None, *, vectors: bool) -> Iterator[Record]:
        """The stored regions of these images, or of all, in no particular order."""

    @abstractmethod
    def fetch(self, ids: list[uuid.UUID]) -> list[Record]:
        """The regions with these ids that are stored, with payload and vector, in no particular order."""

    @abstractmethod
    def delete(self, ids: list[uuid.UUID]) -> None:
        """Remove the regions with these ids."""

    @abstractmethod
    def search(self, vector: Floats, limit: int) -> list[Region]:
        """The `limit` regions with the highest cosine to `vector` [D], best first."""

    @abstractmethod
    def count(self) -> int:
        """How many regions are stored."""

    @abstractmethod
    def close(self) -> None:
        """Close files and connections. After writing: everything is on disk when this returns."""

    @classmethod
    def publish(cls, folder: Path, collection: str, previous: str | None) -> None:
        """Point the server's aliases at what goes live and at what served before, in one step."""
        raise NotImplementedError

    @classmethod
    def remove(cls, folder: Path, collection: str) -> bool:
        """Delete a collection; False where the server cannot do it now."""
        raise NotImplementedError

    def upsert(self, batch: Sequence[ImageRegions]) -> None:
        """Add images, or replace those with the same id.

        Raises ForError: an id or path is not Unicode, an image has no regions, or its embeddings or boxes have a wrong
        shape, are not finite or (embeddings) not of length 1: an engine would never return them. The sentence names the
        image. Or the engine fails.
        """
        for image in batch:
            if problem := _problem(image, self.dim):
                raise ForError(f"image {image.image_id!r} cannot be indexed: {problem}")
        self.put([record for image in batch for record in records_of(image)])

    def images(self) -> Versions:
        """Which images are stored, in which version, with how many regions."""
        records = self.read(None, vectors=False)
        return dict(Counter((record.payload["image_id"], record.payload["hash"]) for record in records))

    def delete_stale(self, versions: Mapping[str, str | None]) -> None:
        """Of the images in `versions`, remove the regions whose content hash is not the one given there (None: all)."""
        found = self.read(list(versions), vectors=False) if versions else ()
        if stale := [r.id for r in found if r.payload["hash"] != versions[r.payload["image_id"]]]:
            self.delete(stale)


def engine_class(name: str) -> type[Engine]:
    """The class of an entry of ENGINES, whose library is loaded now; ForError if this version has no such engine."""
    if name not in ENGINES:
        raise ForError(f"the index is on the engine {name!r}, which this version does not have; run `for-cli index`")
    return cast("type[Engine]", resolve_name(ENGINES[name]))


def engine_name(settings: Settings) -> str:
    """The engine of new generations: as set (UsageError if there is none such), else the server where there is one."""
    name = settings.engine or (SERVER if settings.qdrant_url else EDGE)
    if name not in ENGINES:
        raise UsageError(f"the setting engine is {name!r}; {nearest(name, ENGINES)}")
    return name


def open_engine(generation: Path, manifest: Manifest, *, writable: bool = False) -> Engine:
    """The engine of a finished generation.

    Raises ForError: it is missing or damaged, its server does not answer or is not set, or it holds another number of
    regions than the manifest says.
    """
    place = Place(generation / FILES, manifest.collection, manifest.dim)
    engine = engine_class(manifest.engine).open(place, writable=writable)
    if (found := engine.count()) != manifest.n_points:
        engine.close()
        expected = f"{found} regions instead of {manifest.n_points}"
        raise ForError(f"the index is damaged: {generation} holds {expected}; run `for-cli index` to rebuild it")
    return engine
