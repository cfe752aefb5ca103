"""A Qdrant server as an engine: one collection a generation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from qdrant_client import QdrantClient, models

from for_retrieval.errors import ForError
from for_retrieval.index.connection import Connection, connect
from for_retrieval.index.engine import Versions
from for_retrieval.index.manifest import Manifest
from for_retrieval.index.regions import (
    Floats,
    ImageRegions,
    Point,
    Region,
    check_regions,
    check_vector,
    payload_of,
    point_from,
    point_id,
    points_of,
    region_from,
)

NAME = "qdrant-server"
PAGE = 500  # points sent or read at once: about 2 MB at 256 numbers each
LIVE, PREVIOUS = "live", "previous"  # aliases, for people and other programs; queries name the collection


class ServerEngine:
    """A collection on a server."""

    def __init__(self, connection: Connection, collection: str, dim: int) -> None:
        self._connection = connection
        self._collection = collection
        self._dim = dim

    @classmethod
    def create(cls, connection: Connection, collection: str, dim: int) -> ServerEngine:
        """Start an empty collection for vectors of `dim` numbers; what a killed build left of it goes.

        Raises:
            ForError: the server cannot be reached or refuses.
        """
        settings = connection.settings
        int8 = models.ScalarQuantization(
            scalar=models.ScalarQuantizationConfig(type=models.ScalarType.INT8, quantile=0.99, always_ram=True)
        )

        def make(client: QdrantClient) -> bool:
            if client.collection_exists(collection):
                client.delete_collection(collection)
            return client.create_collection(
                collection,
                # Dot of normalised vectors is their cosine. No graph (m = 0): a scan is exact, and building is fast.
                models.VectorParams(size=dim, distance=models.Distance.DOT, on_disk=settings.qdrant_on_disk),
                shard_number=settings.qdrant_shards,
                replication_factor=settings.qdrant_replicas,
                on_disk_payload=settings.qdrant_on_disk,
                hnsw_config=models.HnswConfigDiff(m=0),
                quantization_config=int8 if settings.qdrant_quantization == "int8" else None,
            )

        connection.call(make)
        keyword = models.PayloadSchemaType.KEYWORD
        connection.call(lambda client: client.create_payload_index(collection, "image_id", keyword, wait=True))
        return cls(connection, collection, dim)

    @classmethod
    def open(cls, connection: Connection, collection: str, dim: int) -> ServerEngine:
        """Open a collection that is there.

        Raises:
            ForError: it is not, or the server cannot be reached.
        """
        if not connection.call(lambda client: client.collection_exists(collection)):
            raise ForError(f"{connection.where} has no collection {collection!r}; run `for-cli index` to rebuild it")
        return cls(connection, collection, dim)

    def upsert(self, batch: Sequence[ImageRegions]) -> None:
        """Add images, or replace those with the same id.

        Raises:
            ForError: check_regions refuses the batch, or the server fails.
        """
        check_regions(batch, self._dim)
        self.put([point for image in batch for point in points_of(image)])

    def put(self, points: Sequence[Point]) -> None:
        """Store single regions; returns when the server has applied them."""
        for start in range(0, len(points), PAGE):
            stored = [
                models.PointStruct(id=str(point_id(p.image_id, p.number)), vector=p.vector, payload=payload_of(p))
                for p in points[start : start + PAGE]
            ]
            self._connection.call(lambda client, s=stored: client.upsert(self._collection, s, wait=True))  # type: ignore[misc]

    def points(self) -> Iterator[list[Point]]:
        """Everything that is stored."""
        for page in self._pages(None, True, True):
            yield [point_from(record.payload or {}, list(record.vector)) for record in page]

    def delete_images(self, image_ids: Iterable[str]) -> None:
        """Remove all regions of these images."""
        if ids := list(image_ids):
            self._delete(models.FilterSelector(filter=_of(ids)))

    def delete_stale(self, versions: Mapping[str, str]) -> None:
        """Of the images in `versions`, remove the regions whose content hash is not the one given there."""
        pages = self._pages(_of(list(versions)), ["image_id", "hash"], False) if versions else ()
        stale = [r.id for page in pages for r in page if r.payload["hash"] != versions[r.payload["image_id"]]]
        if stale:
            self._delete(models.PointIdsList(points=stale))

    def images(self) -> Versions:
        """Which images are stored, in which version, with how many regions."""
        found: Counter[tuple[str, str]] = Counter()
        for page in self._pages(None, ["image_id", "hash"], False):
            found.update((record.payload["image_id"], record.payload["hash"]) for record in page)
        return dict(found)

    def search(self, vector: Floats, limit: int) -> list[Region]:
        """The `limit` best regions for `vector` [D], best first; int8 candidates are scored again exactly.

        Raises:
            ForError: `vector` does not fit, or the server fails.
        """
        check_vector(vector, self._dim)
        rescored = models.QuantizationSearchParams(rescore=True, oversampling=2.0)
        int8 = self._connection.settings.qdrant_quantization == "int8"
        params = models.SearchParams(quantization=rescored) if int8 else models.SearchParams(exact=True)
        found = self._connection.call(
            lambda client: client.query_points(
                self._collection, vector.tolist(), limit=limit, with_payload=True, search_params=params
            )
        )
        return [region_from(hit.payload or {}, float(hit.score)) for hit in found.points]

    def count(self) -> int:
        """How many regions are stored."""
        return self._connection.call(lambda client: client.count(self._collection, exact=True)).count

    def close(self) -> None:
        """Let go of the connection; every write was waited for."""
        self._connection.close()

    def _pages(self, chosen: models.Filter | None, payload: bool | list[str], vectors: bool) -> Iterator[list[Any]]:
        offset: Any = None
        while True:
            page, offset = self._connection.call(
                lambda client, at=offset: client.scroll(  # type: ignore[misc]
                    self._collection, chosen, PAGE, offset=at, with_payload=payload, with_vectors=vectors
                )
            )
            yield page
            if offset is None:
                return

    def _delete(self, selector: models.FilterSelector | models.PointIdsList) -> None:
        self._connection.call(lambda client: client.delete(self._collection, selector, wait=True))


def _of(image_ids: list[str]) -> models.Filter:
    return models.Filter(must=[models.FieldCondition(key="image_id", match=models.MatchAny(any=image_ids))])


def move_aliases(folder: Path, collection: str, previous: Sequence[Manifest | None]) -> None:
    """Point `live` at a collection and `previous` at the newest earlier one, in one call.

    Raises:
        ForError: the server cannot be reached or has no such collection.
    """
    connection = connect(folder)
    earlier = next((m.collection for m in previous if m and m.collection and m.collection != collection), None)
    pairs = [(LIVE, collection), *([(PREVIOUS, earlier)] if earlier else [])]
    operations: list[Any] = []
    for alias, name in pairs:
        remove = models.DeleteAliasOperation(delete_alias=models.DeleteAlias(alias_name=alias))
        create = models.CreateAlias(collection_name=name, alias_name=alias)
        operations += [remove, models.CreateAliasOperation(create_alias=create)]
    try:
        connection.call(lambda client: client.update_collection_aliases(operations))
    finally:
        connection.close()


def remove_collection(folder: Path, collection: str) -> bool:
    """Delete a collection; False where the server cannot do it now."""
    try:
        connection = connect(folder)
        try:
            connection.call(lambda client: client.delete_collection(collection))
        finally:
            connection.close()
    except ForError:
        return False
    return True
