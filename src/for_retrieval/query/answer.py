"""From a query to ranked images."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from for_retrieval.errors import ForError, UsageError
from for_retrieval.query.parse import language_warning, parse_query

if TYPE_CHECKING:
    from for_retrieval.release.engines import Box, Region
    from for_retrieval.release.pointer import Entry

INDEX = Path("data/index")


@dataclass(frozen=True)
class Result:
    """One found image. score: cosine of its best region.

    box: where, as x, y, w, h in pixels. boxes: all places that show what was asked for, `box` first. path: the image
    file, relative to the project.
    """

    rank: int
    score: float
    image_id: str
    path: str
    box: Box
    boxes: list[Box]


@dataclass(frozen=True)
class Answer:
    """All results of a query, best first, and the model and index that answered it.

    model, generation: a model and the index that was built with it. version: the model's version in MLflow; None if it
    was never promoted. root: the project folder, to which the paths of results are relative.
    """

    query: str
    model: str
    generation: str
    version: int | None
    results: list[Result]
    warnings: list[str]
    root: Path

    def to_json(self) -> str:
        """The answer as JSON text, without warnings."""
        value = {key: value for key, value in asdict(self).items() if key not in ("warnings", "root")}
        return json.dumps(value, indent=1, ensure_ascii=False)


def answer(project_root: Path, query: str, top_k: int) -> Answer:
    """Find the `top_k` images that show what `query` names, with the live model and index.

    Raises UsageError: the query or `top_k` is invalid. ForError: nothing is live, files are damaged, or the server of
    the index does not answer.
    """
    text = parse_query(query)
    if top_k <= 0:
        raise UsageError(f"the number of results must be at least 1, not {top_k} (--top-k)")
    # Imported here, so that an invalid query fails before numpy and the engines are loaded.
    from for_retrieval.release.search import open_live

    folder = project_root / INDEX
    # With the search inside: a generation on a server can be pruned between opening and searching it.
    live, (regions, boxes, image_root) = open_live(folder, lambda live: _found(folder, live, text, top_k))
    results = []
    for rank, (found, places) in enumerate(zip(regions, boxes, strict=True), 1):
        rounded: list[Box] = [(round(x, 1), round(y, 1), round(w, 1), round(h, 1)) for x, y, w, h in places]
        path = str(PurePosixPath(image_root, found.path))
        results.append(Result(rank, found.score, found.image_id, path, rounded[0], rounded))
    warning = language_warning(text)
    return Answer(text, live.model, live.generation, live.version, results, [warning] if warning else [], project_root)


def _found(folder: Path, live: Entry, text: str, top_k: int) -> tuple[list[Region], list[list[Box]], str]:
    """The best images in one generation, by its own text tower, the boxes in each, and their root."""
    from for_retrieval.model.text_tower import TextTower
    from for_retrieval.release.generation import bundle_of
    from for_retrieval.release.search import open_entry

    tower = TextTower(bundle_of(folder, live.generation))
    if tower.bundle.model != live.model:
        raise ForError(
            f"the index is damaged: {live.generation} is of model {live.model!r}, but its bundle holds "
            f"{tower.bundle.model!r}; run `for-cli index` to rebuild it"
        )
    with open_entry(folder, live) as index:
        vector = tower.embed(text)
        found = index.search(vector, top_k)
        return found, index.locate(vector, found), index.manifest.image_root
