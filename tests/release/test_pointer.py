"""The pointer: what serves, what served, what is kept, and that it moves in one step."""

from __future__ import annotations

import json
import threading
import time

import pytest
from filelock import FileLock

from for_retrieval.errors import ForError
from for_retrieval.release.generation import bundle_of, generation_name
from for_retrieval.release.pointer import (
    Decided,
    Moved,
    add_candidate,
    find_pointer,
    go_live,
    read_pointer,
    record_decision,
    release_lock,
    roll_back,
)


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
    return [(entry.generation, entry.version) for entry in read_pointer(folder).entries]


def test_nothing_find_pointer_at_first(tmp_path, made):
    made(3)
    with pytest.raises(ForError, match=r"there is no index yet in .*; run `dvc repro`"):
        read_pointer(tmp_path)
    assert find_pointer(tmp_path) is None


def test_going_live(tmp_path, made):
    name = made(3)
    served = go_live(tmp_path, name, 7, keep=3)
    assert read_pointer(tmp_path).live == served
    assert (served.generation, served.version, served.model, served.dataset) == (name, 7, "model-a", "set")
    assert served.since.endswith("+00:00")
    assert read_pointer(tmp_path).previous == []
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
    serve(7, 1)
    built = made(3)
    add_candidate(tmp_path, built, 1)
    served = [serve(number, 1, keep=1) for number in (4, 5, 6)]
    assert names(tmp_path) == {built, served[-1]}
    assert read_pointer(tmp_path).candidate.generation == built


def test_the_candidate_is_recorded_once(tmp_path, made, serve):
    serve(7, 1)
    add_candidate(tmp_path, made(3), 3)
    before = (tmp_path / "CURRENT").read_bytes()
    add_candidate(tmp_path, made(3), 3)
    assert (tmp_path / "CURRENT").read_bytes() == before
    assert read_pointer(tmp_path).candidate.model == "model-a"


def test_what_was_decided_stays_with_the_pointer(tmp_path, made, serve):
    serve(3, 1)
    decided = Decided("model-b", 2, False, False, ["refused: no better"], "gen-0")
    record_decision(tmp_path, decided)
    serve(4, 1)
    roll_back(tmp_path, champion=False)
    add_candidate(tmp_path, made(5), 3)
    assert read_pointer(tmp_path).decided == decided


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
    with pytest.raises(ForError, match=r"there is no earlier champion of set in .*; it serves gen-\w+$"):
        roll_back(tmp_path, champion=True)
    assert roll_back(tmp_path, champion=False).version is None


def test_nothing_to_go_back_to(tmp_path, made):
    go_live(tmp_path, made(3), 1, keep=3)
    with pytest.raises(ForError, match="there is no earlier generation of set in"):
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


def test_a_rollback_is_instant_and_does_not_wait_for_the_lock(tmp_path, made):
    go_live(tmp_path, made(3), 1, keep=3)
    go_live(tmp_path, made(4), 2, keep=3)
    with release_lock(tmp_path, "retrain"):
        start = time.perf_counter()
        roll_back(tmp_path, champion=True)
        assert time.perf_counter() - start < 0.5
    assert read_pointer(tmp_path).live.version == 1


def test_a_second_writer_is_told_to_wait(tmp_path, made, monkeypatch):
    monkeypatch.setattr("for_retrieval.release.pointer.PATIENCE", 0.05)
    name = made(3)
    with FileLock(tmp_path / ".pointer.lock"), pytest.raises(ForError, match=r"is changing .*; wait until it has"):
        go_live(tmp_path, name, 1, keep=3)
    go_live(tmp_path, name, 1, keep=3)


# Compare and swap


def test_what_was_judged_against_another_one_does_not_go_live(tmp_path, made, serve):
    """A rollback, or a refresh, during the minutes of judging is not overwritten."""
    first, second = serve(3, 1), serve(4, 2)
    judged_against = read_pointer(tmp_path).live
    assert judged_against.generation == second
    roll_back(tmp_path, champion=True)
    before, third = (tmp_path / "CURRENT").read_bytes(), made(5)
    with pytest.raises(Moved) as caught:
        go_live(tmp_path, third, 3, keep=3, over=judged_against)
    assert str(caught.value) == (
        f"{first}, version 1 of set serves now instead of {second}, version 2 of set, so nothing was changed; "
        "run the same again"
    )
    assert (tmp_path / "CURRENT").read_bytes() == before
    assert names(tmp_path) == {first, second, third}
    go_live(tmp_path, third, 3, keep=3, over=read_pointer(tmp_path).live)
    assert history(tmp_path) == [(third, 3), (first, 1), (second, 2)]


def test_of_many_who_want_to_replace_the_same_one_a_single_one_does(tmp_path, made, serve):
    serve(3, 1)
    live, wanted = read_pointer(tmp_path).live, [made(number) for number in range(4, 12)]
    outcomes = []

    def replace_it(name):
        try:
            outcomes.append(go_live(tmp_path, name, 2, keep=99, over=live).generation)
        except (Moved, ForError) as error:
            outcomes.append(type(error))

    threads = [threading.Thread(target=replace_it, args=(name,)) for name in wanted]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (winner,) = (outcome for outcome in outcomes if isinstance(outcome, str))
    assert read_pointer(tmp_path).live.generation == winner
    assert len(outcomes) == len(wanted)


