"""Builds: repeatable, all or nothing, one at a time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace

import pytest

from for_retrieval.errors import ForError
from for_retrieval.index.generations import building, current, verify_index
from for_retrieval.index.search import open_index


def snapshot(folder):
    """Inode, time and content of every file: equal only if nothing was rewritten."""
    return {
        path: (path.stat().st_ino, path.stat().st_mtime_ns, path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file()
    }


def generations(folder):
    return sorted(path.name for path in folder.iterdir() if path.name != "CURRENT")


def test_manifest_tells_what_is_inside(tmp_path, build, images):
    mixed = [replace(images[0], split="val"), *images[1:]]
    manifest = build(tmp_path, mixed)
    assert (manifest.n_images, manifest.n_points, manifest.dim) == (20, 60, 8)
    assert (manifest.model, manifest.image_root, manifest.splits) == ("model-a", "pictures", ["test", "val"])
    assert manifest.created_by.startswith("qdrant-edge ")
    assert generations(tmp_path) == [f"gen-{manifest.digest[:12]}"]
    assert verify_index(tmp_path) == manifest


def test_same_content_again_rewrites_nothing(tmp_path, build, images):
    first = build(tmp_path, images)
    before = snapshot(tmp_path)
    assert build(tmp_path, images) == first
    assert snapshot(tmp_path) == before


def test_two_folders_of_the_same_content_are_equal_bytes(tmp_path, build, images):
    for name in ("a", "b"):
        build(tmp_path / name, images)
    files = [path for path in (tmp_path / "a").rglob("*") if path.is_file()]
    assert len(files) > 5
    for path in files:
        assert path.read_bytes() == (tmp_path / "b" / path.relative_to(tmp_path / "a")).read_bytes(), path


def test_any_input_changes_the_generation(tmp_path, build, images):
    names = {
        build(tmp_path, images).digest,
        build(tmp_path, images, model="model-b").digest,
        build(tmp_path, images, image_root="elsewhere").digest,
        build(tmp_path, images[:-1]).digest,
        build(tmp_path, [replace(images[0], hash="new"), *images[1:]]).digest,
        build(tmp_path, [replace(images[0], boxes=images[0].boxes + 1), *images[1:]]).digest,
    }
    assert len(names) == 6


def test_previous_generation_stays_older_ones_go(tmp_path, build, images):
    digests = [build(tmp_path, images[:count]).digest[:12] for count in (5, 6, 7)]
    assert generations(tmp_path) == sorted(f"gen-{digest}" for digest in digests[1:])
    build(tmp_path, images[:6])  # back to the previous one
    assert current(tmp_path).manifest.n_images == 6
    assert generations(tmp_path) == sorted(f"gen-{digest}" for digest in digests[1:])
    build(tmp_path, images[:5], keep=1)
    assert generations(tmp_path) == [f"gen-{digests[0]}"]


def test_rebuilding_repairs(tmp_path, build, images):
    manifest = build(tmp_path, images)
    (generation,) = tmp_path.glob("gen-*")
    damaged = generation / manifest.files[0].path
    content = damaged.read_bytes()
    damaged.write_bytes(bytes([content[0] ^ 1]) + content[1:])
    with pytest.raises(ForError, match=f"content of {damaged} has changed"):
        verify_index(tmp_path)
    build(tmp_path, images)
    assert verify_index(tmp_path) == manifest
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


def test_a_source_that_ends_early_is_noticed(tmp_path, build, images):
    with pytest.raises(ForError, match="21 images were to be indexed, but 20 came"):
        build(tmp_path, images, total=21)


def test_two_builds_at_once(tmp_path, build, images):
    with building(tmp_path), pytest.raises(ForError, match=r"another process is building .*; wait"):
        build(tmp_path, images)
    build(tmp_path, images)


def test_progress_goes_to_stderr(tmp_path, build, images, capsys):
    build(tmp_path, images, progress=True)
    captured = capsys.readouterr()
    assert "Indexing" in captured.err
    assert captured.out == ""


KILLED = """
import sys, time
import numpy as np
from pathlib import Path
from for_retrieval.index.build import build_index
from for_retrieval.index.regions import ImageRegions

def images():
    for number in range(100):
        if number == 80:
            print("under way", flush=True)
            time.sleep(600)
        rows = np.eye(8, dtype=np.float32)[:2]
        yield ImageRegions(f"new-{number}", "p", "h", "test", 9, 9, rows, np.ones((2, 4), np.float32))

build_index(Path(sys.argv[1]), images(), model="model-a", dim=8, image_root="", total=100, progress=False)
"""


def test_kill_in_the_middle_of_a_build(tmp_path, build, images):
    build(tmp_path, images)
    child = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert child.stdout.readline() == "under way\n"
    os.kill(child.pid, signal.SIGKILL)
    child.communicate()
    assert any(name.startswith(".building-") for name in generations(tmp_path))
    with open_index(tmp_path, "model-a") as index:
        assert index.search(images[3].embeddings[0], 1)[0].image_id == "image-03"
    manifest = build(tmp_path, images[:15])
    assert not any(name.startswith(".building-") for name in generations(tmp_path))
    assert verify_index(tmp_path) == manifest


def test_kill_between_the_two_renames(tmp_path, build, images):
    build(tmp_path, images[:5])
    pointer = (tmp_path / "CURRENT").read_bytes()
    build(tmp_path, images)
    (tmp_path / "CURRENT").write_bytes(pointer)  # the new generation is in place, the pointer is not
    with open_index(tmp_path) as index:
        assert index.manifest.n_images == 5
    build(tmp_path, images)
    with open_index(tmp_path) as index:
        assert index.manifest.n_images == 20
