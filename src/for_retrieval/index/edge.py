"""The embedded engine: Qdrant Edge, in this process, exact scan. The only file that imports qdrant_edge."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

import qdrant_edge as qdrant

from for_retrieval.errors import ForError
from for_retrieval.index.regions import Floats, ImageRegions, Region, check_regions, check_vector

NAME = "qdrant-edge"
NAMESPACE = uuid.UUID("6f1ad6a1-3c86-5d6d-9a4e-3f0d6f0c7b55")  # of point ids; changing it changes all of them

T = TypeVar("T")


class EdgeEngine:
    """A folder of Qdrant Edge files.

    Opened for search it takes no lock (the write-ahead log is off) and refuses to write, so any number of
    processes can search at once. Durability comes from building beside the live folder instead of from a log.
    """

    def __init__(self, shard: qdrant.EdgeShard, folder: Path, dim: int, writable: bool) -> None:
        self._shard = shard
        self._folder = folder
        self._dim = dim
        self._writable = writable

    @classmethod
    def create(cls, folder: Path, dim: int) -> EdgeEngine:
        """Start an empty engine for vectors of `dim` numbers in a new folder.

        Raises:
            ForError: the folder cannot be written or already holds data.
        """
        # Dot of normalised vectors is their cosine; Distance.Cosine would normalise once more.
        vectors = qdrant.EdgeVectorParams(dim, qdrant.Distance.Dot)
        config = qdrant.EdgeConfig(vectors=vectors, wal_enabled=False)
        folder.mkdir(parents=True, exist_ok=True)
        shard = _attempt(folder, "be created", lambda: qdrant.EdgeShard.create(str(folder), config))
        return cls(shard, folder, dim, writable=True)

    @classmethod
    def open(cls, folder: Path, dim: int) -> EdgeEngine:
        """Open a finished folder for search.

        Raises:
            ForError: it is missing, damaged, or this user cannot write to it (the engine maps its files for
                writing even where it only reads).
        """
        if not folder.is_dir():  # the engine would answer with an exception that does not name the folder
            raise ForError(f"{folder} does not exist; run `for-cli index`")
        shard = _attempt(folder, "be opened", lambda: qdrant.EdgeShard.load(str(folder)))
        return cls(shard, folder, dim, writable=False)

    def upsert(self, batch: Sequence[ImageRegions]) -> None:
        """Add images; a region's id follows from its image id and number, so a repeat replaces.

        Raises:
            ForError: the engine was opened for search, or check_regions refuses the batch.
        """
        if not self._writable:
            raise ForError(f"{self._folder} is open for search only; build a new index beside it")
        check_regions(batch, self._dim)
        # One operation a point: the engine shuffles the points of an operation, and it is no slower.
        for point in (point for image in batch for point in _points(image)):
            operation = qdrant.UpdateOperation.upsert_points([point])
            self._attempt("be written", partial(self._shard.update, operation))

    def search(self, vector: Floats, limit: int) -> list[Region]:
        """The `limit` best regions for `vector` [D], best first, by an exact scan.

        Raises:
            ForError: `vector` does not fit, or a file is damaged.
        """
        check_vector(vector, self._dim)
        request = qdrant.QueryRequest(
            limit,
            query=qdrant.Query.Nearest(vector.tolist()),
            with_payload=True,
            params=qdrant.SearchParams(exact=True),
        )
        return self._attempt("be searched", lambda: [_region(hit) for hit in self._shard.query(request)])

    def count(self) -> int:
        """How many regions are stored."""
        request = qdrant.CountRequest(exact=True)
        return int(self._attempt("be counted", lambda: self._shard.count(request)))

    def close(self) -> None:
        """Let go of the files; after writing, flush them and settle their final names first."""
        if self._writable:
            self._attempt("be flushed", self._shard.flush)
        self._shard.close()
        if self._writable:
            self._writable = False
            _settle(self._folder)

    def _attempt(self, what: str, call: Callable[[], T]) -> T:
        return _attempt(self._folder, what, call)


def point_id(image_id: str, number: int) -> uuid.UUID:
    """The id of region `number` of an image: the same in every build."""
    return uuid.uuid5(NAMESPACE, f"{image_id}/{number}")


def _points(image: ImageRegions) -> list[qdrant.Point]:
    shared = {"image_id": image.image_id, "path": image.path, "hash": image.hash, "split": image.split}
    rows = zip(image.embeddings.tolist(), image.boxes.tolist(), strict=True)
    return [
        qdrant.Point(point_id(image.image_id, number), vector, {**shared, "region": number, "box": box})
        for number, (vector, box) in enumerate(rows)
    ]


def _region(hit: qdrant.ScoredPoint) -> Region:
    payload = hit.payload or {}
    x, y, w, h = payload["box"]
    return Region(payload["image_id"], payload["path"], (x, y, w, h), float(hit.score), payload["region"])


def _settle(folder: Path) -> None:
    """Make equal content equal bytes.

    The engine completes its configuration on the first load, and names segments at random.
    """
    _attempt(folder, "be reopened", lambda: qdrant.EdgeShard.load(str(folder))).close()
    for number, segment in enumerate(sorted((folder / "segments").iterdir())):
        segment.rename(segment.with_name(str(uuid.uuid5(NAMESPACE, f"segment {number}"))))


def _attempt(folder: Path, what: str, call: Callable[[], T]) -> T:
    """Call the engine; its exceptions are bare `Exception`s that span several lines."""
    try:
        return call()
    except Exception as error:
        reason = " ".join(str(error).split())
        raise ForError(f"{folder} cannot {what} by {NAME} ({reason}); run `for-cli index`") from error
