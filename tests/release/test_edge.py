"""The embedded engine: reading changes nothing, equal content is equal bytes, and deleted regions take no room."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from for_retrieval.errors import ForError
from for_retrieval.release.engines import Place
from for_retrieval.release.engines.edge import EdgeEngine


def place(folder):
    return Place(folder, "", 8)


def test_search_only_means_search_only(tmp_path, images):
    writer = EdgeEngine.create(place(tmp_path))
    writer.upsert(images)
    writer.close()
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    reader = EdgeEngine.open(place(tmp_path))
    with pytest.raises(ForError, match="open for search only"):
        reader.upsert(images)
    reader.search(images[0].embeddings[0], 5)
    reader.close()
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_equal_content_is_equal_bytes(tmp_path, images):
    contents = []
    for name in ("a", "b"):
        writer = EdgeEngine.create(place(tmp_path / name))
        writer.upsert(images)
        writer.close()
        files = [path for path in (tmp_path / name).rglob("*") if path.is_file()]
        contents.append({path.relative_to(tmp_path / name): path.read_bytes() for path in files})
    assert contents[0] == contents[1]


def test_garbage_is_named(tmp_path):
    (tmp_path / "edge_config.json").write_text("{")
    with pytest.raises(ForError, match=r"cannot be opened by qdrant-edge .*; run `for-cli index`$"):
        EdgeEngine.open(place(tmp_path))
    with pytest.raises(ForError, match="does not exist"):
        EdgeEngine.open(place(Path("/nowhere")))


def test_a_copy_can_be_written(tmp_path, images):
    writer = EdgeEngine.create(place(tmp_path / "a"))
    writer.upsert(images)
    writer.close()
    before = {path: path.read_bytes() for path in (tmp_path / "a").rglob("*") if path.is_file()}
    copy = EdgeEngine.open(place(shutil.copytree(tmp_path / "a", tmp_path / "b")), writable=True)
    copy.delete_stale(dict.fromkeys(image.image_id for image in images[5:]))
    copy.upsert([replace(images[0], hash="new")])
    copy.close()
    reader = EdgeEngine.open(place(tmp_path / "b"))
    assert reader.images() == {(i.image_id, "new" if i is images[0] else i.hash): 3 for i in images[:5]}
    reader.close()
    assert {path: path.read_bytes() for path in (tmp_path / "a").rglob("*") if path.is_file()} == before


def test_what_was_deleted_is_compacted_away(tmp_path, make_image):
    rows = np.random.default_rng(0).standard_normal((300, 8, 8))
    writer = EdgeEngine.create(place(tmp_path))
    writer.upsert([make_image(f"i{n:03}", row) for n, row in enumerate(rows)])
    writer.close()
    shutil.copytree(tmp_path / "segments", tmp_path / "before")
    copy = EdgeEngine.open(place(tmp_path), writable=True)
    copy.delete_stale({f"i{n:03}": None for n in range(200)})
    copy.close()
    (before,), (after,) = (
        [*(tmp_path / f).glob("*/vector_storage/vectors/status.dat")] for f in ("before", "segments")
    )
    sizes = [int.from_bytes(path.read_bytes()[:8], "little") for path in (before, after)]
    assert sizes == [2400, 800]


def test_a_disk_that_is_all_but_full_is_told_before_it_kills(tmp_path, images, monkeypatch):
    """Mapped files without blocks behind them end the process; so nothing is written with less than this free."""
    writer = EdgeEngine.create(place(tmp_path / "engine"))
    monkeypatch.setattr("for_retrieval.release.engines.edge.ROOM", 1 << 60)
    with pytest.raises(ForError, match=r"MB of free disk, .* \(No space left on device\); make room"):
        writer.upsert(images)
    assert writer.count() == 0
    writer.close()
