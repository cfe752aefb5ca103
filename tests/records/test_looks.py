from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from checked import noise
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageEnhance

from for_retrieval.files import file_hash
from for_retrieval.records import workers
from for_retrieval.records.checks import looks
from for_retrieval.records.checks.looks import Look, look_at, look_at_all, near_pairs

Picture = Callable[..., Path]
LIMITS = {"processes": 1, "max_pixels": 100_000, "min_side": 8}


def distance(one: Look, other: Look) -> int:
    """The bits in which two fingerprints differ."""
    return (int(one.fingerprint, 16) ^ int(other.fingerprint, 16)).bit_count()


def hashes(paths: list[Path]) -> list[str]:
    return [file_hash(path) for path in paths]


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    """Three different pictures."""
    found = [tmp_path / f"{seed}.png" for seed in range(3)]
    for seed, path in enumerate(found):
        noise(seed).save(path)
    return found


def decoded(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """A list that grows by each file that is opened from now on."""
    opened: list[Path] = []
    open_image = looks.open_image

    def noted(path: Path, max_pixels: int, min_side: int) -> Image.Image:
        opened.append(path)
        return open_image(path, max_pixels, min_side)

    monkeypatch.setattr(looks, "open_image", noted)
    return opened


def test_brightness_is_luminance() -> None:
    shades = [look_at(Image.new("RGB", (20, 10), colour)).brightness for colour in ("black", "lime", "white")]
    assert shades == [0, pytest.approx(0.587, abs=0.01), 1]


def test_a_picture_of_one_tone_has_no_fingerprint() -> None:
    assert look_at(Image.new("RGB", (20, 10), (9, 80, 3))) == Look(20, 10, pytest.approx(0.197, abs=0.01), "")


def test_a_fingerprint_knows_a_picture_again(tmp_path: Path) -> None:
    picture = noise(1, (180, 160))
    one = look_at(picture)
    assert len(one.fingerprint) == 16
    assert distance(one, look_at(picture.resize((61, 47)))) <= 4
    assert distance(one, look_at(ImageEnhance.Brightness(picture).enhance(0.6))) <= 4
    picture.save(tmp_path / "a.jpg", quality=30)
    assert distance(one, look_at(Image.open(tmp_path / "a.jpg"))) <= 4


def test_fingerprints_of_other_pictures_are_far_away() -> None:
    found = [look_at(noise(seed)) for seed in range(40)]
    assert min(distance(a, b) for a, b in itertools.combinations(found, 2)) > 8


def test_only_new_content_is_decoded(paths: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = tmp_path / "cache"
    first = look_at_all(paths[:2], hashes(paths[:2]), cache, **LIMITS)
    opened = decoded(monkeypatch)
    assert look_at_all(paths[:2], hashes(paths[:2]), cache, **LIMITS) == first
    assert opened == []
    paths[1].rename(tmp_path / "moved.png")
    moved = [paths[0], tmp_path / "moved.png", paths[2]]
    assert look_at_all(moved, hashes(moved), cache, **LIMITS)[:2] == first
    assert opened == [paths[2]]


def test_what_is_wrong_with_a_file_is_told(paths: list[Path], tmp_path: Path) -> None:
    for name, content in (("rubbish.png", b"rubbish"), ("cut.png", paths[0].read_bytes()[:300])):
        (tmp_path / name).write_bytes(content)
    listed = [*paths, tmp_path / "rubbish.png", tmp_path / "cut.png", tmp_path]
    recorded = [*hashes(listed[:5]), "0" * 64]
    paths[1].unlink()
    noise(9).save(paths[2])
    found = look_at_all(listed, recorded, tmp_path / "cache", **LIMITS)
    assert isinstance(found[0], Look)
    reasons = ["missing file", "changed since it was prepared", "not an image of a supported format"]
    assert found[1:4] == reasons
    assert found[4:] == ["truncated file", "cannot be read (Is a directory)"]


def test_a_file_that_changed_after_it_was_known_is_told(paths: list[Path], tmp_path: Path) -> None:
    recorded = hashes(paths)
    look_at_all(paths, recorded, tmp_path / "cache", **LIMITS)
    noise(9).save(paths[1])
    assert look_at_all(paths, recorded, tmp_path / "cache", **LIMITS)[1] == "changed since it was prepared"


def test_a_damaged_cache_is_made_anew(paths: list[Path], tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    first = look_at_all(paths, hashes(paths), cache, **LIMITS)
    (shard,) = (cache / "looks").rglob("*.json")
    whole = shard.read_text()
    for damage in (whole[:50], "[1]", '{"a": [1]}'):
        shard.write_text(damage)
        assert look_at_all(paths, hashes(paths), cache, **LIMITS) == first
        assert shard.read_text() == whole


def test_a_killed_run_keeps_what_it_had(paths: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looks, "_SHARD", 2)
    opened = decoded(monkeypatch)
    work = looks._look

    def dies(item: tuple[Path, str, bool], **limits: int) -> Look | str | None:
        if item[0] == paths[2] and len(opened) == 2:
            raise KeyboardInterrupt
        return work(item, **limits)

    monkeypatch.setattr(looks, "_look", dies)
    with pytest.raises(KeyboardInterrupt):
        look_at_all(paths, hashes(paths), tmp_path / "cache", **LIMITS)
    monkeypatch.setattr(looks, "_look", work)
    opened.clear()
    assert all(isinstance(look, Look) for look in look_at_all(paths, hashes(paths), tmp_path / "cache", **LIMITS))
    assert opened == [paths[2]]


def test_processes_give_the_same_as_one(
    paths: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    paths[1].write_bytes(b"")
    recorded = hashes(paths)
    alone = look_at_all(paths, recorded, tmp_path / "one", **LIMITS)
    monkeypatch.setattr(workers, "_POOL_FROM", 2)
    assert look_at_all(paths, recorded, tmp_path / "two", **{**LIMITS, "processes": 2}) == alone
    assert capsys.readouterr() == ("", "")


# Near pairs


@given(
    values=st.lists(st.integers(0, 2**64 - 1), max_size=8),
    flips=st.lists(st.tuples(st.integers(0, 7), st.sets(st.integers(0, 63), max_size=7)), max_size=12),
    most=st.integers(0, 6),
)
def test_every_image_with_a_near_one_is_found_and_no_other(
    values: list[int], flips: list[tuple[int, set[int]]], most: int
) -> None:
    """Against all distances; of a group of equal ones it is enough that each member is in some pair."""
    for place, bits in flips:
        if place < len(values):
            values.append(values[place] ^ sum(1 << bit for bit in bits))
    pairs = near_pairs(np.array(values, np.uint64), most).tolist()
    near = {
        (a, b) for a, b in itertools.combinations(range(len(values)), 2) if (values[a] ^ values[b]).bit_count() <= most
    }
    assert {tuple(pair) for pair in pairs} <= near
    assert {row for pair in pairs for row in pair} == {row for pair in near for row in pair}


def test_many_equal_fingerprints_take_no_time() -> None:
    """A folder of 50,000 frames of one still scene: compared pair by pair it would take minutes."""
    values = np.full(50_000, 7, np.uint64)
    values[-1] = 6
    pairs = near_pairs(values, 4)
    assert len(np.unique(pairs)) == 50_000
    assert len(pairs) < 200_000


def test_a_changed_hash_function_would_be_noticed() -> None:
    """Fingerprints are kept in the cache: another function needs another version of it."""
    text = "".join(look_at(noise(seed)).fingerprint for seed in range(5))
    assert (looks._VERSION, hashlib.sha256(text.encode()).hexdigest()[:8]) == (1, "59d9c47b")
