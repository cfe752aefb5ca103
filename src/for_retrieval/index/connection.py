"""One connection to a Qdrant server: time limits, another attempt where it helps, errors as sentences."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from qdrant_client import QdrantClient
from qdrant_client.common.client_exceptions import ResourceExhaustedResponse
from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

from for_retrieval.errors import ForError
from for_retrieval.index.attempts import Failure, attempt
from for_retrieval.settings import Settings, find_root, load_settings

CONNECT = 2.0  # seconds; also for the first answer, which is small: a server that hangs is told from a slow one

T = TypeVar("T")


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
            ForError: the server cannot be reached, refuses, or fails after all attempts.
        """
        return attempt(lambda: what(self._client), self._judge, self.settings.qdrant_retries, self.where)

    def close(self) -> None:
        """Let go of the connection."""
        self._client.close()

    def _limit(self, request: Any, send: Callable[[Any], Any]) -> Any:
        limit = float(self.settings.qdrant_timeout)
        read = limit if self._answered else min(limit, CONNECT)
        request.extensions["timeout"] = {"connect": min(limit, CONNECT), "read": read, "write": limit, "pool": limit}
        response = send(request)
        self._answered = True
        return response

    def _judge(self, error: Exception) -> Failure | None:
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


def _message(error: UnexpectedResponse) -> str:
    try:
        return str(error.structured()["status"]["error"])
    except (ValueError, KeyError, TypeError):
        return error.content[:100].decode("utf-8", "replace")


def _shown(url: str) -> str:
    """The URL without what may be a password."""
    return re.sub(r"//[^/@]*@", "//", url)
