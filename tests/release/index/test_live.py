"""The pointer: what serves, what served, what is kept, and that it moves in one step."""

from __future__ import annotations

import fcntl
import json
import os
import time

import pytest

from for_retrieval.errors import ForError
from for_retrieval.release.manifest import generation_name
from for_retrieval.release.pointer import (
    bundle_of,
    candidate,
    go_live,
    is_live,
    only_builder,
    read_candidate,
    read_live,
    record_candidate,
    roll_back,
    unpromoted,
)
from for_retrieval.release.refresh import settle


@pytest.fixture
def made(tmp_path, build, images):
    """Builds the generation number n, of n images; it does not serve."""

    def make(number, **about):
        return generation_name(build(tmp_path, images[:number], live=False, **about).digest)

    return make


@pytest.fixture
def serve(tmp_path, made):
    """Builds generation n and lets it serve; returns its name. Built one by one, since what nothing refers to goes."""

    def run(number, version=None, keep=3, **about):
        return go_live(tmp_path, made(number, **about), version, keep).generation

    return run


def names(folder):
    return {path.name for path in folder.glob("gen-*")}


def history(folder):
    """(generation, version) of what serves and served."""
    found = read_live(folder)
    return [(entry.generation, entry.version) for entry in (found.live, *found.previous)]


def test_nothing_is_live_at_first(tmp_path, made):
    made(3)
    with pytest.raises(ForError, match=r"there is no index yet in .*; run `dvc repro`"):
        read_live(tmp_path)
    assert is_live(tmp_path) is None
    assert candidate(tmp_path) is None


def test_going_live(tmp_path, made):
    name = made(3)
    served = go_live(tmp_path, name, 7, keep=3)
    assert read_live(tmp_path).live == served
    assert (served.generation, served.version, served.model, served.dataset) == (name, 7, "model-a", "set")
    assert served.since.endswith("+00:00")
    assert read_live(tmp_path).previous == []
    assert bundle_of(tmp_path, name) == tmp_path / name / "bundle"


def test_the_pointer_names_what_served_before_newest_first(tmp_path, serve):
    first, second, third = (serve(number) for number in (3, 4, 5))
    assert history(tmp_path) == [(third, None), (second, None), (first, None)]
    go_live(tmp_path, second, None, keep=3)
    assert history(tmp_path) == [(second, None), (third, None), (first, None)]


def test_going_live_again_changes_nothing(tmp_path, made):
    name = made(3)
    first = go_live(tmp_path, name, 1, keep=3)
    before = (tmp_path / "CURRENT").stat().st_ino
    assert go_live(tmp_path, name, 1, keep=3) == first
    assert (tmp_path / "CURRENT").stat().st_ino == before


def test_one_generation_under_two_versions(tmp_path, made):
    """Promoting what served unpromoted leaves nothing to go back to; a second version of it does."""
    name = made(3)
    for version, expected in ((None, [(name, None)]), (1, [(name, 1)]), (2, [(name, 2), (name, 1)])):
        go_live(tmp_path, name, version, keep=3)
        assert history(tmp_path) == expected
    roll_back(tmp_path, champion=True)
    assert history(tmp_path) == [(name, 1), (name, 2)]


def test_only_what_is_worth_keeping_stays(tmp_path, serve):
    versions = {3: 1, 4: 1, 5: 2, 6: 2, 7: 2}
    made = {number: serve(number, version, keep=2) for number, version in versions.items()}
    # The live one, one before it, and the newest of the champion before.
    assert history(tmp_path) == [(made[7], 2), (made[6], 2), (made[4], 1)]
    assert names(tmp_path) == {made[7], made[6], made[4]}


def test_the_candidate_is_never_pruned(tmp_path, made, serve):
    built = made(3)
    record_candidate(tmp_path, built)
    served = [serve(number, keep=1) for number in (4, 5, 6)]
    assert names(tmp_path) == {built, served[-1]}
    assert candidate(tmp_path) == built


def test_the_candidate_is_noted_once(tmp_path, made):
    record_candidate(tmp_path, made(3))
    before = (tmp_path / "CANDIDATE").read_bytes()
    record_candidate(tmp_path, made(3))
    assert (tmp_path / "CANDIDATE").read_bytes() == before
    assert read_candidate(tmp_path).model == "model-a"


def test_rolling_back_a_generation_and_back_again(tmp_path, serve):
    first, second, third = serve(3, 1), serve(4, 2), serve(5, 2)
    assert roll_back(tmp_path, champion=False).generation == second
    assert history(tmp_path) == [(second, 2), (third, 2), (first, 1)]
    assert roll_back(tmp_path, champion=False).generation == third
    assert history(tmp_path) == [(third, 2), (second, 2), (first, 1)]


