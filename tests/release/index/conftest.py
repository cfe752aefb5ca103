"""Small real indexes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from for_retrieval.release.build import Earlier, Plan, build_index
from for_retrieval.release.manifest import About, ImageRow, Manifest, row_of
from for_retrieval.release.pointer import switch
from for_retrieval.release.regions import Floats, ImageRegions
from for_retrieval.settings import Settings, load_settings
from qdrant_server import QdrantServer, serve

Build = Callable[..., Manifest]
MakeImage = Callable[..., ImageRegions]


@pytest.fixture(scope="session")
def make_image() -> MakeImage:
    """An image from rows of numbers, which are normalised here; box x is the region's number."""

    def make(image_id: str, rows: Iterable[Iterable[float]], path: str | None = None) -> ImageRegions:
        embeddings = np.array([list(row) for row in rows], dtype=np.float32)
        embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
        boxes = np.array([[number, 2, 30, 40] for number in range(len(embeddings))], dtype=np.float32)
        path = path or f"{image_id}.png"
        return ImageRegions(image_id, path, f"hash-{image_id}", "test", 100, 80, embeddings, boxes)

    return make


@pytest.fixture(scope="session")
def images(make_image: MakeImage) -> list[ImageRegions]:
    """Twenty images of three random regions, D = 8."""
    rows: Floats = np.random.default_rng(0).standard_normal((20, 3, 8)).astype(np.float32)
    return [make_image(f"image-{number:02}", row) for number, row in enumerate(rows)]


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The least that a bundle holds."""
    folder = tmp_path_factory.mktemp("bundle")
    (folder / "bundle.json").write_text('{"model": "model-a"}')
    (folder / "head.safetensors").write_bytes(b"weights")
    return folder


@pytest.fixture(scope="session")
def build(bundle: Path) -> Build:
    """Build the index of some images, and let it serve unless told otherwise (`version`, `keep`, `live=False`)."""

    def run(
        folder: Path,
        images: list[ImageRegions],
        *,
        rows: list[ImageRow] | None = None,
        settings: Settings = Settings(),  # noqa: B008
        version: int | None = None,
        keep: int = 3,
        live: bool = True,
        bundle: Path = bundle,
        progress: bool = False,
        earlier: Earlier | None = None,
        **about: Any,
    ) -> Manifest:
        shared = {"model": "model-a", "recipe": "r", "dataset": "set", "dim": 8, "image_root": "pictures", **about}
        rows = [row_of(image) for image in images] if rows is None else rows
        plan = Plan(rows, About(**shared), bundle, settings, earlier)
        then = (lambda name: switch(folder, name, version, keep)) if live else None
        return build_index(folder, plan, images, progress=progress, then=then)

    return run


@pytest.fixture
def qdrant() -> Iterator[QdrantServer]:
    """A server on loopback that records what it is asked."""
    server = QdrantServer()
    stop = serve(server)
    yield server
    stop()


@pytest.fixture
def on_server(qdrant: QdrantServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The settings of a project at `tmp_path` whose index is on that server."""
    (tmp_path / "params.yaml").write_text("")
    monkeypatch.setenv("QDRANT_URL", qdrant.url)
    monkeypatch.setenv("QDRANT_API_KEY", "very-secret")
    return load_settings(tmp_path)
