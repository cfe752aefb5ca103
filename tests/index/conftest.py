"""Small real indexes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest

from for_retrieval.index.build import build_index
from for_retrieval.index.manifest import Manifest
from for_retrieval.index.regions import Floats, ImageRegions

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
def build() -> Build:
    """build_index with what most tests do not care about filled in."""

    def run(folder: Path, images: list[ImageRegions], **changes: object) -> Manifest:
        dim = images[0].embeddings.shape[1] if images else 8
        settings = {
            "model": "model-a",
            "dim": dim,
            "image_root": "pictures",
            "total": len(images),
            "progress": False,
        }
        return build_index(folder, images, **{**settings, **changes})  # type: ignore[arg-type]

    return run
