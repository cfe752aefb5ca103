"""The embedded engine: Qdrant Edge, in this process, exact scan. The only file that imports qdrant_edge."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar, cast

import qdrant_edge as qdrant

from for_retrieval.errors import ForError
from for_retrieval.release.engines import EDGE, NAMESPACE, Engine, Floats, Place, Record, Region, check_vector

ROOM = 80 << 20  # bytes; vectors and payloads grow by files of 32 MiB each
PAGE = 500  # points read at once


class EdgeEngine(Engine):
    """A folder of Qdrant Edge files.

    Opened for search it takes no lock (the write-ahead log is off) and refuses to write, so any number of
    processes can search at once. Durability comes from building beside the live folder instead of from a log.
    """

    package: ClassVar[str] = "qdrant-edge-py"

    def __init__(self, shard: qdrant.EdgeShard, place: Place, writable: bool) -> None:
        self._shard, self._folder, self._writable = shard, place.folder, writable
        self.dim = place.dim

    @classmethod
    def create(cls, place: Place) -> EdgeEngine:
        """Start an empty engine in a new folder."""
        # Dot of normalised vectors is their cosine; Distance.Cosine would normalise once more. No threshold for
        # indexing: an exact scan is what is wanted, and building a graph would take minutes.
        vectors = qdrant.EdgeVectorParams(place.dim, qdrant.Distance.Dot)
        optimizers = qdrant.EdgeOptimizersConfig(indexing_threshold=0)
        config = qdrant.EdgeConfig(vectors=vectors, optimizers=optimizers, wal_enabled=False)
        place.folder.mkdir(parents=True, exist_ok=True)
        with _attempt(place.folder, "be created"):
            shard = qdrant.EdgeShard.create(str(place.folder), config)
        return cls(shard, place, writable=True)

    @classmethod
    def open(cls, place: Place, *, writable: bool = False) -> EdgeEngine:
        """Open a finished folder for search, or (a copy of one) for writing.

        Raises ForError: it is missing, damaged, or this user cannot write to it (the engine maps its files for writing
        even where it only reads).
        """
        if not place.folder.is_dir():  # the engine would answer with an exception that does not name the folder
            raise ForError(f"{place.folder} does not exist; run `for-cli index`")
        return cls(_load(place.folder, "be opened"), place, writable)

    def put(self, records: Sequence[Record]) -> None:
        # The engine maps its files before their blocks are allocated: where there are none left, the kernel ends the
        # process with SIGBUS, which nobody can catch.
        free = shutil.disk_usage(self._folder).free
        if free < ROOM:
            raise ForError(
                f"{self._folder.parent} has {free >> 20} MB of free disk, and the engine's files need {ROOM >> 20} "
                "(No space left on device); make room, then run the same again"
            )
        # One operation a point: the engine shuffles the points of an operation, and it is no slower.
        for record in records:
            stored = qdrant.Point(record.id, record.vector, record.payload)
            self._update(qdrant.UpdateOperation.upsert_points([stored]))

    def read(self, image_ids: list[str] | None, *, vectors: bool) -> Iterator[Record]:
        chosen, offset = None, None
        if image_ids is not None:
            chosen = qdrant.Filter(must=[qdrant.FieldCondition("image_id", match=qdrant.MatchAny(image_ids))])
        wanted: bool | list[str] = True if vectors else ["image_id", "hash"]
        while True:
            with _attempt(self._folder, "be read"):
                page, offset = self._shard.scroll(qdrant.ScrollRequest(offset, PAGE, chosen, wanted, vectors))
            yield from map(_record, page)
            if offset is None:
                return

    def fetch(self, ids: list[uuid.UUID]) -> list[Record]:
        with _attempt(self._folder, "be read"):
            found = self._shard.retrieve([*ids], True, True)
        return [_record(one) for one in found]

    def delete(self, ids: list[uuid.UUID]) -> None:
        self._update(qdrant.UpdateOperation.delete_points([*ids]))

    def search(self, vector: Floats, limit: int) -> list[Region]:
        check_vector(vector, self.dim)
        nearest, exact = qdrant.Query.Nearest(vector.tolist()), qdrant.SearchParams(exact=True)
        request = qdrant.QueryRequest(limit, query=nearest, with_payload=True, params=exact)
        with _attempt(self._folder, "be searched"):
            found = [Region.of(hit.payload or {}, float(hit.score)) for hit in self._shard.query(request)]
        return found

    def count(self) -> int:
        with _attempt(self._folder, "be counted"):
            found = self._shard.count(qdrant.CountRequest(exact=True))
        return int(found)

    def close(self) -> None:
        """Close the files; after writing, first compact away what was deleted, flush, and give segments final names."""
        if self._writable:
            with _attempt(self._folder, "be compacted"):
                self._shard.optimize()  # only where a fifth was deleted
            with _attempt(self._folder, "be flushed"):
                self._shard.flush()
        self._shard.close()
        if self._writable:
            self._writable = False
            _finish(self._folder)

    def _update(self, operation: qdrant.UpdateOperation) -> None:
        if not self._writable:
            raise ForError(f"{self._folder} is open for search only; build a new index beside it")
        with _attempt(self._folder, "be written"):
            self._shard.update(operation)


def _record(found: qdrant.Record) -> Record:
    vector = cast("list[float]", found.vector or [])
    return Record(cast("uuid.UUID", found.id), found.payload or {}, list(vector))


def _load(folder: Path, what: str) -> qdrant.EdgeShard:
    with _attempt(folder, what):
        shard = qdrant.EdgeShard.load(str(folder))
    return shard


def _finish(folder: Path) -> None:
    """Make equal content equal bytes.

    The engine completes its configuration on the first load, and names segments at random.
    """
    _load(folder, "be reopened").close()
    segments = folder / "segments"
    for number, segment in enumerate(sorted(segments.iterdir())):
        segment.rename(segments / f"aside-{number}")  # first aside: a name may be taken already
    for number, segment in enumerate(sorted(segments.iterdir())):
        segment.rename(segments / str(uuid.uuid5(NAMESPACE, f"segment {number}")))


@contextmanager
def _attempt(folder: Path, what: str) -> Iterator[None]:
    """Around a call of the engine; its exceptions are bare `Exception`s that span several lines."""
    try:
        yield
    except Exception as error:
        reason = " ".join(str(error).split())
        raise ForError(f"{folder} cannot {what} by {EDGE} ({reason}); run `for-cli index`") from error
