"""What the index asks of a vector engine, and which engine holds a generation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Protocol

from for_retrieval.errors import ForError
from for_retrieval.release.manifest import Manifest
from for_retrieval.release.regions import Floats, ImageRegions, Point, Region
from for_retrieval.settings import Settings

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


EDGE, SERVER = "qdrant-edge", "qdrant-server"
FILES = "engine"  # the folder of the embedded engine's files within a generation


def kind_of(settings: Settings) -> str:
    """The engine that new generations are built on."""
    return SERVER if settings.qdrant_url else EDGE


def created_by(kind: str) -> str:
    """Engine and version, for the manifest."""
    package = "qdrant-client" if kind == SERVER else "qdrant-edge-py"
    return f"{kind} {version(package)}"


def create(kind: str, generation: Path, collection: str, dim: int, settings: Settings) -> Engine:
    """An empty engine for a new generation."""
    if kind == SERVER:
        from for_retrieval.release.server import Connection, ServerEngine

        return ServerEngine.create(Connection(settings), collection, dim)
    from for_retrieval.release.edge import EdgeEngine

    return EdgeEngine.create(generation / FILES, dim)


def open_engine(generation: Path, manifest: Manifest, *, writable: bool = False) -> Engine:
    """The engine of a finished generation; `writable` is for copies of embedded ones.

    Raises:
        ForError: it is missing or damaged, its server does not answer or is not set, or it holds another
            number of regions than the manifest says.
    """
    engine: Engine
    if manifest.engine == SERVER:
        from for_retrieval.release.server import ServerEngine, connect

        engine = ServerEngine.open(connect(generation.parent), manifest.collection, manifest.dim)
    else:
        from for_retrieval.release.edge import EdgeEngine

        engine = EdgeEngine.open(generation / FILES, manifest.dim, writable=writable)
    if (found := engine.count()) != manifest.n_points:
        engine.close()
        expected = f"{found} regions instead of {manifest.n_points}"
        raise ForError(f"the index is damaged: {generation} holds {expected}; run `for-cli index` to rebuild it")
    return engine
