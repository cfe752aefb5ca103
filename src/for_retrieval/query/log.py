"""The query log: one line per query, and a summary of its last days, which the monitor reads."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from for_retrieval.query.answer import Answer


def log_query(path: Path, answer: Answer, milliseconds: float) -> None:
    """Append a line to `path`. If that is not possible, the query is not logged, but it does not fail."""
    now, results = datetime.now(UTC).isoformat(timespec="milliseconds"), answer.results
    about = {name: getattr(answer, name) for name in ("query", "model", "generation", "version")}
    found = {"best": results[0].score if results else None, "count": len(results), "ms": round(milliseconds, 1)}
    line = json.dumps({"time": now, **about, **found}, ensure_ascii=False)
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        # A single write to a file opened for appending: lines of concurrent processes do not mix.
        with path.open("ab", buffering=0) as file:
            file.write(f"{line}\n".encode())


WINDOW = timedelta(days=7)
SHOWN = 5  # entries of each list


@dataclass(frozen=True)
class Asked:
    """Counts and lists of ``(query, what)``. weak: queries whose best score says that nothing fits."""

    count: int = 0
    weak: int = 0
    median_ms: float = 0.0
    most_asked: list[tuple[str, str]] = field(default_factory=list)
    weakest: list[tuple[str, str]] = field(default_factory=list)
    slowest: list[tuple[str, str]] = field(default_factory=list)

    @property
    def counted(self) -> str:
        """The count in words."""
        return "1 query" if self.count == 1 else f"{self.count} queries"


def read_queries(path: Path, weak_score: float, now: datetime | None = None) -> Asked:
    """Sum up the lines of the last WINDOW before `now`; a line that is no query, or half of one, does not count."""
    from statistics import median  # a query that is logged does not pay for it

    lines = list(_lines(path, (now or datetime.now(UTC)) - WINDOW))
    if not lines:
        return Asked()
    best = {line["query"]: line["best"] or 0.0 for line in lines}  # the last answer counts
    slowest = {line["query"]: line["ms"] for line in sorted(lines, key=lambda line: line["ms"])}
    counts = Counter(line["query"] for line in lines)
    by_score = sorted(best.items(), key=lambda entry: entry[1])
    by_time = sorted(slowest.items(), key=lambda entry: -entry[1])
    return Asked(
        count=len(lines),
        weak=sum((line["best"] or 0.0) < weak_score for line in lines),
        median_ms=median(line["ms"] for line in lines),
        most_asked=[(text, "once" if n == 1 else f"{n} times") for text, n in counts.most_common(SHOWN)],
        weakest=[(text, f"{score:.3f}") for text, score in by_score[:SHOWN] if score < weak_score],
        slowest=[(text, f"{ms:.0f} ms") for text, ms in by_time[:SHOWN]],
    )


def _lines(path: Path, since: datetime) -> Iterator[dict[str, Any]]:
    if not path.exists():
        return
    with path.open(encoding="utf-8", errors="replace") as file:
        for text in file:
            try:
                line = json.loads(text)
                usable = isinstance(line["query"], str) and isinstance(line["ms"], (int, float))
                usable = usable and isinstance(line["best"], (int, float, type(None)))
                if usable and datetime.fromisoformat(line["time"]) >= since:
                    yield line
            except (ValueError, KeyError, TypeError):
                continue
