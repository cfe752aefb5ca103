"""What the project wants to reach, and how far it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

BEST_RUN = "in-100"  # of params.yaml: all labels, and the novel names in the vocabulary
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
AIMS = {
    "photo_scenes": (
        ("names", "base", 100, "in", "best", 20.0),
        ("names", "novel", 100, "in", "best", 3.0),
    ),
    "real_photos": (
        ("names", "base", 100, "in", "best", 6.0),
        ("names", "novel", 100, "in", "best", 3.0),
        ("names", "novel", 100, "held_out", "best", 0.0),
        ("names", "base", 10, "in", "best", 3.0),
        ("names", "novel", 10, "in", "best", 2.0),
    ),
}
MEASURES = {"iou50": "overlaps an object by half", "inside": "has its centre on one"}
# (measure, subset, percent of the boxes)
DRAWN_BOXES = (("iou50", "base", 85.0), ("iou50", "novel", 65.0), ("inside", "base", 95.0), ("inside", "novel", 90.0))
BOX_AIMS = {
    "photo_scenes": (
        ("iou50", "base", 60.0),
        ("iou50", "novel", 45.0),
        ("inside", "base", 85.0),
        ("inside", "novel", 75.0),
    ),
    "real_photos": (
        ("iou50", "base", 25.0),
        ("iou50", "novel", 22.0),
        ("inside", "base", 60.0),
        ("inside", "novel", 58.0),
    ),
}


@dataclass(frozen=True)
class Target:
    """One aim on one set, mean over the seeds.

    FOR minus an opponent in points of mAP@50 r40, or a share of the shown boxes in percent.
    """

    benchmark: str
    what: str
    wanted: float
    found: float

    @property
    def met(self) -> bool:
        """Whether it holds, to a tenth."""
        return round(self.found, 1) >= self.wanted


def targets(rows: Rows, boxes: Rows) -> list[Target]:
    """All that can be judged from the aggregated `rows` and from the `boxes` of reports/benchmark.json."""
    names = dict.fromkeys(row["benchmark"] for row in (*rows, *boxes))
    return [target for name in names for target in (*_of(name, rows), *_of_boxes(name, boxes))]


def _of_boxes(benchmark: str, boxes: Rows) -> Iterator[Target]:
    mine = {row["subset"]: row for row in boxes if (row["benchmark"], row["run"]) == (benchmark, BEST_RUN)}
    for measure, subset, wanted in BOX_AIMS.get(benchmark, DRAWN_BOXES):
        if subset in mine:
            what = f"boxes, {subset}, {BEST_RUN}: {MEASURES[measure]}"
            yield Target(benchmark, what, wanted, mine[subset][measure])


def _of(benchmark: str, rows: Rows) -> Iterator[Target]:
    mine = [row for row in rows if row["benchmark"] == benchmark]
    for queries, subset, fraction, vocabulary, opponent, wanted in AIMS.get(benchmark, DRAWN):
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
