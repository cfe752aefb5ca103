"""Search against a plain numpy pass, and opening only what can be trusted."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.conftest import check_live, open_index

from for_retrieval.errors import ForError
from for_retrieval.release.engines import Place
from for_retrieval.release.engines.edge import EdgeEngine
from for_retrieval.release.search import search_images

ROW = st.lists(st.integers(-2, 2), min_size=3, max_size=3).filter(any)  # few values, many ties
IMAGES = st.lists(st.lists(ROW, min_size=1, max_size=6), min_size=1, max_size=8)


def by_hand(images, vector, top_k):
    """(image id, score, region number) of the best images, by one pass over everything."""
    rows = []
    for image in images:
        scores = [round(float(score), 6) for score in image.embeddings @ vector]
        number = max(range(len(scores)), key=lambda k: (scores[k], -k))
        rows.append((image.image_id, scores[number], number))
    return sorted(rows, key=lambda row: (-row[1], row[0]))[:top_k]


class Counting:
    """The real engine, with a note of every limit asked for."""

    def __init__(self, engine):
        self.engine = engine
        self.limits = []

    def search(self, vector, limit):
        self.limits.append(limit)
        return self.engine.search(vector, limit)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=IMAGES, vector=ROW, top_k=st.integers(1, 9), order=st.randoms())
def test_equals_brute_force(tmp_path_factory, make_image, rows, vector, top_k, order):
    images = [make_image(f"i{number}", row) for number, row in enumerate(rows)]
    query = np.array(vector, dtype=np.float32) / np.linalg.norm(vector)
    query = query.astype(np.float32)
    shuffled = order.sample(images, len(images))
    engine = EdgeEngine.create(Place(tmp_path_factory.mktemp("engine"), "", 3))
    try:
        engine.upsert(shuffled)
        found = search_images(engine, query, top_k, sum(map(len, rows)))
    finally:
        engine.close()
    expected = by_hand(images, query, top_k)
    assert [(r.image_id, r.number) for r in found] == [(name, number) for name, _, number in expected]
    assert [r.score for r in found] == pytest.approx([score for _, score, _ in expected], abs=2e-6)


def test_limit_doubles_until_enough_images_are_found(tmp_path, make_image):
    crowd = make_image("crowd", [[1, k / 1000, 0] for k in range(100)])
    others = [make_image(f"other-{k}", [[0, 1, k / 10]]) for k in range(5)]
    engine = EdgeEngine.create(Place(tmp_path, "", 3))
    engine.upsert([*others, crowd])
    counting = Counting(engine)
    vector = np.array([1, 0, 0], dtype=np.float32)
    found = search_images(counting, vector, 3, 105)
    engine.close()
    assert counting.limits == [12, 24, 48, 96, 105]
    assert [r.image_id for r in found] == ["crowd", "other-0", "other-1"]


def test_ties_beyond_the_limit_are_seen(tmp_path, make_image):
    images = [make_image(f"i{number:02}", [[1, 0], [0, 1]]) for number in reversed(range(30))]
    engine = EdgeEngine.create(Place(tmp_path, "", 2))
    engine.upsert(images)
    found = search_images(engine, np.array([1, 0], dtype=np.float32), 2, 60)
    engine.close()
    assert [r.image_id for r in found] == ["i00", "i01"]


def test_more_asked_for_than_there_is(tmp_path, build, images):
    build(tmp_path, images)
    with open_index(tmp_path) as index:
        assert len(index.search(images[0].embeddings[0], 1_000_000)) == 20


def test_no_index_yet(tmp_path):
    with pytest.raises(ForError, match=r"there is no index yet in .*; run `dvc repro`"):
        open_index(tmp_path / "missing")


def test_truncated_and_missing_files(tmp_path, build, images):
    manifest = build(tmp_path, images)
    (generation,) = tmp_path.glob("gen-*")
    largest = generation / max(manifest.files, key=lambda file: file.size).path
    content = largest.read_bytes()
    largest.write_bytes(content[:-1])
    with pytest.raises(ForError, match=f"has {len(content) - 1} bytes instead of {len(content)}; run `for-cli index`"):
        open_index(tmp_path)
    largest.unlink()
    with pytest.raises(ForError, match=f"{largest.name} is missing"):
        open_index(tmp_path)
    largest.write_bytes(content)
    open_index(tmp_path).engine.close()


def test_a_changed_byte_in_the_table_of_ids_is_caught_before_the_engine_sees_it(tmp_path, build, images):
    build(tmp_path, images)
    (path,) = tmp_path.glob("gen-*/engine/segments/*/mutable_id_tracker.mappings")
    content = path.read_bytes()
    path.write_bytes(content[:20] + bytes([content[20] ^ 255]) + content[21:])
    with pytest.raises(ForError, match=r"mutable_id_tracker\.mappings has changed"):
        open_index(tmp_path)


def test_a_damaged_payload_is_an_error_not_a_crash(tmp_path, build, images):
    build(tmp_path, images)
    (path,) = tmp_path.glob("gen-*/engine/segments/*/payload_storage/page_0.dat")
    path.write_bytes(path.read_bytes().replace(b"image_id", b"xxxxx_id"))
    with (
        open_index(tmp_path) as index,
        pytest.raises(ForError, match=r"cannot be searched .*`for-cli index`"),
    ):
        index.search(images[0].embeddings[0], 20)
    with pytest.raises(ForError, match=r"page_0.dat has changed"):
        check_live(tmp_path)


def test_changed_manifest_and_pointer(tmp_path, build, images):
    build(tmp_path, images)
    (path,) = tmp_path.glob("gen-*/manifest.json")
    text = path.read_text()
    path.write_text(text.replace("model-a", "model-b"))
    with pytest.raises(ForError, match=r"manifest.json is not the file that was written"):
        open_index(tmp_path)
    path.unlink()
    with pytest.raises(ForError, match=r"manifest.json is missing"):
        open_index(tmp_path)
    (tmp_path / "CURRENT").write_text(json.dumps({"generation": "gen-1", "manifest": "0", "previous": []}))
    with pytest.raises(ForError, match=r"CURRENT was written by an earlier version of for-cli; run `for-cli index`$"):
        open_index(tmp_path)
    (tmp_path / "CURRENT").write_text(json.dumps({"live": {"generation": "gen-1"}, "previous": []}))
    with pytest.raises(ForError, match="CURRENT is damaged; run `for-cli index`"):
        open_index(tmp_path)
    (tmp_path / "CURRENT").write_text("")
    with pytest.raises(ForError, match="CURRENT is not valid JSON"):
        open_index(tmp_path)


READER = """
import sys
import numpy as np
from pathlib import Path
from for_retrieval.release.search import open_entry, open_live
vector = np.eye(8, dtype=np.float32)[0]
folder = Path(sys.argv[1])
with open_live(folder, lambda live: open_entry(folder, live))[1] as index:
    print("open", flush=True)
    sys.stdin.readline()
    for _ in range(20):
        found = [region.image_id for region in index.search(vector, 3)]
