"""The embedded engine: Qdrant Edge, in this process, exact scan. The only file that imports qdrant_edge."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, TypeVar, cast

import qdrant_edge as qdrant

from for_retrieval.errors import ForError
from for_retrieval.release.engines import (
    EDGE,
    NAMESPACE,
    Engine,
    Floats,
    Place,
    Point,
    Record,
    Region,
    check_vector,
    payload_of,
    point_id,
    region_from,
)

ROOM = 80 << 20  # bytes; vectors and payloads grow by files of 32 MiB each


PAGE = 500  # points read at once

T = TypeVar("T")


class EdgeEngine(Engine):
    """A folder of Qdrant Edge files.

    Opened for search it takes no lock (the write-ahead log is off) and refuses to write, so any number of
    processes can search at once. Durability comes from building beside the live folder instead of from a log.
    """

    package: ClassVar[str] = "qdrant-edge-py"

    def __init__(self, shard: qdrant.EdgeShard, place: Place, writable: bool) -> None:
        self._shard = shard
        self._folder = place.folder
        self.dim = place.dim
        self._writable = writable

    @classmethod
    def create(cls, place: Place) -> EdgeEngine:
        """Start an empty engine in a new folder.

        Raises:
            ForError: the folder cannot be written or already holds data.
        """
        # Dot of normalised vectors is their cosine; Distance.Cosine would normalise once more. No threshold for
        # indexing: an exact scan is what is wanted, and building a graph would take minutes.
        vectors = qdrant.EdgeVectorParams(place.dim, qdrant.Distance.Dot)
        optimizers = qdrant.EdgeOptimizersConfig(indexing_threshold=0)
        config = qdrant.EdgeConfig(vectors=vectors, optimizers=optimizers, wal_enabled=False)
        place.folder.mkdir(parents=True, exist_ok=True)
        shard = _attempt(place.folder, "be created", lambda: qdrant.EdgeShard.create(str(place.folder), config))
        return cls(shard, place, writable=True)

    @classmethod
    def open(cls, place: Place, *, writable: bool = False) -> EdgeEngine:
        """Open a finished folder for search, or (a copy of one) for writing.

        Raises:
            ForError: it is missing, damaged, or this user cannot write to it (the engine maps its files for
                writing even where it only reads).
        """
        if not place.folder.is_dir():  # the engine would answer with an exception that does not name the folder
            raise ForError(f"{place.folder} does not exist; run `for-cli index`")
        shard = _attempt(place.folder, "be opened", lambda: qdrant.EdgeShard.load(str(place.folder)))
        return cls(shard, place, writable)

    def put(self, points: Sequence[Point]) -> None:
        """Store single regions.

        Raises:
            ForError: the engine was opened for search, or the disk is all but full.
        """
        # The engine maps its files before their blocks are allocated: where there are none left, the kernel ends the
        # process with SIGBUS, which nobody can catch.
        free = shutil.disk_usage(self._folder).free
        if free < ROOM:
            raise ForError(
                f"{self._folder.parent} has {free >> 20} MB of free disk, and the engine's files need {ROOM >> 20} "
                "(No space left on device); make room, then run the same again"
            )
        # One operation a point: the engine shuffles the points of an operation, and it is no slower.
        for point in points:
            stored = qdrant.Point(point_id(point.image_id, point.number), point.vector, payload_of(point))
            self._update(qdrant.UpdateOperation.upsert_points([stored]))

    def read(self, image_ids: Sequence[str] | None, *, payload: bool = True, vectors: bool = False) -> Iterator[Record]:
        """The stored regions of these images, or of all."""
        chosen = None if image_ids is None else _of(list(image_ids))
        wanted: bool | list[str] = True if payload else ["image_id", "hash"]
        offset = None
        while True:
            request = qdrant.ScrollRequest(
                offset=offset, limit=PAGE, filter=chosen, with_payload=wanted, with_vector=vectors
            )
            page, offset = self._attempt("be read", partial(self._shard.scroll, request))
            for record in page:
                vector = list(cast("list[float]", record.vector)) if vectors else []
                yield Record(record.id, record.payload or {}, vector)
            if offset is None:
                return

    def fetch(self, ids: Sequence[uuid.UUID]) -> list[Record]:
        """The regions with these ids that are stored."""
        found = self._attempt("be read", lambda: self._shard.retrieve(list(ids), True, True))
        return [Record(one.id, one.payload or {}, list(cast("list[float]", one.vector))) for one in found]

    def delete(self, ids: Sequence[Any]) -> None:
        """Remove the regions with these ids."""
        self._update(qdrant.UpdateOperation.delete_points(list(ids)))

    def search(self, vector: Floats, limit: int) -> list[Region]:
        """The `limit` best regions for `vector` [D], best first, by an exact scan.

        Raises:
            ForError: `vector` does not fit, or a file is damaged.
        """
        check_vector(vector, self.dim)
        request = qdrant.QueryRequest(
            limit,
            query=qdrant.Query.Nearest(vector.tolist()),
            with_payload=True,
            params=qdrant.SearchParams(exact=True),
        )
        return self._attempt(
            "be searched", lambda: [region_from(h.payload or {}, float(h.score)) for h in self._shard.query(request)]
        )

    def count(self) -> int:
        """How many regions are stored."""
        request = qdrant.CountRequest(exact=True)
        return int(self._attempt("be counted", lambda: self._shard.count(request)))

    def close(self) -> None:
        """Close the files; after writing, first compact away what was deleted, flush, and give segments final names."""
        if self._writable:
            self._attempt("be compacted", self._shard.optimize)  # only where a fifth was deleted
            self._attempt("be flushed", self._shard.flush)
        self._shard.close()
        if self._writable:
            self._writable = False
            _finish(self._folder)

    def _update(self, operation: qdrant.UpdateOperation) -> None:
        if not self._writable:
            raise ForError(f"{self._folder} is open for search only; build a new index beside it")
        self._attempt("be written", partial(self._shard.update, operation))

    def _attempt(self, what: str, call: Callable[[], T]) -> T:
        return _attempt(self._folder, what, call)


def _of(image_ids: list[str]) -> qdrant.Filter:
    return qdrant.Filter(must=[qdrant.FieldCondition("image_id", match=qdrant.MatchAny(image_ids))])


def _finish(folder: Path) -> None:
    """Make equal content equal bytes.

    The engine completes its configuration on the first load, and names segments at random.
    """
    _attempt(folder, "be reopened", lambda: qdrant.EdgeShard.load(str(folder))).close()
    segments = folder / "segments"
    for number, segment in enumerate(sorted(segments.iterdir())):
        segment.rename(segments / f"aside-{number}")  # first aside: a name may be taken already
    for number, segment in enumerate(sorted(segments.iterdir())):
        segment.rename(segments / str(uuid.uuid5(NAMESPACE, f"segment {number}")))


def _attempt(folder: Path, what: str, call: Callable[[], T]) -> T:
    """Call the engine; its exceptions are bare `Exception`s that span several lines."""
    try:
        return call()
    except Exception as error:
        reason = " ".join(str(error).split())
        raise ForError(f"{folder} cannot {what} by {EDGE} ({reason}); run `for-cli index`") from error
