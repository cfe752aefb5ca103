"""The Qdrant server: what is sent to it, what happens when it fails, and the whole life of an index on it."""

from __future__ import annotations

import socket
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.conftest import open_index

from for_retrieval.errors import ForError, TransientError
from for_retrieval.release.build import Earlier
from for_retrieval.release.engines import Place
from for_retrieval.release.engines.server import Connection, Failure, ServerEngine, attempt
from for_retrieval.release.generation import bundle_of, generation_name, row_of
from for_retrieval.release.pointer import go_live, read_pointer, roll_back
from for_retrieval.settings import Settings, load_settings


def engine_with(settings: Settings, **changed: Any) -> ServerEngine:
    return ServerEngine.create(Place(Path("engine"), "set-gen-1", 8, replace(settings, **changed)))


@pytest.fixture
def quick(monkeypatch):
    """Pauses of milliseconds between attempts."""
    monkeypatch.setattr("for_retrieval.release.engines.server.FIRST_PAUSE", 0.002)
    monkeypatch.setattr("for_retrieval.release.engines.server.LONGEST_PAUSE", 0.01)


# What is sent


def test_a_collection_is_made_as_the_settings_say(qdrant, on_server):
    engine_with(on_server, qdrant_shards=3, qdrant_replicas=2, qdrant_quantization="int8", qdrant_on_disk=True).close()
    (made,) = qdrant.sent("PUT", "/collections/set-gen-1")
    assert made.body["vectors"] == {"size": 8, "distance": "Dot", "on_disk": True}
    assert (made.body["shard_number"], made.body["replication_factor"]) == (3, 2)
    assert made.body["quantization_config"] == {"scalar": {"type": "int8", "quantile": 0.99, "always_ram": True}}
    assert made.body["on_disk_payload"] is True
    assert made.body["hnsw_config"] == {"m": 0}
    (index,) = qdrant.sent("PUT", "/collections/set-gen-1/index")
    assert index.body == {"field_name": "image_id", "field_schema": "keyword"}
    assert index.parameters["wait"] == "true"


def test_a_collection_without_extras(qdrant, on_server):
    engine_with(on_server).close()
    (made,) = qdrant.sent("PUT", "/collections/set-gen-1")
    assert made.body["vectors"] == {"size": 8, "distance": "Dot", "on_disk": False}
    assert (made.body["shard_number"], made.body["replication_factor"]) == (1, 1)
    assert made.body.get("quantization_config") is None


def test_every_write_is_waited_for_and_every_request_has_the_key(qdrant, on_server, images):
    engine = engine_with(on_server)
    engine.upsert(images)
    engine.delete_stale({"image-00": None})
    engine.delete_stale({"image-01": "other"})
    engine.close()
    writes = qdrant.sent("PUT", ".*/points") + qdrant.sent("POST", ".*/points/delete")
    assert len(writes) == 3
    assert {request.parameters.get("wait") for request in writes} == {"true"}
    assert {request.headers.get("api-key") for request in qdrant.requests} == {"very-secret"}


def test_without_a_key_none_is_sent(qdrant, on_server):
    engine_with(on_server, qdrant_api_key="").close()
    assert all("api-key" not in request.headers for request in qdrant.requests)


@pytest.mark.parametrize(
    ("quantization", "expected"),
    [("none", {"exact": True}), ("int8", {"quantization": {"rescore": True, "oversampling": 2.0}})],
)
def test_a_search_is_exact_or_scored_again(qdrant, on_server, images, quantization, expected):
    engine = engine_with(on_server, qdrant_quantization=quantization)
    engine.upsert(images)
    engine.search(images[0].embeddings[0], 7)
    engine.close()
    (asked,) = qdrant.sent("POST", ".*/points/query")
    assert (asked.body["limit"], asked.body["with_payload"]) == (7, True)
    params = asked.body["params"]
    for key, value in expected.items():
        assert (params[key].items() >= value.items()) if isinstance(value, dict) else params[key] == value


def test_what_a_killed_build_left_is_replaced(qdrant, on_server, images):
    engine = engine_with(on_server)
    engine.upsert(images)
    engine.close()
    again = engine_with(on_server)
    assert again.count() == 0
    again.close()


# What happens when it fails


@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_busy_server_is_asked_again(qdrant, on_server, images, quick, status):
    engine = engine_with(on_server)
    before = len(qdrant.requests)
    qdrant.fail[:] = [(status, 0), (status, 0)]
    engine.upsert(images)
    assert len(qdrant.requests) - before == 3
    assert engine.count() == 60
    engine.close()