print(*found)
"""


def test_processes_search_together_and_beside_a_build(tmp_path, build, images):
    build(tmp_path, images)
    command = [sys.executable, "-c", READER, str(tmp_path)]
    readers = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert [reader.stdout.readline() for reader in readers] == ["open\n", "open\n"]  # both hold it now
    build(tmp_path, images[:10])
    with open_index(tmp_path) as index:
        assert index.manifest.n_images == 10
    answers = [reader.communicate("go\n", timeout=60)[0] for reader in readers]
    expected = [name for name, _, _ in by_hand(images, np.eye(8, dtype=np.float32)[0], 3)]
    assert answers == [" ".join(expected) + "\n"] * 2


def test_places_are_those_of_all_regions_near_the_best(tmp_path, build, make_image):
    """Also of regions that no search returned; overlapping ones are one place."""
    rows = [[1, 0.0, 0], [1, 0.02, 0], [1, 0.01, 0], [0, 1, 0]]
    image = make_image("one", rows)
    boxes = np.array([[0, 0, 10, 10], [1, 1, 10, 10], [50, 50, 10, 10], [70, 0, 10, 10]], np.float32)
    many = [replace(image, boxes=boxes), make_image("two", [[0, 0, 1.0]])]
    build(tmp_path, many, dim=3)
    with open_index(tmp_path) as index:
        vector = np.array([1, 0, 0], np.float32)
        found = index.search(vector, 2)
        assert [hit.image_id for hit in found] == ["one", "two"]
        first, second = index.locate(vector, found)
        assert first == [(0, 0, 10, 10), (50, 50, 10, 10)]
        assert len(second) == 1
        assert index.locate(vector, []) == []
