"""Which engine holds a generation, and how to get at it. Each engine's library is loaded only where it is used."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

from for_retrieval.errors import ForError
from for_retrieval.index.engine import Engine
from for_retrieval.index.manifest import Manifest
from for_retrieval.settings import Settings

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
        from for_retrieval.index.connection import Connection
        from for_retrieval.index.server import ServerEngine

        return ServerEngine.create(Connection(settings), collection, dim)
    from for_retrieval.index.edge import EdgeEngine

    return EdgeEngine.create(generation / FILES, dim)


def open_engine(generation: Path, manifest: Manifest, *, writable: bool = False) -> Engine:
    """The engine of a finished generation; `writable` is for copies of embedded ones.

    Raises:
        ForError: it is missing or damaged, its server does not answer or is not set, or it holds another
            number of regions than the manifest says.
    """
    engine: Engine
    if manifest.engine == SERVER:
        from for_retrieval.index.connection import connect
        from for_retrieval.index.server import ServerEngine

        engine = ServerEngine.open(connect(generation.parent), manifest.collection, manifest.dim)
    else:
        from for_retrieval.index.edge import EdgeEngine

        engine = EdgeEngine.open(generation / FILES, manifest.dim, writable=writable)
    if (found := engine.count()) != manifest.n_points:
        engine.close()
        expected = f"{found} regions instead of {manifest.n_points}"
        raise ForError(f"the index is damaged: {generation} holds {expected}; run `for-cli index` to rebuild it")
    return engine