def test_a_slow_answer_is_asked_for_again(qdrant, on_server, images, quick):
    engine = engine_with(on_server, qdrant_timeout=1)
    qdrant.fail[:] = [(500, 1.3)]
    engine.upsert(images[:2])
    assert engine.count() == 6
    engine.close()


@pytest.mark.parametrize(("status", "reason"), [(500, "500 Internal Server Error"), (429, "429 Too Many Requests")])
def test_one_sentence_when_it_stays_busy(qdrant, on_server, quick, status, reason):
    engine = engine_with(on_server)
    qdrant.fail[:] = [(status, 0)] * 9
    with pytest.raises(TransientError) as caught:
        engine.count()
    said = str(caught.value)
    assert f"the Qdrant server at {qdrant.url} failed after 4 attempts ({reason}" in said
    assert "told to fail" in said
    assert "\n" not in said
    assert "very-secret" not in said  # though the server repeated it
    assert len(qdrant.fail) == 5
    engine.close()


def test_a_refusal_is_not_repeated(qdrant, on_server):
    qdrant.fail[:] = [(403, 0)] * 2
    with pytest.raises(ForError, match=r"failed \(403 Forbidden: told to fail; the key was \*\*\*\)") as caught:
        engine_with(on_server)
    assert not isinstance(caught.value, TransientError)
    assert len(qdrant.fail) == 1


def test_no_secret_is_shown(on_server):
    assert "very-secret" not in repr(on_server)
    where = Connection(replace(on_server, qdrant_url="http://me:pass@somewhere:6333/x")).where
    assert where == "the Qdrant server at http://somewhere:6333/x"


def test_nobody_listens(on_server, quick):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(TransientError, match=r"does not answer \(ConnectError.*\); check QDRANT_URL and that"):
            engine_with(on_server, qdrant_url=url)


def test_a_server_that_accepts_and_then_says_nothing_takes_less_than_ten_seconds(on_server):
    with socket.create_server(("127.0.0.1", 0), backlog=16) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        start = time.monotonic()
        with pytest.raises(ForError, match=r"does not answer \(ReadTimeout.*\); check QDRANT_URL"):
            engine_with(on_server, qdrant_url=url)
        assert time.monotonic() - start < 10


@pytest.mark.parametrize("url", ["ftp://somewhere", "http://[bad"])
def test_a_url_that_is_none(on_server, url):
    with pytest.raises(ForError, match="QDRANT_URL is not usable"):
        engine_with(on_server, qdrant_url=url)


def test_a_programming_error_is_not_taken_for_the_server_s():
    def wrong() -> None:
        raise TypeError("a mistake")

    with pytest.raises(TypeError, match="a mistake"):
        attempt(wrong, lambda error: None, 3, "the server")


def test_the_server_may_say_how_long_to_wait():
    calls: list[float] = []

    def busy() -> None:
        calls.append(time.monotonic())
        raise OSError

    with pytest.raises(ForError, match="failed after 2 attempts"):
        attempt(busy, lambda error: Failure("busy", "429", pause=0.4), 1, "the server")
    assert calls[1] - calls[0] >= 0.4


# The life of an index on a server


def test_from_build_to_refresh_and_rollback(qdrant, on_server, tmp_path, build, images):
    folder = tmp_path / "index"
    first = build(folder, images, settings=on_server, version=1)
    name = generation_name(first.digest)
    assert first.collection == f"set-{name}" == qdrant.collections()[0]
    assert qdrant.aliases() == {"live": first.collection}
    with open_index(folder) as index:
        assert index.search(images[3].embeddings[1], 1)[0].image_id == "image-03"
        assert len(index.search(images[0].embeddings[0], 99)) == 20

    now = [replace(images[1], hash="new"), *images[2:], replace(images[0], image_id="image-99", path="99.png")]
    rows = [row_of(image) for image in now]
    earlier = Earlier.of(folder / name, rows, "e")
    wanted = [image for image in now if row_of(image) in [*earlier.new, *earlier.changed]]
    assert len(wanted) == 2
    before = len(qdrant.requests)
    second = build(
        folder, wanted, rows=rows, settings=on_server, version=1, earlier=earlier, bundle=bundle_of(folder, name)
    )
    swaps = [r for r in qdrant.requests[before:] if r.path == "/collections/aliases"]
    assert len(swaps) == 1  # both aliases in one call
    assert qdrant.aliases() == {"live": second.collection, "previous": first.collection}
    with open_index(folder) as index:
        assert index.engine.images() == {(image.image_id, image.hash): 3 for image in now}
    # Copied from the old collection, not sent anew by the builder: only that many points were written.
    written = sum(len(r.body["points"]) for r in qdrant.requests[before:] if r.path.endswith("/points"))
    assert written == 60
    full = build(tmp_path / "full", now, settings=on_server, live=False)
    assert full.digest == second.digest

    assert roll_back(folder, champion=False).generation == name
    assert qdrant.aliases() == {"live": first.collection, "previous": second.collection}


