"""A Qdrant server as an engine: one collection a generation, one connection with time limits and retries."""

from __future__ import annotations

import re
import time
import uuid
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeVar, cast

from qdrant_client import QdrantClient, models
from qdrant_client.common.client_exceptions import ResourceExhaustedResponse
from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt

from for_retrieval.errors import ForError, TransientError
from for_retrieval.release.engines import Engine, Floats, Place, Record, Region, check_vector
from for_retrieval.settings import Settings, find_root, load_settings

CONNECT = 2.0  # seconds; also for the first answer, which is small: a server that hangs is told from a slow one
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

    Raises TransientError: the server does not answer, or still fails after all attempts. ForError: it refuses. An error
    that `explain` does not know is raised as it is.
    """
    start = time.monotonic()

    def once() -> T:
        try:
            return call()
        except Exception as error:
            if found := explain(error):
                raise found from error
            raise

    def again(error: BaseException) -> bool:
        late = time.monotonic() - start > GIVE_UP
        return isinstance(error, Failure) and error.kind in (("busy",) if late else ("busy", "unreachable"))

    def pause(state: RetryCallState) -> float:
        asked = getattr(state.outcome and state.outcome.exception(), "pause", 0.0)
        return float(min(LONGEST_PAUSE, max(FIRST_PAUSE * 2 ** (state.attempt_number - 1), asked)))

    retrying = Retrying(retry=retry_if_exception(again), stop=stop_after_attempt(1 + retries), wait=pause, reraise=True)
    try:
        return retrying(once)
    except Failure as failure:
        failed, log = f"({failure.reason})", "look at the server's log, then run the same again"
        if failure.kind == "final":
            raise ForError(f"{where} failed {failed}; {log}") from None
        if failure.kind == "unreachable":
            sentence = f"{where} does not answer {failed}; check QDRANT_URL and that the server runs"
            raise TransientError(sentence) from failure
        tries = f"{retrying.statistics['attempt_number']} attempts"
        raise TransientError(f"{where} failed after {tries} {failed}; {log}") from failure


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
        """What `what` returns for the client; raises as `attempt`."""
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
    """The server that the project around the index folder uses; ForError if none is set."""
    settings = load_settings(find_root(folder))
    if not settings.qdrant_url:
        raise ForError(
            f"the index in {folder} is on a Qdrant server, but none is set; set QDRANT_URL, or run `for-cli index`"
        )
    return Connection(settings)


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
        self._connection, self._collection, self.dim = connection, place.collection, place.dim

    @classmethod
    def create(cls, place: Place) -> ServerEngine:
        """Start an empty collection; one that a killed build left is replaced."""
        connection = Connection(place.settings) if place.settings else connect(place.folder)
        collection, settings = place.collection, connection.settings
        int8 = models.ScalarQuantizationConfig(type=models.ScalarType.INT8, quantile=0.99, always_ram=True)
        quantized = settings.qdrant_quantization == "int8"

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
                quantization_config=models.ScalarQuantization(scalar=int8) if quantized else None,
            )

        connection.call(make)
        keyword = models.PayloadSchemaType.KEYWORD
        connection.call(lambda client: client.create_payload_index(collection, "image_id", keyword, wait=True))
        return cls(connection, place)

    @classmethod
    def open(cls, place: Place, *, writable: bool = False) -> ServerEngine:
        """Open a collection that is there; it is always writable."""
        connection, name = connect(place.folder), place.collection
        if not connection.call(lambda client: client.collection_exists(name)):
            raise ForError(f"{connection.where} has no collection {name!r}; run `for-cli index` to rebuild it")
        return cls(connection, place)

    @classmethod
    def publish(cls, folder: Path, collection: str, previous: str | None) -> None:
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
        try:
            with closing(connect(folder)) as connection:
                connection.call(lambda client: client.delete_collection(collection))
        except ForError:
            return False
        return True

    def put(self, records: Sequence[Record]) -> None:
        """Store regions; returns when the server has applied them."""
        for start in range(0, len(records), PAGE):
            page = records[start : start + PAGE]
            stored = [models.PointStruct(id=str(one.id), vector=one.vector, payload=one.payload) for one in page]
            self._connection.call(lambda client, s=stored: client.upsert(self._collection, s, wait=True))  # type: ignore[misc]

    def read(self, image_ids: list[str] | None, *, vectors: bool) -> Iterator[Record]:
        chosen, wanted = None, True if vectors else ["image_id", "hash"]
        if image_ids is not None:
            match = models.MatchAny(any=image_ids)
            chosen = models.Filter(must=[models.FieldCondition(key="image_id", match=match)])
        offset: Any = None
        while True:
            page, offset = self._connection.call(
                lambda client, at=offset: client.scroll(  # type: ignore[misc]
                    self._collection, chosen, PAGE, offset=at, with_payload=wanted, with_vectors=vectors
                )
            )
            yield from map(_record, page)
            if offset is None:
                return

    def fetch(self, ids: list[uuid.UUID]) -> list[Record]:
        names = [str(one) for one in ids]
        found = self._connection.call(lambda client: client.retrieve(self._collection, names, True, True))
        return [_record(one) for one in found]

    def delete(self, ids: list[uuid.UUID]) -> None:
        """Remove the regions with these ids; returns when the server has applied it."""
        selector = models.PointIdsList(points=[str(one) for one in ids])
        self._connection.call(lambda client: client.delete(self._collection, selector, wait=True))

    def search(self, vector: Floats, limit: int) -> list[Region]:
        """The `limit` best regions for `vector` [D], best first; int8 candidates are scored again exactly."""
        check_vector(vector, self.dim)
        rescored = models.QuantizationSearchParams(rescore=True, oversampling=2.0)
        int8 = self._connection.settings.qdrant_quantization == "int8"
        params = models.SearchParams(quantization=rescored) if int8 else models.SearchParams(exact=True)
        found = self._connection.call(
            lambda client: client.query_points(
                self._collection, vector.tolist(), limit=limit, with_payload=True, search_params=params
            )
        )
        return [Region.of(hit.payload or {}, float(hit.score)) for hit in found.points]

    def count(self) -> int:
        return self._connection.call(lambda client: client.count(self._collection, exact=True)).count

    def close(self) -> None:
        """Close the connection; every write was waited for."""
        self._connection.close()


def _record(found: models.Record) -> Record:
    vector = cast("list[float]", found.vector or [])
    return Record(uuid.UUID(str(found.id)), found.payload or {}, vector)
