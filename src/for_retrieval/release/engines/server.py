"""A Qdrant server as an engine: one collection a generation, one connection with time limits and retries."""

from __future__ import annotations

import re
import uuid
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeVar, cast

from qdrant_client import QdrantClient, models
from qdrant_client.common.client_exceptions import ResourceExhaustedResponse
from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse
from tenacity import RetryCallState, Retrying, retry_if_exception

from for_retrieval.errors import ForError, TransientError
from for_retrieval.release.engines import (
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
from for_retrieval.settings import Settings, find_root, load_settings

FIRST_PAUSE = 0.25  # seconds, doubled after each attempt
LONGEST_PAUSE = 4.0
GIVE_UP = 6.0  # seconds without any answer after which no further attempt is made

T = TypeVar("T")


class Failure(Exception):
    """Why a call failed. unreachable: no connection. busy: another attempt may succeed. final: it would not.

    reason: a clause without secrets. pause: seconds that the server asks to wait, 0 where it asks for nothing.
    """

    def __init__(self, kind: Literal["unreachable", "busy", "final"], reason: str, pause: float = 0.0) -> None:
        super().__init__(reason)
        self.kind, self.reason, self.pause = kind, reason, pause


def attempt(call: Callable[[], T], explain: Callable[[Exception], Failure | None], retries: int, where: str) -> T:
    """What `call` returns, tried up to 1 + `retries` times; `where` names the server.

    An error that `explain` does not know is raised as it is.

    Raises:
        TransientError: the server does not answer, or still fails after all attempts. ForError: it refuses.
    """

    def once() -> T:
        try:
            return call()
        except Exception as error:
            if found := explain(error):
                raise found from error
            raise

    def no_more(state: RetryCallState) -> bool:
        late = (state.seconds_since_start or 0) > GIVE_UP and _failure(state).kind == "unreachable"
        return late or state.attempt_number > retries

    def pause(state: RetryCallState) -> float:
        doubled = FIRST_PAUSE * 2 ** (state.attempt_number - 1)
        return float(min(LONGEST_PAUSE, max(doubled, _failure(state).pause)))

    again = retry_if_exception(lambda error: isinstance(error, Failure) and error.kind != "final")
    retrying = Retrying(retry=again, stop=no_more, wait=pause, reraise=True)
    try:
        return retrying(once)
    except Failure as failure:
        reason = failure.reason
        if failure.kind == "final":
            raise ForError(f"{where} failed ({reason}); look at the server's log, then run the same again") from None
        if failure.kind == "unreachable":
            sentence = f"{where} does not answer ({reason}); check QDRANT_URL and that the server runs"
            raise TransientError(sentence) from failure
        tries = f"{retrying.statistics['attempt_number']} attempts"
        sentence = f"{where} failed after {tries} ({reason}); look at the server's log, then run the same again"
        raise TransientError(sentence) from failure


def _failure(state: RetryCallState) -> Failure:
    error = state.outcome.exception() if state.outcome else None
    assert isinstance(error, Failure)  # nothing else is tried again
    return error


CONNECT = 2.0  # seconds; also for the first answer, which is small: a server that hangs is told from a slow one


class Connection:
    """A Qdrant server as the settings describe it. Every call goes through `call`."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.where = f"the Qdrant server at {_shown(settings.qdrant_url)}"
        self._answered = False
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "Api key is used with an insecure connection": one's own decision
            try:
                self._client = QdrantClient(
                    url=settings.qdrant_url,
                    api_key=settings.qdrant_api_key or None,
                    timeout=settings.qdrant_timeout,
                    check_compatibility=False,  # it asks the server in a thread, and warns on stderr
                )
            except Exception as error:  # a URL that is none; the client raises bare ones
                raise ForError(f"QDRANT_URL is not usable ({self._clean(str(error))}); give http://HOST:6333") from None
        self._client.http.client.add_middleware(self._limit)

    def call(self, what: Callable[[QdrantClient], T]) -> T:
        """What `what` returns for the client.

        Raises:
            TransientError: the server cannot be reached, or fails after all attempts. ForError: it refuses.
        """
        return attempt(lambda: what(self._client), self._explain, self.settings.qdrant_retries, self.where)

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def _limit(self, request: Any, send: Callable[[Any], Any]) -> Any:
        limit = float(self.settings.qdrant_timeout)
        read = limit if self._answered else min(limit, CONNECT)
        request.extensions["timeout"] = {"connect": min(limit, CONNECT), "read": read, "write": limit, "pool": limit}
        response = send(request)
        self._answered = True
        return response

    def _explain(self, error: Exception) -> Failure | None:
        if isinstance(error, ResourceExhaustedResponse):
            return Failure("busy", "429 Too Many Requests", float(error.retry_after_s))
        if isinstance(error, UnexpectedResponse):
            busy = error.status_code == 429 or (error.status_code or 0) >= 500
            reason = f"{error.status_code} {error.reason_phrase}: {_message(error)}"
            return Failure("busy" if busy else "final", self._clean(reason))
        if isinstance(error, ResponseHandlingException):
            source = error.source
            kind = type(source).__name__
            if kind == "ValidationError":
                return Failure("final", "it answers, but not as Qdrant does")
            unreachable = not self._answered or kind.startswith("Connect")
            return Failure("unreachable" if unreachable else "busy", self._clean(f"{kind}: {source}"))
        return None

    def _clean(self, text: str) -> str:
        """On one line, not long, and without the key, should a server repeat it."""
        key = self.settings.qdrant_api_key
        line = " ".join((text.replace(key, "***") if key else text).split())
        return line if len(line) <= 200 else f"{line[:199]}…"


def connect(folder: Path) -> Connection:
    """The server that the project around the index folder uses.

    Raises:
        ForError: none is set.
    """
    settings = load_settings(find_root(folder))
    if not settings.qdrant_url:
        raise ForError(
            f"the index in {folder} is on a Qdrant server, but none is set; set QDRANT_URL, or run `for-cli index`"
        )
    return Connection(settings)


def _connection_of(place: Place) -> Connection:
    return Connection(place.settings) if place.settings else connect(place.folder)


def _message(error: UnexpectedResponse) -> str:
    try:
        return str(error.structured()["status"]["error"])
    except (ValueError, KeyError, TypeError):
        return error.content[:100].decode("utf-8", "replace")


def _shown(url: str) -> str:
    """The URL without what may be a password."""
    return re.sub(r"//[^/@]*@", "//", url)


PAGE = 500  # points sent or read at once: about 2 MB at 256 numbers each
LIVE, PREVIOUS = "live", "previous"  # aliases, for people and other programs; queries name the collection


class ServerEngine(Engine):
    """A collection on a server."""

    package: ClassVar[str] = "qdrant-client"
    remote: ClassVar[bool] = True

    def __init__(self, connection: Connection, place: Place) -> None:
        self._connection = connection
        self._collection = place.collection
        self.dim = place.dim

    @classmethod
    def create(cls, place: Place) -> ServerEngine:
        """Start an empty collection; one that a killed build left is replaced.

        Raises:
            ForError: the server cannot be reached or refuses.
        """
        connection, collection = _connection_of(place), place.collection
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
                models.VectorParams(size=place.dim, distance=models.Distance.DOT, on_disk=settings.qdrant_on_disk),
                shard_number=settings.qdrant_shards,
                replication_factor=settings.qdrant_replicas,
                on_disk_payload=settings.qdrant_on_disk,
                hnsw_config=models.HnswConfigDiff(m=0),
                quantization_config=int8 if settings.qdrant_quantization == "int8" else None,
            )

        connection.call(make)
        keyword = models.PayloadSchemaType.KEYWORD
        connection.call(lambda client: client.create_payload_index(collection, "image_id", keyword, wait=True))
        return cls(connection, place)

    @classmethod
    def open(cls, place: Place, *, writable: bool = False) -> ServerEngine:
        """Open a collection that is there; it is always writable.

        Raises:
            ForError: it is not there, or the server cannot be reached.
        """
        connection, name = _connection_of(place), place.collection
        if not connection.call(lambda client: client.collection_exists(name)):
            raise ForError(f"{connection.where} has no collection {name!r}; run `for-cli index` to rebuild it")
        return cls(connection, place)

    @classmethod
    def publish(cls, folder: Path, collection: str, previous: str | None) -> None:
        """Point the alias `live` at a collection and `previous` at the earlier one, in one call.

        Raises:
            ForError: the server cannot be reached or has no such collection.
        """
        operations: list[Any] = []
        for alias, name in ((LIVE, collection), (PREVIOUS, previous)):
            if name:
                remove = models.DeleteAliasOperation(delete_alias=models.DeleteAlias(alias_name=alias))
                create = models.CreateAlias(collection_name=name, alias_name=alias)
                operations += [remove, models.CreateAliasOperation(create_alias=create)]
        with closing(connect(folder)) as connection:
            connection.call(lambda client: client.update_collection_aliases(operations))

    @classmethod
    def remove(cls, folder: Path, collection: str) -> bool:
        """Delete a collection; False where the server cannot do it now."""
        try:
            with closing(connect(folder)) as connection:
                connection.call(lambda client: client.delete_collection(collection))
        except ForError:
            return False
        return True

    def put(self, points: Sequence[Point]) -> None:
        """Store single regions; returns when the server has applied them."""
        for start in range(0, len(points), PAGE):
            stored = [
                models.PointStruct(id=str(point_id(p.image_id, p.number)), vector=p.vector, payload=payload_of(p))
                for p in points[start : start + PAGE]
            ]
            self._connection.call(lambda client, s=stored: client.upsert(self._collection, s, wait=True))  # type: ignore[misc]

    def read(self, image_ids: Sequence[str] | None, *, payload: bool = True, vectors: bool = False) -> Iterator[Record]:
        """The stored regions of these images, or of all."""
        chosen = None if image_ids is None else _of(list(image_ids))
        wanted: bool | list[str] = True if payload else ["image_id", "hash"]
        offset: Any = None
        while True:
            page, offset = self._connection.call(
                lambda client, at=offset: client.scroll(  # type: ignore[misc]
                    self._collection, chosen, PAGE, offset=at, with_payload=wanted, with_vectors=vectors
                )
            )
            yield from (Record(found.id, found.payload or {}, list(found.vector or ())) for found in page)
            if offset is None:
                return

    def fetch(self, ids: Sequence[uuid.UUID]) -> list[Record]:
        """The regions with these ids that are stored."""
        names = [str(one) for one in ids]
        found = self._connection.call(lambda client: client.retrieve(self._collection, names, True, True))
        return [Record(one.id, one.payload or {}, cast("list[float]", one.vector)) for one in found]

    def delete(self, ids: Sequence[Any]) -> None:
        """Remove the regions with these ids; returns when the server has applied it."""
        selector = models.PointIdsList(points=list(ids))
        self._connection.call(lambda client: client.delete(self._collection, selector, wait=True))

    def search(self, vector: Floats, limit: int) -> list[Region]:
        """The `limit` best regions for `vector` [D], best first; int8 candidates are scored again exactly.

        Raises:
            ForError: `vector` does not fit, or the server fails.
        """
        check_vector(vector, self.dim)
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
        """Close the connection; every write was waited for."""
        self._connection.close()


def _of(image_ids: list[str]) -> models.Filter:
    return models.Filter(must=[models.FieldCondition(key="image_id", match=models.MatchAny(any=image_ids))])
