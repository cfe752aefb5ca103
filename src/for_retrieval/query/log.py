"""The query log, one line per query, which the monitor reads."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from for_retrieval.query.answer import Answer


def log_query(path: Path, answer: Answer, milliseconds: float) -> None:
    """Append a line to `path`. If that is not possible, the query is not logged, but it does not fail."""
    line = json.dumps(
        {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "query": answer.query,
            "model": answer.model,
            "generation": answer.generation,
            "version": answer.version,
            "best": answer.results[0].score if answer.results else None,
            "count": len(answer.results),
            "ms": round(milliseconds, 1),
        },
        ensure_ascii=False,
    )
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        # A single write to a file opened for appending: lines of concurrent processes do not mix.
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(descriptor, f"{line}\n".encode())
        finally:
            os.close(descriptor)
