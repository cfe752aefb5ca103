"""A small project that answers queries."""

from __future__ import annotations

from pathlib import Path

import pytest
from colours import SCENES, draw, regions, serve, write_bundle


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a bundle and an index of SCENES; read only."""
    root = tmp_path_factory.mktemp("project")
    write_bundle(root / "models/bundle")
    images = []
    for number, (name, colours) in enumerate(SCENES.items()):
        path = f"day/{name}.png" if "/" not in name else f"{number}<script>\n\x1b[31m.png"
        draw(root / "data/pictures" / path, colours)
        images.append(regions(name, path, colours))
    serve(root / "data/index", root / "models/bundle", images)
    return root
