"""What every engine must do, held against each entry of ENGINES; servers are behind HTTP."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from for_retrieval.errors import ForError, UsageError
from for_retrieval.release.engines import ENGINES, Engine, Place, engine_class, engine_name, point_id, records_of
from for_retrieval.settings import Settings


@pytest.fixture(params=ENGINES)
def create(request: Any, tmp_path: Any) -> Callable[[str], Engine]:
    """Makes an empty engine for 8 numbers, by name."""
    kind = engine_class(request.param)
    settings = request.getfixturevalue("on_server") if kind.remote else Settings()
    return lambda name: kind.create(Place(tmp_path / name, name, 8, settings))


@pytest.fixture
def engine(create: Callable[[str], Engine]) -> Iterator[Engine]:
    made = create("one")
    yield made
    made.close()


def versions(*images: Any) -> dict[tuple[str, str], int]:
    return {(image.image_id, image.hash): len(image.embeddings) for image in images}


def test_finds_what_was_stored(engine, images):
    engine.upsert(images)
    best, *others = engine.search(images[4].embeddings[2], 60)
    assert (best.image_id, best.path, best.number) == ("image-04", "image-04.png", 2)
    assert best.box == (2, 2, 30, 40)
    assert best.score == pytest.approx(1, abs=1e-6)
    assert [r.score for r in others] == sorted((r.score for r in others), reverse=True)
    assert len({(r.image_id, r.number) for r in (best, *others)}) == engine.count() == 60


def test_scores_are_cosines(engine, images):
    engine.upsert(images)
    vector = images[0].embeddings[1]
    for region in engine.search(vector, 60):
        image = next(image for image in images if image.image_id == region.image_id)
        assert region.score == pytest.approx(float(image.embeddings[region.number] @ vector), abs=1e-5)


def test_same_image_twice_replaces(engine, images):
    engine.upsert(images[:2])
    engine.upsert([replace(images[0], path="moved.png", hash="new"), images[1]])
    assert engine.count() == 6
    assert engine.search(images[0].embeddings[0], 1)[0].path == "moved.png"
    assert engine.images() == versions(replace(images[0], hash="new"), images[1])


def whose(record):
    """The image of a stored region, and its number in it."""
    return record.payload["image_id"], record.payload["region"]


def first(image, count):
    """An image with its first regions only."""
    parts = ("embeddings", "boxes", "objectness")
    return replace(image, **{name: getattr(image, name)[:count] for name in parts})


def test_regions_are_fetched_by_their_ids(engine, images):
    likely = [replace(image, objectness=np.arange(3, dtype=np.float32) - 4) for image in images[:4]]
    engine.upsert(likely)
    wanted = [point_id(name, number) for name in ("image-01", "image-02", "unknown") for number in range(5)]
    found = sorted(engine.fetch(wanted), key=whose)
    assert [whose(r) for r in found] == [(n, k) for n in ("image-01", "image-02") for k in range(3)]
    assert [r.payload["objectness"] for r in found] == [-4, -3, -2] * 2
    assert np.allclose([r.vector for r in found[:3]], likely[1].embeddings, atol=1e-6)
    assert np.allclose([r.payload["box"] for r in found[:3]], likely[1].boxes)
    assert engine.fetch([]) == []


def test_a_new_version_with_fewer_regions(engine, images):
    """Upserted first, the stale regions deleted after: the image is there at every moment."""
    new = replace(first(images[1], 1), hash="new")
    engine.upsert(images[:3])
    engine.upsert([new])
    assert engine.images() == {**versions(*images[:3], new), ("image-01", "hash-image-01"): 2}
    engine.delete_stale({"image-01": "new", "image-02": "hash-image-02"})
    assert engine.images() == versions(images[0], new, images[2])


def test_contents_that_change_places(engine, images):
    """Each one's old hash is the other's new one."""
    one, other = (first(image, 2) for image in images[:2])
    swapped = [replace(one, hash=other.hash), replace(other, hash=one.hash)]
    engine.upsert(images[:2])
    engine.upsert(swapped)
    engine.delete_stale({image.image_id: image.hash for image in swapped})
    assert engine.images() == versions(*swapped)


def test_deleted_images(engine, images):
    engine.upsert(images)
    engine.delete_stale(dict.fromkeys(image.image_id for image in images[5:]))
    assert engine.images() == versions(*images[:5])
    assert {region.image_id for region in engine.search(images[9].embeddings[0], 60)} == {
        image.image_id for image in images[:5]
    }


def test_nothing_to_delete(engine, images):
    engine.upsert(images[:2])
    engine.delete_stale({})
    engine.delete_stale({"unknown": None})
    assert engine.count() == 6


def test_points_carry_an_engine_over(engine, create, images, make_image):
    """More of them than one page holds."""
    rng = np.random.default_rng(1)
    many = [*images, *(make_image(f"x{n}", rng.standard_normal((20, 8))) for n in range(60))]
    engine.upsert(many)
    other = create("two")
    stored = list(engine.read(None, vectors=True))
    other.put(stored)
    assert len(stored) > 1000
    assert other.images() == versions(*many)
    expected = Counter((*whose(r), tuple(r.payload["box"])) for image in many for r in records_of(image))
    assert Counter((*whose(r), tuple(r.payload["box"])) for r in stored) == expected
    vector = images[3].embeddings[0]
    assert [(r.image_id, r.number, r.box) for r in other.search(vector, 9)] == [
        (r.image_id, r.number, r.box) for r in engine.search(vector, 9)
    ]
    other.close()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda i: replace(i, embeddings=i.embeddings * np.nan), "its embeddings hold NaN or infinity"),
        (lambda i: replace(i, embeddings=i.embeddings * 2), "must be L2-normalised, but one has length 2"),
        (lambda i: replace(i, embeddings=i.embeddings[:, :5]), r"shape \(3, 5\), expected \(at least 1, 8\)"),
        (lambda i: replace(i, embeddings=i.embeddings[:0]), r"shape \(0, 8\), expected \(at least 1, 8\)"),
        (lambda i: replace(i, boxes=i.boxes[:2]), "3 embeddings but 2 boxes"),
        (lambda i: replace(i, objectness=i.objectness[:2]), "not one finite number for each of its 3 boxes"),
        (lambda i: replace(i, objectness=i.objectness - np.inf), "not one finite number for each of its 3 boxes"),
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


def test_point_ids_follow_from_image_and_number():
    assert point_id("a", 1) == point_id("a", 1) != point_id("a", 2)


def test_a_finished_engine_is_opened_again(engine, images, tmp_path, request):
    engine.upsert(images)
    engine.close()
    place = Place(tmp_path / "one", "one", 8, request.getfixturevalue("on_server") if engine.remote else None)
    again = type(engine).open(place)
    assert again.images() == versions(*images)
    again.close()


def test_the_engine_is_the_one_that_is_set():
    assert engine_name(Settings()) == "qdrant-edge"
    assert engine_name(Settings(qdrant_url="http://somewhere")) == "qdrant-server"
    assert engine_name(Settings(qdrant_url="http://somewhere", engine="qdrant-edge")) == "qdrant-edge"
    with pytest.raises(UsageError, match="the setting engine is 'qdrant-ege'; did you mean 'qdrant-edge'"):
        engine_name(Settings(engine="qdrant-ege"))
    with pytest.raises(ForError, match="on the engine 'gone', which this version does not have; run `for-cli index`"):
        engine_class("gone")
