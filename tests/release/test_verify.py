"""Verification beside the exact evaluator: a whole index passes, and each kind of damage is told."""

from __future__ import annotations

import shutil
from dataclasses import asdict, replace

import numpy as np
import pytest

from for_retrieval.model.model import Model
from for_retrieval.model.sum_clip import SumClip
from for_retrieval.params import BoxNet, Head
from for_retrieval.params import Model as Settings
from for_retrieval.release import verify
from for_retrieval.release.generation import generation_name, row_of
from for_retrieval.release.refresh import gallery_regions, gallery_rows
from for_retrieval.release.verify import exact_scores, sample_texts, verify_generation
from toy import ToyTower, store_features, toy_records

HEAD = Head(proposals=4, width=32, dropout=0, temperature=0.03, box_net=BoxNet(width=16, blocks=1))
SETTINGS = Settings(
    name="mini-clip", pretrained="embedded", input_size=32, teacher_size=32, prompts=["{}"], batch_size=8, clusters=2,
    pool=2,
)  # fmt: skip


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    """A model, the regions of the test images, and the cache with their features."""
    records, tower, cache = toy_records(test=120), ToyTower(), tmp_path_factory.mktemp("cache")
    model = Model(tower, SumClip(HEAD, tower.layout).eval(), SETTINGS, HEAD)
    store_features(records, model, cache)
    rows = gallery_rows(records, ["test"])
    regions = list(gallery_regions(rows, model, cache))
    return model, records, rows, regions, cache


@pytest.fixture
def report(toy, build, tmp_path):
    """Builds an index of these regions and verifies it against the toy model."""
    model, records, _, _, cache = toy

    def run(regions, bound=0.99):
        manifest = build(tmp_path, regions, dim=model.tower.layout.dim)
        name = generation_name(manifest.digest)
        return verify_generation(tmp_path / name, model, cache, records, bound)

    return run


def test_rows_and_regions_belong_together(toy):
    _, _, rows, regions, _ = toy
    assert [row_of(image) for image in regions] == rows
    assert [row.image_id for row in rows] == [f"test-{n:03}" for n in range(36, 156)]
    assert {image.embeddings.shape for image in regions} == {(8, 64)}


def test_a_whole_index_passes(toy, report):
    found = report(toy[3])
    assert found.ok
    assert (found.images, found.regions, found.queries, found.recall) == (120, 960, 4, 1.0)
    assert asdict(found)["ok"] is True


def test_vectors_of_another_model_are_told(toy, report):
    rng = np.random.default_rng(0)

    def other(image):
        rows = rng.standard_normal(image.embeddings.shape).astype(np.float32)
        return replace(image, embeddings=rows / np.linalg.norm(rows, axis=1, keepdims=True))

    found = report([other(image) for image in toy[3]])
    assert not found.ok
    assert found.recall < 0.5
    assert found.problems[-1].startswith(f"recall of the first 50 images is {found.recall:.4f} against the exact")


def test_a_few_wrong_images_are_enough(toy, report):
    """Their regions changed places: every vector is there, but not where it belongs."""
    regions = list(toy[3])
    shifted = [replace(image, embeddings=regions[k - 3].embeddings) for k, image in enumerate(regions[:20])]
    found = report([*shifted, *regions[20:]])
    assert not found.ok
    assert found.recall < 0.99


def test_the_bound_is_the_callers(toy, report):
    shifted = [replace(toy[3][0], embeddings=toy[3][1].embeddings), *toy[3][1:]]
    assert report(shifted, bound=0.5).ok


def test_sample_texts_are_spread_evenly(toy):
    assert sample_texts(toy[1]) == ["car", "tree", "bus", "dog"]
    many = replace(toy[1].info, base=[f"b{n}" for n in range(100)], novel=[])
    texts = sample_texts(replace(toy[1], info=many))
    assert (len(texts), texts[0], texts[-1]) == (40, "b0", "b97")
    assert len(sample_texts(replace(toy[1], info=replace(many, base=[])))) == 10


def test_only_new_images_are_scored_and_the_result_is_the_same(toy, tmp_path, monkeypatch):
    model, records, rows, _, cache = toy
    own = shutil.copytree(cache, tmp_path / "cache")
    shutil.rmtree(own / "exact", ignore_errors=True)
    scored, texts = [], sample_texts(records)
    plain = verify.head_scores

    def counted(head, features, embeddings):
        scored.append(len(features.dense))
        return plain(head, features, embeddings)

    monkeypatch.setattr(verify, "head_scores", counted)
    whole, vectors = exact_scores(rows, model, tmp_path / "cache", texts)
    (path,) = (own / "exact").iterdir()
    path.unlink()
    exact_scores(rows[:-3], model, own, texts)
    scored.clear()
    again = exact_scores(rows, model, own, texts)
    assert scored == [3]
    assert np.array_equal(again[1], vectors)
    assert np.allclose(again[0], whole, atol=1e-6)
    for call in ({"texts": texts, "anew": True}, {"texts": texts[::-1]}):
        scored.clear()
        exact_scores(rows, model, own, **call)
        assert sum(scored) == len(rows)
    path.write_bytes(path.read_bytes()[:-100])
    scored.clear()
    assert np.allclose(exact_scores(rows, model, own, texts)[0], whole, atol=1e-6)
    assert sum(scored) == len(rows), "a damaged cache is made anew"
