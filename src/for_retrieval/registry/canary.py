"""Queries whose answer is known, put to a candidate through its own bundle and index before it may serve."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from for_retrieval.data.records import Records
from for_retrieval.errors import ForError
from for_retrieval.evaluate.queries import ALL, query_sets
from for_retrieval.index.search import open_generation
from for_retrieval.params.lifecycle import Canary
from for_retrieval.query.text import TextTower

MOST_FREQUENT = 5
DEEPER = 10  # times top_k, where only some images are judged


@dataclass(frozen=True)
class Label:
    """name: whether the query is a category's name. right: images that show it. judged: None where all are."""

    name: bool
    right: set[str]
    judged: set[str] | None


@dataclass(frozen=True)
class Asked:
    """One canary. found: right images among the first `of`; both None where no label says what is right."""

    query: str
    found: int | None
    of: int | None
    passed: bool

    def to_json(self) -> dict[str, Any]:
        """For the record."""
        return asdict(self)

    def sentence(self) -> str:
        """``canary "car": 9 of 10 right``."""
        if self.of is None:
            return f'canary "{self.query}": {"answered" if self.passed else "no answer"} (nothing is labelled)'
        return f'canary "{self.query}": {self.found} of {self.of} right'


def ask(
    records: Records, splits: list[str], generation: Path, bundle: Path, rules: Canary, small: float
) -> list[Asked]:
    """Ask the queries of `rules`, or the names that most images of the gallery show, and count what is right.

    Where fewer than ``top_k`` images are right, that many are looked at. Without labels and without queries in
    `rules` nothing is asked.

    Raises:
        ForError: the candidate cannot be opened.
    """
    known = labels(records, splits, small, ("names",) if rules.queries is None else ALL)
    names = sorted(
        (text for text, label in known.items() if label.name), key=lambda text: (-len(known[text].right), text)
    )
    queries = rules.queries if rules.queries is not None else names[:MOST_FREQUENT]
    tower = TextTower(bundle)
    with open_generation(generation) as index:
        if index.manifest.model != tower.bundle.model:
            raise ForError(f"{generation} was built by {index.manifest.model}, its bundle holds {tower.bundle.model}")
        asked = []
        for text in queries:
            label = known.get(text)
            count = rules.top_k * (DEEPER if label and label.judged is not None else 1)
            found = [hit.image_id for hit in index.search(tower.embed(text), count)]
            asked.append(judge(text, found, label, rules))
        return asked


def judge(query: str, answered: list[str], label: Label | None, rules: Canary) -> Asked:
    """Whether an answer, best first, is what the labels call right; images that nobody judged are passed over."""
    if label is None:
        return Asked(query, None, None, bool(answered))
    first = [image for image in answered if label.judged is None or image in label.judged][: rules.top_k]
    of, found = min(rules.top_k, len(label.right)), len(label.right.intersection(first))
    return Asked(query, found, of, found >= rules.precision * of)


def labels(records: Records, splits: list[str], small: float, sets: Collection[str] = ALL) -> dict[str, Label]:
    """What the labels say of every query that some image of the gallery shows."""
    ids = records.images.loc[records.images["split"].isin(splits), "image_id"].tolist()
    found: dict[str, Label] = {}
    for queries in query_sets(records, ids, small, sets):
        for n, text in enumerate(queries.texts):
            judged = None if queries.judged is None else _chosen(ids, queries.judged[:, n])
            found.setdefault(text, Label(queries.name == "names", _chosen(ids, queries.relevant[:, n]), judged))
    return found


def _chosen(ids: list[str], column: NDArray[np.bool_]) -> set[str]:
    return {ids[row] for row in column.nonzero()[0]}
