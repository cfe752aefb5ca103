"""From a query to ranked images."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from for_retrieval.errors import UsageError
from for_retrieval.query.parse import language_warning, parse_query

if TYPE_CHECKING:
    from for_retrieval.index.regions import Region

BUNDLE = Path("models/bundle")
INDEX = Path("data/index")


@dataclass(frozen=True)
class Result:
    """One found image. score: cosine of its best region. box: of that region, x, y, w, h in pixels.

    path: of the image, relative to the project.
    """

    rank: int
    score: float
    image_id: str
    path: str
    box: tuple[float, float, float, float]


@dataclass(frozen=True)
class Answer:
    """All results of a query, best first. root: the project folder, which results' paths are relative to."""

    query: str
    model: str
    results: list[Result]
    warnings: list[str]
    root: Path

    def to_json(self) -> str:
        """The query, the model and the results as JSON text."""
        results = [asdict(result) for result in self.results]
        value = {"query": self.query, "model": self.model, "results": results}
        return json.dumps(value, indent=1, ensure_ascii=False)


def answer(
    project_root: Path, query: str, top_k: int, *, bundle: Path | None = None, index: Path | None = None
) -> Answer:
    """Find the `top_k` images that show what `query` names.

    bundle, index: folders other than the project's own.

    Raises:
        UsageError: the query or `top_k` makes no sense.
        ForError: nothing is exported or indexed, files are damaged, or bundle and index are of two models.
    """
    text = parse_query(query)
    if top_k <= 0:
        raise UsageError(f"the number of results must be at least 1, not {top_k} (--top-k)")
    # Imported only now: a query that makes no sense is answered without loading numpy and the engines.
    from for_retrieval.index.search import open_index
    from for_retrieval.query.text import TextTower

    tower = TextTower(bundle or project_root / BUNDLE)
    model = tower.bundle.model
    with open_index(index or project_root / INDEX, expected_model=model) as opened:
        regions = opened.search(tower.embed(text), top_k)
        image_root = opened.manifest.image_root
    results = [_result(rank, region, image_root) for rank, region in enumerate(regions, 1)]
    warning = language_warning(text)
    return Answer(text, model, results, [warning] if warning else [], project_root)


def _result(rank: int, region: Region, image_root: str) -> Result:
    x, y, w, h = (round(side, 1) for side in region.box)
    path = str(PurePosixPath(image_root, region.path))
    return Result(rank, region.score, region.image_id, path, (x, y, w, h))
