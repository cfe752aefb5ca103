"""A Qdrant server on loopback: qdrant-client's local mode behind HTTP and one lock, with a record of what was sent.

No server binary is to be had for tests. What a client sees is right as far as local mode is; what it sends is
what a real server would get, and that is kept in `requests` and asserted. `fail` makes the next answers errors.
"""

from __future__ import annotations

import json
import re
import threading
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from qdrant_client import QdrantClient, models


@dataclass(frozen=True)
class Request:
    """One request: method, path, query parameters, body, and headers in lower case."""

    method: str
    path: str
    parameters: dict[str, str]
    body: Any
    headers: dict[str, str]


@dataclass
class QdrantServer:
    """url: where it listens. requests: all that came. fail: (status, seconds to wait) of the next answers."""

    local: QdrantClient = field(default_factory=lambda: QdrantClient(":memory:"))
    requests: list[Request] = field(default_factory=list)
    fail: list[tuple[int, float]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    url: str = ""

    def sent(self, method: str, pattern: str) -> list[Request]:
        """The requests with that method whose path matches."""
        return [r for r in self.requests if r.method == method and re.fullmatch(pattern, r.path)]

    def collections(self) -> list[str]:
        """Names of what is stored."""
        return sorted(entry.name for entry in self.local.get_collections().collections)

    def aliases(self) -> dict[str, str]:
        """Alias -> collection."""
        return {entry.alias_name: entry.collection_name for entry in self.local.get_aliases().aliases}

    def answer(self, request: Request) -> tuple[int, Any]:
        """Status and body."""
        with self.lock, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # local mode says that it ignores shards and the like
            for method, pattern, handle in ROUTES:
                found = re.fullmatch(pattern, request.path)
                if found and method == request.method:
                    try:
                        result = handle(self.local, request, *found.groups())
                    except ValueError as error:
                        return 404, {"status": {"error": str(error)}, "time": 0}
                    return 200, {"result": _plain(result), "status": "ok", "time": 0}
        return 404, {"status": {"error": f"no route for {request.method} {request.path}"}, "time": 0}


def serve(server: QdrantServer) -> Callable[[], None]:
    """Listen on a free port of 127.0.0.1; returns what stops it."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

        def handle_any(self) -> None:
            parts = urlsplit(self.path)
            content = self.rfile.read(int(self.headers.get("content-length", 0)))
            request = Request(
                self.command,
                parts.path,
                {name: values[0] for name, values in parse_qs(parts.query).items()},
                json.loads(content) if content else None,
                {name.lower(): value for name, value in self.headers.items()},
            )
            server.requests.append(request)
            status, seconds = server.fail.pop(0) if server.fail else (0, 0.0)
            time.sleep(seconds)
            failed = {"status": {"error": f"told to fail; the key was {request.headers.get('api-key')}"}, "time": 0}
            status, value = (status, failed) if status else server.answer(request)
            body = json.dumps(value).encode()
            try:
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
            except OSError:
                self.close_connection = True  # the client did not wait

        do_GET = do_PUT = do_POST = do_DELETE = handle_any  # noqa: N815

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    server.url = f"http://127.0.0.1:{http.server_address[1]}"
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()

    def stop() -> None:
        http.shutdown()
        http.server_close()
        thread.join()

    return stop


def _plain(value: Any) -> Any:
    return value.model_dump(mode="json") if hasattr(value, "model_dump") else value


def _create(client: QdrantClient, request: Request, name: str) -> Any:
    body = models.CreateCollection(**request.body)
    return client.create_collection(name, vectors_config=body.vectors)


def _upsert(client: QdrantClient, request: Request, name: str) -> Any:
    return client.upsert(name, [models.PointStruct(**point) for point in request.body["points"]])


def _scroll(client: QdrantClient, request: Request, name: str) -> Any:
    asked = models.ScrollRequest(**request.body)
    page, offset = client.scroll(
        name,
        asked.filter,
        asked.limit or 10,
        offset=asked.offset,
        with_payload=asked.with_payload,
        with_vectors=asked.with_vector,
    )
    return {"points": [_plain(record) for record in page], "next_page_offset": offset}


def _retrieve(client: QdrantClient, request: Request, name: str) -> Any:
    asked = models.PointRequest(**request.body)
    return [_plain(one) for one in client.retrieve(name, asked.ids, asked.with_payload, asked.with_vector)]


def _query(client: QdrantClient, request: Request, name: str) -> Any:
    asked = models.QueryRequest(**request.body)
    return client.query_points(name, asked.query, limit=asked.limit, with_payload=asked.with_payload)


def _delete_points(client: QdrantClient, request: Request, name: str) -> Any:
    by_id = "points" in request.body
    return client.delete(name, (models.PointIdsList if by_id else models.FilterSelector)(**request.body))


def _aliases(client: QdrantClient, request: Request) -> Any:
    return client.update_collection_aliases(models.ChangeAliasesOperation(**request.body).actions)


def _delete_collection(client: QdrantClient, _: Request, name: str) -> Any:
    for alias in client.get_aliases().aliases:  # as a server does
        if alias.collection_name == name:
            gone = models.DeleteAliasOperation(delete_alias=models.DeleteAlias(alias_name=alias.alias_name))
            client.update_collection_aliases([gone])
    return client.delete_collection(name)


NAME = r"/collections/([^/]+)"
ROUTES: list[tuple[str, str, Callable[..., Any]]] = [
    ("POST", "/collections/aliases", _aliases),
    ("GET", f"{NAME}/exists", lambda client, _, name: {"exists": client.collection_exists(name)}),
    ("PUT", NAME, _create),
    ("DELETE", NAME, _delete_collection),
    ("PUT", f"{NAME}/index", lambda *_: {"operation_id": 0, "status": "completed"}),
    ("PUT", f"{NAME}/points", _upsert),
    ("POST", f"{NAME}/points", _retrieve),
    ("POST", f"{NAME}/points/delete", _delete_points),
    ("POST", f"{NAME}/points/scroll", _scroll),
    ("POST", f"{NAME}/points/query", _query),
    ("POST", f"{NAME}/points/count", lambda client, _, name: client.count(name, exact=True)),
]