# What the stage `index` does with what it built


def test_the_first_index_serves(tmp_path, made):
    assert add_candidate(tmp_path, made(3), 3) == "it serves now: nothing else did"
    assert history(tmp_path) == [(made(3), None)]
    assert read_pointer(tmp_path).candidate.generation == made(3)
    assert add_candidate(tmp_path, made(3), 3) == ""


def test_what_was_never_promoted_is_replaced(tmp_path, made):
    add_candidate(tmp_path, made(3), 3)
    assert add_candidate(tmp_path, made(4), 3) == f"it serves now: {made(3)} was never promoted"
    assert history(tmp_path) == [(made(4), None), (made(3), None)]


def test_a_champion_goes_on_serving(tmp_path, made):
    go_live(tmp_path, made(3), 5, keep=3)
    new = made(4, model="model-b")
    assert add_candidate(tmp_path, new, 3) == "version 5 goes on serving until `for-cli models promote`"
    assert history(tmp_path) == [(made(3), 5)]
    assert read_pointer(tmp_path).candidate.generation == new
    assert read_pointer(tmp_path).unpromoted
    go_live(tmp_path, new, 6, keep=3)
    assert not read_pointer(tmp_path).unpromoted
    roll_back(tmp_path, champion=True)
    assert not read_pointer(tmp_path).unpromoted  # it was tried


# Sets


def test_a_champion_of_another_set_is_replaced_and_comes_back_with_its_set(tmp_path, made):
    go_live(tmp_path, made(3), 5, keep=3)
    new = made(4, dataset="mine")
    old = "the old one is of another set"
    assert add_candidate(tmp_path, new, 3) == f"it serves now: {old}, set (images in pictures)"
    assert history(tmp_path) == [(new, None), (made(3), 5)]
    go_live(tmp_path, new, 1, keep=3)
    back = made(5)  # params.yaml names the first set again, and its stages have run
    assert add_candidate(tmp_path, back, 3) == f"version 5 serves again: {old}, mine (images in pictures)"
    assert history(tmp_path) == [(made(3), 5), (new, 1)]
    assert read_pointer(tmp_path).candidate.generation == back


@pytest.mark.parametrize("champion", [True, False])
def test_a_rollback_stays_within_the_set(tmp_path, made, champion):
    """Also where both sets have a version of the same number."""
    go_live(tmp_path, made(3), 1, keep=3)
    go_live(tmp_path, made(4), 2, keep=3)
    go_live(tmp_path, made(5, dataset="mine"), 1, keep=3)
    before = (tmp_path / "CURRENT").read_bytes()
    with pytest.raises(ForError) as caught:
        roll_back(tmp_path, champion=champion)
    assert f"there is no earlier {'champion' if champion else 'generation'} of mine in" in str(caught.value)
    assert str(caught.value).endswith(
        f"what served before, {made(4)}, version 2 of set, is of another set, set (images in pictures): "
        "to serve it again, name that set in params.yaml (data) and run `dvc repro`"
    )
    assert (tmp_path / "CURRENT").read_bytes() == before
    go_live(tmp_path, made(6, dataset="mine"), 2, keep=3)
    assert roll_back(tmp_path, champion=champion).generation == made(5, dataset="mine")


def test_two_sets_of_one_name_are_two_sets(tmp_path, build, images, made):
    """Another folder and no common image. One that was moved, or in which all images were replaced, is the same."""
    go_live(tmp_path, made(3), 1, keep=9)
    moved = made(4, image_root="elsewhere")
    assert add_candidate(tmp_path, moved, 9) == "version 1 goes on serving until `for-cli models promote`"
    replaced = generation_name(build(tmp_path, images[10:], live=False).digest)
    assert add_candidate(tmp_path, replaced, 9) == "version 1 goes on serving until `for-cli models promote`"
    other = generation_name(build(tmp_path, images[10:], live=False, image_root="elsewhere").digest)
    assert add_candidate(tmp_path, other, 9) == (
        "it serves now: the old one is of another set, set (images in pictures)"
    )
    go_live(tmp_path, other, 2, keep=9)
    with pytest.raises(ForError, match=r"there is no earlier champion of set in .* is of another set, set"):
        roll_back(tmp_path, champion=True)


def test_the_place_of_unpacked_images_says_nothing_of_their_set(tmp_path, build, images):
    root = "data/prepared/images"
    build(tmp_path, images[:10], version=1, image_root=root)
    other = generation_name(build(tmp_path, images[10:], live=False, image_root=root).digest)
    assert "of another set" in add_candidate(tmp_path, other, 3)


def test_a_pointer_of_an_earlier_version_is_named_and_then_replaced(tmp_path, made):
    name = made(3)
    (tmp_path / "CURRENT").write_text(json.dumps({"generation": name, "manifest": "0", "previous": []}))
    with pytest.raises(ForError, match=r"CURRENT was written by an earlier version of for-cli; run `for-cli index`$"):
        read_pointer(tmp_path)
    add_candidate(tmp_path, name, 3)
    assert history(tmp_path) == [(name, None)]
