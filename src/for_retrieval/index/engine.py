"""What the index asks of a vector engine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from for_retrieval.index.regions import Floats, ImageRegions, Region


class Engine(Protocol):
    """Stores regions and finds the nearest ones."""

    def upsert(self, batch: Sequence[ImageRegions]) -> None:
        """Add images, or replace those with the same id and number of regions."""

    def search(self, vector: Floats, limit: int) -> list[Region]:
        """The `limit` regions with the highest cosine to `vector` [D], best first; exact."""

    def count(self) -> int:
        """How many regions are stored."""

    def close(self) -> None:
        """Let go of the files. After writing: everything is on disk when this returns."""
