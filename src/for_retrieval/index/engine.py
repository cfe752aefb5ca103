"""What the index asks of a vector engine; tests/index/test_engines.py holds every engine to it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from for_retrieval.index.regions import Floats, ImageRegions, Point, Region

Versions = dict[tuple[str, str], int]  # (image id, content hash) -> how many regions are stored


class Engine(Protocol):
    """Stores regions, one point each, and finds the nearest ones.

    Point ids follow from image id and region number, so that writing an image again replaces it.
    """

    def upsert(self, batch: Sequence[ImageRegions]) -> None:
        """Add images, or replace those with the same id."""

    def put(self, points: Sequence[Point]) -> None:
        """The same for single regions, as `points` of another engine gives them."""

    def points(self) -> Iterator[list[Point]]:
        """Everything that is stored, in lists of a few hundred, in no particular order."""

    def delete_images(self, image_ids: Iterable[str]) -> None:
        """Remove all regions of these images."""

    def delete_stale(self, versions: Mapping[str, str]) -> None:
        """Of the images in `versions`, remove the regions whose content hash is not the one given there."""

    def images(self) -> Versions:
        """Which images are stored, in which version, with how many regions."""

    def search(self, vector: Floats, limit: int) -> list[Region]:
        """The `limit` regions with the highest cosine to `vector` [D], best first."""

    def count(self) -> int:
        """How many regions are stored."""

    def close(self) -> None:
        """Let go of files and connections. After writing: everything is on disk when this returns."""
