"""Search: the best images for a vector, each with its best region."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from for_retrieval.errors import ForError
from for_retrieval.model.where import all_shown
from for_retrieval.release.engines import Box, Engine, Floats, Record, Region, open_engine, point_id
from for_retrieval.release.generation import MANIFEST, REMEDY, Manifest, check_files
from for_retrieval.release.pointer import Entry, read_pointer

DECIMALS = 6  # scores that agree to here are ties: float32 sums differ beyond
REGIONS_PER_IMAGE = 4  # first guess of how many top regions share an image
PATIENCE = 100  # times that the pointer may move while one query opens what it names

T = TypeVar("T")


def search_images(engine: Engine, vector: Floats, top_k: int, n_points: int) -> list[Region]:
    """The `top_k` images with the best region for `vector` [D], best first; fewer where there are fewer.

    Scores are rounded to DECIMALS; ties are broken by image id, within an image by region number.
    """
    limit = min(n_points, top_k * REGIONS_PER_IMAGE)
    while True:
        regions = [replace(region, score=round(region.score, DECIMALS)) for region in engine.search(vector, limit)]
        of_image: dict[str, Region] = {}
        for region in sorted(regions, key=lambda r: (-r.score, r.image_id, r.number)):
            of_image.setdefault(region.image_id, region)
        best = list(of_image.values())[:top_k]
        # Regions beyond the limit can still tie with the last image, unless the scan went below its score.
        enough = len(best) == top_k and regions[-1].score < best[-1].score
        if enough or limit >= n_points:
            return best
        limit = min(n_points, limit * 2)


def _boxes(regions: list[Record], vector: Floats) -> list[Box]:
    boxes, objectness = (np.asarray([r.payload[name] for r in regions], np.float32) for name in ("box", "objectness"))
    cosines = np.asarray([region.vector for region in regions], np.float32) @ vector
    return [tuple(regions[number].payload["box"]) for number in all_shown(cosines, objectness, boxes)]


@dataclass(frozen=True)
class Index(AbstractContextManager["Index"]):
    """An open generation. Use it in a `with` block."""

    engine: Engine
    manifest: Manifest

    def search(self, vector: Floats, top_k: int) -> list[Region]:
        """The `top_k` best images for `vector` [D], as search_images returns them; ForError if it does not fit."""
        return search_images(self.engine, vector, top_k, self.manifest.n_points)

    def locate(self, vector: Floats, images: Sequence[Region]) -> list[list[Box]]:
        """Where in each of these images what `vector` [D] stands for is: boxes x, y, w, h in pixels, the best first."""
        ids = [point_id(image.image_id, number) for image in images for number in range(self.manifest.most)]
        regions: dict[str, list[Record]] = {image.image_id: [] for image in images}
        for record in self.engine.fetch(ids):
            regions[record.payload["image_id"]].append(record)
        return [_boxes(sorted(found, key=lambda r: r.payload["region"]), vector) for found in regions.values()]

    def __exit__(self, *_: object) -> None:
        self.engine.close()


def open_generation(generation: Path) -> Index:
    """Open a generation for search, without a lock; ForError if a file is not as it was, or its server is silent."""
    manifest = check_files(generation)
    return Index(open_engine(generation, manifest), manifest)


def open_live(folder: Path, opener: Callable[[Entry], T]) -> tuple[Entry, T]:
    """What `opener` makes of the live generation.

    Readers take no lock, so the generation may be pruned between reading the pointer and opening it. Then the pointer
    says something else by now, and that is opened instead. Raises ForError: nothing is live, or `opener` fails although
    the pointer still says the same.
    """
    live = read_pointer(folder).live
    for _ in range(PATIENCE):
        try:
            return live, opener(live)
        except (ForError, OSError):
            now = read_pointer(folder).live
            if now == live:
                raise
            live = now
    raise ForError(f"the index in {folder} changed {PATIENCE} times while it was opened; ask again")


def open_entry(folder: Path, live: Entry) -> Index:
    """The same for an entry of the pointer; ForError also if its manifest is not the one that went live."""
    generation = folder / live.generation
    path = generation / MANIFEST
    try:
        found = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        raise ForError(f"the index is damaged: {path} is missing; {REMEDY}") from None
    if found != live.manifest:
        raise ForError(f"the index is damaged: {path} is not the file that was written; {REMEDY}")
    return open_generation(generation)
