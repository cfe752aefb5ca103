"""Search: the best images for a vector, each with its best region."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

from for_retrieval.errors import ForError
from for_retrieval.index.edge import EdgeEngine
from for_retrieval.index.engine import Engine
from for_retrieval.index.generations import current
from for_retrieval.index.manifest import REMEDY, Manifest, check_files
from for_retrieval.index.regions import Floats, Region

DECIMALS = 6  # scores that agree to here are ties: float32 sums differ beyond
REGIONS_PER_IMAGE = 4  # first guess of how many top regions share an image


def search_images(engine: Engine, vector: Floats, top_k: int, n_points: int) -> list[Region]:
    """The `top_k` images with the best region for `vector` [D], best first; fewer where there are fewer.

    Scores are rounded to DECIMALS; ties are broken by image id, within an image by region number.
    """
    limit = min(n_points, top_k * REGIONS_PER_IMAGE)
    while True:
        regions = [_rounded(region) for region in engine.search(vector, limit)]
        best = _best_of_each_image(regions)[:top_k]
        # Regions beyond the limit can still tie with the last image, unless the scan went below its score.
        settled = len(best) == top_k and regions[-1].score < best[-1].score
        if settled or limit >= n_points:
            return best
        limit = min(n_points, limit * 2)


def _rounded(region: Region) -> Region:
    score = round(region.score, DECIMALS)
    return Region(region.image_id, region.path, region.box, score, region.number)


def _best_of_each_image(regions: list[Region]) -> list[Region]:
    best: dict[str, Region] = {}
    for region in sorted(regions, key=lambda r: (-r.score, r.image_id, r.number)):
        best.setdefault(region.image_id, region)
    return list(best.values())


class Index:
    """An open index. Use it in a `with` block."""

    def __init__(self, engine: Engine, manifest: Manifest) -> None:
        self.manifest = manifest
        self._engine = engine

    def search(self, vector: Floats, top_k: int) -> list[Region]:
        """The `top_k` best images for `vector` [D], as search_images returns them.

        Raises:
            ForError: `vector` does not fit the index.
        """
        return search_images(self._engine, vector, top_k, self.manifest.n_points)

    def close(self) -> None:
        """Let go of the files."""
        self._engine.close()

    def __enter__(self) -> Index:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_index(folder: Path, expected_model: str | None = None) -> Index:
    """Open the live index at `folder` for search; takes no lock.

    expected_model: the id of the bundle that embeds the queries; None accepts any.

    Raises:
        ForError: nothing is indexed, the index belongs to another model, or files are missing or truncated.
    """
    generation = current(folder)
    manifest = generation.manifest
    if expected_model is not None and manifest.model != expected_model:
        raise ForError(
            f"the index in {folder} was built by model {manifest.model!r}, "
            f"but the bundle holds model {expected_model!r}; run `for-cli index`"
        )
    check_files(generation.folder, manifest, thorough=False)
    engine = EdgeEngine.open(generation.folder, manifest.dim)
    if (found := engine.count()) != manifest.n_points:
        engine.close()
        expected = f"{found} regions instead of {manifest.n_points}"
        raise ForError(f"the index is damaged: {generation.folder} holds {expected}; {REMEDY}")
    return Index(engine, manifest)
