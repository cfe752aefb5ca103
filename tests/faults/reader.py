"""A process that asks again and again, as a busy service would; run by test_consistency.

python reader.py PROJECT COUNT STOP OUT: one JSON line an answer, or the error. It ends when it has asked COUNT times
and the file STOP is there.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

from for_retrieval.query.answer import answer

QUERIES = ("red car", "dog", "tree", "blue bus", "person", "a bench by the road", "bird", "yellow house")


def ask(root: Path, query: str) -> dict[str, object]:
    """What answered, and a digest of the answer."""
    found = answer(root, query, 10)
    told = json.dumps([[result.image_id, result.box, result.score] for result in found.results])
    return {
        "query": query,
        "generation": found.generation,
        "version": found.version,
        "model": found.model,
        "answer": hashlib.sha256(told.encode()).hexdigest(),
        "results": len(found.results),
    }


def main() -> None:
    """Ask at least `count` times; a failed query is recorded like an answer, so that none is lost."""
    root, count, stop, out = Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]), Path(sys.argv[4])
    with out.open("w", encoding="utf-8") as file:
        number = -1
        while (number := number + 1) < count or not stop.exists():
            try:
                line = ask(root, QUERIES[number % len(QUERIES)])
            except Exception as error:
                line = {"error": f"{type(error).__name__}: {error}"}
            file.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main()