def test_rolling_back_the_champion_with_its_index(tmp_path, serve):
    _, refreshed, new, newer = serve(3, 1, keep=2), serve(4, 1, keep=2), serve(5, 2, keep=2), serve(6, 2, keep=2)
    served = roll_back(tmp_path, champion=True)
    assert (served.generation, served.version) == (refreshed, 1)
    assert history(tmp_path) == [(refreshed, 1), (newer, 2), (new, 2)]
    assert roll_back(tmp_path, champion=True).generation == newer


def test_what_was_never_promoted_is_no_champion(tmp_path, made):
    go_live(tmp_path, made(3), None, keep=3)
    go_live(tmp_path, made(4), 1, keep=3)
    with pytest.raises(ForError, match=r"there is no earlier champion in .* to go back to; it serves gen-"):
        roll_back(tmp_path, champion=True)
    assert roll_back(tmp_path, champion=False).version is None


def test_nothing_to_go_back_to(tmp_path, made):
    go_live(tmp_path, made(3), 1, keep=3)
    with pytest.raises(ForError, match="there is no earlier generation in"):
        roll_back(tmp_path, champion=False)


@pytest.mark.parametrize("spoil", ["gone", "cut", "exchanged"])
def test_a_damaged_generation_never_goes_live(tmp_path, serve, spoil):
    bad, _ = serve(4, 1), serve(3, 2)
    pointer = (tmp_path / "CURRENT").read_bytes()
    path = tmp_path / bad / "manifest.json"
    if spoil == "gone":
        path.unlink()
    elif spoil == "cut":
        (tmp_path / bad / "images.jsonl").write_bytes(b"")
    else:
        path.write_text(path.read_text().replace("model-a", "model-b"))
    with pytest.raises(ForError, match=r"the index is damaged|is not what served before"):
        roll_back(tmp_path, champion=True)
    if spoil != "exchanged":
        with pytest.raises(ForError, match="the index is damaged"):
            go_live(tmp_path, bad, 3, keep=3)
    assert (tmp_path / "CURRENT").read_bytes() == pointer


def test_a_rollback_is_instant_and_does_not_wait_for_a_build(tmp_path, made):
    go_live(tmp_path, made(3), 1, keep=3)
    go_live(tmp_path, made(4), 2, keep=3)
    with only_builder(tmp_path):
        start = time.perf_counter()
        roll_back(tmp_path, champion=True)
        assert time.perf_counter() - start < 0.5
    assert read_live(tmp_path).live.version == 1


def test_a_second_writer_is_told_to_wait(tmp_path, made, monkeypatch):
    monkeypatch.setattr("for_retrieval.release.pointer.PATIENCE", 0.05)
    name = made(3)
    holder = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(holder, fcntl.LOCK_EX)
    with pytest.raises(ForError, match=r"another process is changing .*; wait until it has finished"):
        go_live(tmp_path, name, 1, keep=3)
    os.close(holder)
    go_live(tmp_path, name, 1, keep=3)


# What the stage `index` does with what it built


def test_the_first_index_serves(tmp_path, made):
    assert settle(tmp_path, made(3), 3) == "it serves now: nothing else did"
    assert history(tmp_path) == [(made(3), None)]
    assert candidate(tmp_path) == made(3)
    assert settle(tmp_path, made(3), 3) == ""


def test_what_was_never_promoted_is_replaced(tmp_path, made):
    settle(tmp_path, made(3), 3)
    assert settle(tmp_path, made(4), 3) == f"it serves now: {made(3)} was never promoted"
    assert history(tmp_path) == [(made(4), None), (made(3), None)]


def test_a_champion_goes_on_serving(tmp_path, made):
    go_live(tmp_path, made(3), 5, keep=3)
    new = made(4, model="model-b")
    assert settle(tmp_path, new, 3) == "version 5 goes on serving until `for-cli models promote`"
    assert history(tmp_path) == [(made(3), 5)]
    assert candidate(tmp_path) == new
    assert unpromoted(tmp_path, read_live(tmp_path))
    go_live(tmp_path, new, 6, keep=3)
    assert not unpromoted(tmp_path, read_live(tmp_path))
    roll_back(tmp_path, champion=True)
    assert not unpromoted(tmp_path, read_live(tmp_path))  # it was tried


def test_a_champion_of_another_dataset_is_replaced(tmp_path, made):
    go_live(tmp_path, made(3), 5, keep=3)
    new = made(4, dataset="mine")
    assert settle(tmp_path, new, 3) == "it serves now: the old one is of set"
    assert history(tmp_path) == [(new, None), (made(3), 5)]


def test_a_pointer_of_an_earlier_version_is_named_and_then_replaced(tmp_path, made):
    name = made(3)
    (tmp_path / "CURRENT").write_text(json.dumps({"generation": name, "manifest": "0", "previous": []}))
    with pytest.raises(ForError, match=r"CURRENT was written by an earlier version of for-cli; run `for-cli index`$"):
        read_live(tmp_path)
    settle(tmp_path, name, 3)
    assert history(tmp_path) == [(name, None)]
