"""The embedded engine: what it stores, what it refuses, and that reading changes nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from for_retrieval.errors import ForError
from for_retrieval.index.edge import EdgeEngine, point_id


@pytest.fixture
def engine(tmp_path):
    engine = EdgeEngine.create(tmp_path / "engine", 8)
    yield engine
    engine.close()


def test_finds_what_was_stored(engine, images):
    engine.upsert(images)
    (best,) = engine.search(images[4].embeddings[2], 1)
    assert (best.image_id, best.path, best.number) == ("image-04", "image-04.png", 2)
    assert best.box == (2, 2, 30, 40)
    assert best.score == pytest.approx(1, abs=1e-6)
    assert engine.count() == 60


def test_same_image_twice_replaces(engine, images):
    engine.upsert(images[:2])
    engine.upsert(images[:2])
    assert engine.count() == 6
    assert point_id("a", 1) == point_id("a", 1) != point_id("a", 2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda i: replace(i, embeddings=i.embeddings * np.nan), "its embeddings hold NaN or infinity"),
        (lambda i: replace(i, embeddings=i.embeddings * 2), "must be L2-normalised, but one has length 2"),
        (lambda i: replace(i, embeddings=i.embeddings[:, :5]), r"shape \(3, 5\), expected \(at least 1, 8\)"),
        (lambda i: replace(i, embeddings=i.embeddings[:0]), r"shape \(0, 8\), expected \(at least 1, 8\)"),
        (lambda i: replace(i, boxes=i.boxes[:2]), "3 embeddings but 2 boxes"),
        (lambda i: replace(i, boxes=i.boxes + np.inf), "its boxes hold NaN or infinity"),
        (lambda i: replace(i, image_id="b\udce9"), "not valid Unicode; rename the file"),
    ],
)
def test_refuses_what_would_be_lost(engine, images, change, message):
    with pytest.raises(ForError, match=message) as caught:
        engine.upsert([images[0], change(images[1])])
    assert repr(change(images[1]).image_id) in str(caught.value)
    assert engine.count() == 0


def test_refuses_queries_that_do_not_fit(engine, images):
    engine.upsert(images)
    with pytest.raises(ForError, match="has dimension 5, the index 8; run `for-cli index`"):
        engine.search(np.ones(5, dtype=np.float32), 3)
    with pytest.raises(ForError, match="NaN"):
        engine.search(np.full(8, np.nan, dtype=np.float32), 3)


def test_search_only_means_search_only(tmp_path, images):
    writer = EdgeEngine.create(tmp_path, 8)
    writer.upsert(images)
    writer.close()
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    reader = EdgeEngine.open(tmp_path, 8)
    with pytest.raises(ForError, match="open for search only"):
        reader.upsert(images)
    reader.search(images[0].embeddings[0], 5)
    reader.close()
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_equal_content_is_equal_bytes(tmp_path, images):
    contents = []
    for name in ("a", "b"):
        writer = EdgeEngine.create(tmp_path / name, 8)
        writer.upsert(images)
        writer.close()
        files = [path for path in (tmp_path / name).rglob("*") if path.is_file()]
        contents.append({path.relative_to(tmp_path / name): path.read_bytes() for path in files})
    assert contents[0] == contents[1]


def test_garbage_is_named(tmp_path):
    (tmp_path / "edge_config.json").write_text("{")
    with pytest.raises(ForError, match=r"cannot be opened by qdrant-edge .*; run `for-cli index`$"):
        EdgeEngine.open(tmp_path, 8)
    with pytest.raises(ForError, match="does not exist"):
        EdgeEngine.open(Path("/nowhere"), 8)
