"""What the project wants to reach, and how far it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

TRAINING_FREE = ("clip", "dense-clip", "cluster-clip", "ensemble")
Rows = list[dict[str, Any]]
# (set of queries, subset, label fraction, vocabulary, opponent, points of mAP@50 r40)
DRAWN = (
    ("names", "base", 100, "in", "cluster-clip", 16.0),
    ("names", "novel", 100, "in", "cluster-clip", 12.0),
    ("names", "base", 100, "in", "best", 8.0),
    ("names", "novel", 100, "in", "best", 4.0),
    ("names", "novel", 100, "held_out", "cluster-clip", 4.0),
    ("names", "base", 1, "in", "cluster-clip", 8.0),
    ("names", "novel", 1, "in", "cluster-clip", 8.0),
    ("synonyms", "all", 100, "in", "cluster-clip", 10.0),
)
PHOTOS = (
    ("names", "base", 100, "in", "best", 20.0),
    ("names", "novel", 100, "in", "best", 3.0),
    ("names", "novel", 5, "in", "best", 0.0),
)


@dataclass(frozen=True)
class Target:
    """One aim on one set: FOR minus an opponent, in points of mAP@50 r40, mean over the seeds."""

    benchmark: str
    what: str
    wanted: float
    found: float

    @property
    def met(self) -> bool:
        """Whether it holds, to a tenth."""
        return round(self.found, 1) >= self.wanted


def targets(rows: Rows) -> list[Target]:
    """All that can be judged from the aggregated `rows` of reports/benchmark.json."""
    return [target for name in dict.fromkeys(row["benchmark"] for row in rows) for target in _of(name, rows)]


def _of(benchmark: str, rows: Rows) -> Iterator[Target]:
    mine = [row for row in rows if row["benchmark"] == benchmark]
    for queries, subset, fraction, vocabulary, opponent, wanted in PHOTOS if benchmark == "photos" else DRAWN:
        part = [row for row in mine if (row["query_set"], row["subset"]) == (queries, subset)]
        ours = _score([row for row in part if _is_for(row, fraction, vocabulary)])
        others = TRAINING_FREE if opponent == "best" else (opponent,)
        theirs = _score([row for row in part if row["method"] in others])
        if ours is not None and theirs is not None:
            against = "the best training-free baseline" if opponent == "best" else "Cluster-CLIP"
            held = ", names held out of the vocabulary" if vocabulary == "held_out" else ""
            what = f"{queries}, {subset}, {fraction} % of the labels{held}, over {against}"
            yield Target(benchmark, what, wanted, ours - theirs)


def _is_for(row: dict[str, Any], fraction: float, vocabulary: str) -> bool:
    return (row["method"], row["label_fraction"], row["vocabulary"]) == ("for", fraction, vocabulary)


def _score(rows: Rows) -> float | None:
    """The best mean mAP@50 r40 among `rows`; None where there are none."""
    return max((row["mean"]["map50_r40"] for row in rows), default=None)