def test_old_collections_go_with_their_generations(qdrant, on_server, tmp_path, build, images):
    folder = tmp_path / "index"
    made = [build(folder, images[:number], settings=on_server, keep=2).collection for number in (3, 4, 5)]
    assert qdrant.collections() == sorted(made[1:])
    assert qdrant.aliases() == {"live": made[2], "previous": made[1]}


def test_a_lost_collection_is_named_and_built_again(qdrant, on_server, tmp_path, build, images):
    folder = tmp_path / "index"
    made = build(folder, images, settings=on_server)
    qdrant.local.delete_collection(made.collection)
    with pytest.raises(ForError, match=r"has no collection 'set-gen-\w+'; run `for-cli index` to rebuild it"):
        open_index(folder)
    build(folder, images, settings=on_server)
    with open_index(folder) as index:
        assert index.engine.count() == 60


def test_a_collection_of_a_killed_build_is_removed(qdrant, on_server, tmp_path, build, images):
    folder = tmp_path / "index"
    (folder / ".building-x").mkdir(parents=True)
    (folder / ".building-x" / "collection").write_text("qdrant-server set-gen-killed")
    ServerEngine.create(Place(folder, "set-gen-killed", 8, on_server)).close()
    made = build(folder, images[:3], settings=on_server)
    assert qdrant.collections() == [made.collection]
    assert not list(folder.glob(".building-*"))


def test_going_live_on_a_silent_server_changes_nothing(qdrant, on_server, tmp_path, build, images, quick):
    folder = tmp_path / "index"
    build(folder, images[:3], settings=on_server, version=1)
    second = build(folder, images[:4], settings=on_server, live=False)
    pointer = (folder / "CURRENT").read_bytes()
    qdrant.fail[:] = [(500, 0)] * 4
    with pytest.raises(ForError, match="failed after 4 attempts"):
        go_live(folder, generation_name(second.digest), 2, keep=3)
    assert (folder / "CURRENT").read_bytes() == pointer
    go_live(folder, generation_name(second.digest), 2, keep=3)
    assert read_pointer(folder).live.version == 2


def test_from_the_embedded_engine_to_a_server_and_back(qdrant, on_server, tmp_path, build, images):
    """Nothing changed but the engine: everything is taken over, nothing is encoded or asked for."""
    folder, vector = tmp_path / "index", images[7].embeddings[0]
    rows = [row_of(image) for image in images]
    here = build(folder, images)
    for settings in (on_server, Settings()):
        generation = folder / read_pointer(folder).live.generation
        earlier = Earlier.of(generation, rows, "e")
        bundle = bundle_of(folder, generation.name)
        moved = build(folder, [], rows=rows, settings=settings, earlier=earlier, bundle=bundle)
        with open_index(folder) as index:
            assert index.search(vector, 3)[0].image_id == "image-07"
            assert index.engine.count() == 60
    assert moved.digest == here.digest


def test_a_server_that_is_no_longer_set(qdrant, on_server, tmp_path, build, images, monkeypatch):
    folder = tmp_path / "index"
    build(folder, images, settings=on_server)
    monkeypatch.delenv("QDRANT_URL")
    assert load_settings(tmp_path).qdrant_url == ""
    with pytest.raises(ForError, match=r"is on a Qdrant server, but none is set; set QDRANT_URL, or run `for-cli"):
        open_index(folder)
    vector = np.ones(8, dtype=np.float32) / np.sqrt(8).astype(np.float32)
    here = build(folder, images)  # what `for-cli index` does then
    with open_index(folder) as index:
        assert len(index.search(vector, 5)) == 5
    assert here.engine == "qdrant-edge"
