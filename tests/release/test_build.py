"""Builds: repeatable, all or nothing, one at a time."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from tests.conftest import check_live

from for_retrieval.errors import ForError
from for_retrieval.release.build import Earlier
from for_retrieval.release.generation import generation_name, row_of


def snapshot(folder):
    """Inode, time and content of every file: equal only if nothing was rewritten."""
    return {
        path: (path.stat().st_ino, path.stat().st_mtime_ns, path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file()
    }


def generations(folder):
    return sorted(path.name for path in folder.iterdir() if path.name not in ("CURRENT", ".pointer.lock"))


def test_manifest_tells_what_is_inside(tmp_path, build, images):
    mixed = [replace(images[0], split="val"), *images[1:]]
    manifest = build(tmp_path, mixed)
    assert (manifest.n_images, manifest.n_points, manifest.most, manifest.dim) == (20, 60, 3, 8)
    assert (manifest.model, manifest.image_root, manifest.splits) == ("model-a", "pictures", ["test", "val"])
    assert (manifest.dataset, manifest.engine, manifest.collection) == ("set", "qdrant-edge", "")
    assert manifest.created_by.startswith("qdrant-edge ")
    assert generations(tmp_path) == [f"gen-{manifest.digest[:12]}"]
    assert check_live(tmp_path) == manifest


def test_same_content_again_rewrites_nothing(tmp_path, build, images):
    first = build(tmp_path, images)
    before = snapshot(tmp_path)
    assert build(tmp_path, images) == first
    assert snapshot(tmp_path) == before


def test_two_folders_of_the_same_content_are_equal_bytes(tmp_path, build, images):
    for name in ("a", "b"):
        build(tmp_path / name, images)
    files = [path for path in (tmp_path / "a").glob("gen-*/**/*") if path.is_file()]  # CURRENT has a time
    assert len(files) > 5
    for path in files:
        assert path.read_bytes() == (tmp_path / "b" / path.relative_to(tmp_path / "a")).read_bytes(), path


def test_any_input_changes_the_generation(tmp_path, build, images, bundle):
    other = shutil.copytree(bundle, tmp_path / "bundle")
    (other / "metrics.json").write_text("{}")
    names = {
        build(tmp_path, images).digest,
        build(tmp_path, images, model="model-b").digest,
        build(tmp_path, images, encoder="s").digest,
        build(tmp_path, images, image_root="elsewhere").digest,
        build(tmp_path, images, dataset="another").digest,
        build(tmp_path, images[:-1]).digest,
        build(tmp_path, [replace(images[0], hash="new"), *images[1:]]).digest,
        build(tmp_path, [replace(images[0], path="new"), *images[1:]]).digest,
        build(tmp_path, [replace(images[0], split="val"), *images[1:]]).digest,
        build(tmp_path, [replace(images[0], width=7), *images[1:]]).digest,
        build(tmp_path, images, bundle=other).digest,
    }
    assert len(names) == 11


def test_the_generation_does_not_depend_on_order_or_last_bits(tmp_path, build, images):
    blurred = replace(images[0], embeddings=images[0].embeddings * np.float32(1.0000005))
    first = build(tmp_path / "a", images)
    assert build(tmp_path / "b", [*images[1:], blurred]).digest == first.digest


def test_a_generation_brings_its_bundle_and_its_table(tmp_path, build, images, bundle):
    build(tmp_path, images)
    (generation,) = tmp_path.glob("gen-*")
    for path in bundle.iterdir():
        assert (generation / "bundle" / path.name).read_bytes() == path.read_bytes()
        assert (generation / "bundle" / path.name).stat().st_ino != path.stat().st_ino  # a copy of its own
    rows = [json.loads(line) for line in (generation / "images.jsonl").read_text().splitlines()]
    assert [row["image_id"] for row in rows] == [image.image_id for image in images]
    assert list(rows[0]) == ["image_id", "path", "hash", "split", "width", "height", "regions", "digest"]
    assert {row["regions"] for row in rows} == {3}


def test_rebuilding_repairs(tmp_path, build, images):
    manifest = build(tmp_path, images)
    (generation,) = tmp_path.glob("gen-*")
    damaged = generation / manifest.files[0].path
    content = damaged.read_bytes()
    damaged.write_bytes(bytes([content[0] ^ 1]) + content[1:])
    with pytest.raises(ForError, match=f"content of {damaged} has changed"):
        check_live(tmp_path)
    build(tmp_path, images)
    assert check_live(tmp_path) == manifest
    assert generations(tmp_path) == [generation.name]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda images: [*images[:5], images[0]], "image id 'image-00' comes twice, again as 'image-00.png'"),
        (lambda images: [replace(images[0], embeddings=images[0].embeddings * 3)], "must be L2-normalised"),
        (lambda images: [], "there are no images to index"),
    ],
)
def test_refused_builds_leave_the_old_index(tmp_path, build, images, change, message):
    build(tmp_path, images)
    before = snapshot(tmp_path)
    with pytest.raises(ForError, match=message):
        build(tmp_path, change(images))
    assert snapshot(tmp_path) == before


def test_a_source_that_ends_early_or_brings_another_image_is_noticed(tmp_path, build, images):
    rows = [row_of(image) for image in images]
    with pytest.raises(ForError, match="20 images were to be indexed, but 19 came; the old index stays"):
        build(tmp_path, images[:-1], rows=rows)
    with pytest.raises(ForError, match=r"image 'image-19' at 'image-19.png' was not to be indexed"):
        build(tmp_path, images, rows=rows[:-1])
    with pytest.raises(ForError, match=r"image 'image-00' at 'image-00.png' was not to be indexed"):
        build(tmp_path, [images[0], *images], rows=rows)


def test_progress_goes_to_stderr(tmp_path, build, images, capsys):
    build(tmp_path, images, progress=True)
    captured = capsys.readouterr()
    assert "Indexing" in captured.err
    assert captured.out == ""


def test_no_bundle_no_index(tmp_path, build, images):
    with pytest.raises(ForError, match=r"bundle.json does not exist; run `dvc repro export`"):
        build(tmp_path, images, bundle=tmp_path / "nowhere")
    assert not list(tmp_path.glob("gen-*"))


def test_what_a_reader_is_about_to_rename_is_not_taken_over(tmp_path, build, images):
    """Opening the live engine writes its settings anew, by way of a hidden file that may be gone in a moment."""
    first = tmp_path / generation_name(build(tmp_path, images).digest)
    (first / "engine" / ".atomicwriteXYZ").symlink_to(tmp_path / "gone")
    rows = [row_of(image) for image in images[1:]]
    earlier = Earlier.of(first, rows, "e")
    manifest = build(tmp_path, [], rows=rows, earlier=earlier)
    assert manifest.n_images == len(images) - 1
    assert not list((tmp_path / generation_name(manifest.digest) / "engine").glob(".*"))


def test_a_full_disk_is_a_sentence(tmp_path, build, images):
    first = tmp_path / generation_name(build(tmp_path, images).digest)
    rows = [row_of(image) for image in images[1:]]
    earlier = Earlier.of(first, rows, "e")
    (first / "engine" / "unreadable").symlink_to(tmp_path / "gone")  # fails as a full disk does: inside copytree
    with pytest.raises(ForError, match=r"cannot be written \(.*No such file.*\); make room, then run the same again$"):
        build(tmp_path, [], rows=rows, earlier=earlier)
    assert not list(tmp_path.glob(".building-*"))
