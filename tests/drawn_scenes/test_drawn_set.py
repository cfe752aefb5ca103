"""The three drawn sets: what they hold, how often each kind appears, and that the first has not changed."""

from __future__ import annotations

import hashlib
import json
import random
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from drawn_scenes import compose as composing
from drawn_scenes.backdrops import BACKDROPS
from drawn_scenes.catalog import KINDS, Kind
from drawn_scenes.coco import SETS, drawn_set
from drawn_scenes.drawn_set import (
    MAX_OBJECTS,
    Placed,
    geometric,
    kinds_of,
    not_empty,
    power_law,
    spread,
)
from drawn_scenes.longtail import PARENTS
from drawn_scenes.pen import COLOURS

NAMES = tuple(SETS)
PLACED = ("everyday", "longtail")
# What seed 0 drew before there was more than one set: pixels before they became JPEG, and objects.
STREETS = "df97b99e6ece8cb9fbd5c730944bb9090bfc664eb5500318143672f96b9aba78"


# What is in them


@pytest.mark.parametrize(("name", "kinds", "novel"), [("driving", 77, 17), ("everyday", 65, 17), ("longtail", 155, 45)])
def test_counts(name: str, kinds: int, novel: int) -> None:
    made = drawn_set(name)
    assert (len(made.kinds), len(made.novel), len(set(made.novel))) == (kinds, novel, novel)
    assert set(made.novel) < set(made.kinds)
    assert list(made.kinds) == list(made.chances)


@pytest.mark.parametrize("name", NAMES)
def test_novel_kinds_are_spread_as_the_set_says(name: str) -> None:
    """From common to rare; in longtail they are the rare ones."""
    ranks = sorted(list(drawn_set(name).kinds).index(novel) for novel in drawn_set(name).novel)
    if name == "longtail":
        assert ranks == list(range(110, 155))
        return
    third = len(drawn_set(name).kinds) / 3
    assert all(sum(low <= rank < low + third for rank in ranks) >= 4 for low in (0, third, 2 * third))


@pytest.mark.parametrize("name", NAMES)
def test_words_mean_one_kind(name: str) -> None:
    kinds = drawn_set(name).kinds
    assert [kind.name for kind in kinds.values() if not kind.synonyms or not kind.hypernyms] == []
    words = Counter(word for kind in kinds.values() for word in {kind.name, *kind.synonyms})
    assert [word for word, count in words.items() if count > 1] == []
    assert [word for word in words if word != word.strip().lower()] == []
    assert {word for kind in kinds.values() for word in kind.hypernyms}.isdisjoint(words)


@pytest.mark.parametrize(
    ("parent", "children"),
    [
        (
            "truck",
            {"pickup truck", "fire truck", "garbage truck", "cement mixer", "dump truck", "tank truck", "box truck"},
        ),
        ("bus", {"city bus", "coach", "double-decker bus", "school bus"}),
        ("tree", {"oak tree", "apple tree", "birch tree", "pine tree", "palm tree"}),
        ("boat", {"sailboat", "rowing boat", "motorboat"}),
        ("person", {"pedestrian", "police officer", "chef", "firefighter", "construction worker"}),
    ],
)
def test_sub_kinds_stand_for_their_parent(parent: str, children: set[str]) -> None:
    kinds = drawn_set("longtail").kinds
    assert parent not in kinds
    assert {kind.name for kind in kinds.values() if parent in kind.hypernyms} == children


def test_what_one_set_adds_to_a_kind_is_not_in_another() -> None:
    assert drawn_set("longtail").kinds["pine tree"].hypernyms == ("tree", *KINDS["pine tree"].hypernyms)
    assert drawn_set("driving").kinds["pine tree"] is KINDS["pine tree"]
    assert set(PARENTS) < set(drawn_set("longtail").kinds)
    assert "floor" in drawn_set("everyday").kinds["cat"].places
    assert "floor" not in KINDS["cat"].places


# How often


def test_chances_fall_geometrically_or_as_a_power_of_the_rank() -> None:
    names = ["a", "b", "c", "d"]
    assert list(geometric(names, 0.8, 0.1).values()) == pytest.approx([0.8, 0.4, 0.2, 0.1])
    assert list(power_law(names, 0.4, 0.1).values()) == pytest.approx([0.4, 0.2, 0.4 / 3, 0.1])


def test_the_long_tail_is_a_power_law() -> None:
    """A line in logarithms of rank and chance; the common tenth is in more scenes than the rare half."""
    chances = np.array(list(drawn_set("longtail").chances.values()))
    ranks = np.log(np.arange(1, len(chances) + 1))
    slope, offset = np.polyfit(ranks, np.log(chances), 1)
    assert -1.0 < slope < -0.5
    assert np.log(chances) == pytest.approx(slope * ranks + offset)
    assert chances[:15].sum() > chances[77:].sum()


@pytest.mark.parametrize("name", PLACED)
def test_chances_are_rare_enough(name: str) -> None:
    chances = list(drawn_set(name).chances.values())
    assert all(a > b for a, b in pairwise(chances))
    assert 0.003 <= chances[-1] < 0.01
    assert np.mean([chance <= 0.08 for chance in chances]) > 0.8
    assert max(chances) <= 0.16


@pytest.mark.parametrize("name", PLACED)
def test_kinds_come_as_often_as_their_chance(name: str) -> None:
    """4,000 draws: each kind within five standard deviations, and all together within 3 %."""
    made, rng, count = drawn_set(name), random.Random(0), 4000
    assert isinstance(made.draw, Placed)
    shown = [{kind.name for kind in made.draw.choose(rng)[1]} for _ in range(count)]
    found = Counter(kind for names in shown for kind in names)
    for kind, chance in made.chances.items():
        assert found[kind] == pytest.approx(count * chance, abs=5 * (count * chance) ** 0.5), kind
    assert sum(found.values()) == pytest.approx(count * sum(made.chances.values()), rel=0.03)
    assert all(names for names in shown)
    assert max(map(len, shown)) <= MAX_OBJECTS


@pytest.mark.parametrize("name", PLACED)
def test_every_kind_has_a_place_wherever_it_is_asked_for(name: str) -> None:
    made, rng = drawn_set(name), random.Random(1)
    assert isinstance(made.draw, Placed)
    for place, local in made.draw.within.items():
        assert all(0 < chance < 0.65 for chance in local.values())
        for _ in range(5):
            _, layout = BACKDROPS[place].draw(32, rng)
            zones = {band.place for band in layout.bands} | (set() if BACKDROPS[place].indoors else {"sky"})
            assert all(zones & set(made.kinds[kind].places) for kind in local), place


def test_spread_keeps_the_mean_and_fills_the_places() -> None:
    chances, fits = {"a": 0.5, "b": 0.5, "c": 0.2}, {"a": ["x", "y"], "b": ["x", "y"], "c": ["x"]}
    within = spread(chances, fits, {"x": 0.5, "y": 0.5})
    for kind, chance in chances.items():
        assert 0.5 * (within["x"].get(kind, 0) + within["y"].get(kind, 0)) == pytest.approx(chance)
    assert sum(within["x"].values()) == pytest.approx(sum(within["y"].values()), rel=0.01)


def test_redrawing_empty_scenes_is_made_up_for() -> None:
    chances = [0.5, 0.4, 0.4]
    factor = not_empty(chances)
    assert factor == pytest.approx(1 - np.prod([1 - factor * chance for chance in chances]))
    with pytest.raises(ValueError, match=r"a sort of place shows too little: its chances add up to 0\.50"):
        not_empty([0.3, 0.2])


# Pictures


@pytest.mark.parametrize("name", sorted(BACKDROPS))
def test_backdrops_are_full_and_repeatable(name: str) -> None:
    first, again = (BACKDROPS[name].draw(48, random.Random(7)) for _ in range(2))
    assert first[0].size == (48, 48)
    assert first[0].tobytes() == again[0].tobytes()
    layout = first[1]
    below = [band for band in layout.bands if band.place != "wall"]
    assert below[0].top == layout.horizon
    assert below[-1].bottom == pytest.approx(1)
    assert all(a.bottom == b.top for a, b in pairwise(below))
    assert BACKDROPS[name].draw(48, random.Random(8))[0].tobytes() != first[0].tobytes()


MAGENTA = (255, 0, 255)


@pytest.mark.parametrize("place", ["sky", "floor", "wall", "counter", "table", "sand", "snow", "water", "road"])
def test_things_stand_where_they_belong(monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    """Its foot is in a band of its place, and its box is its pixels."""
    monkeypatch.setattr(composing, "_light", lambda image, rng: image)
    block = Kind(
        "block", lambda pen, c, r: pen.rect(0, 0, pen.w, 100, MAGENTA), (), (), (), (place,), (0.3, 0.3), (1, 1), True
    )
    for backdrop in (b for b in BACKDROPS.values() if place in b.places):
        for seed in range(4):
            rng = random.Random(seed)
            image, layout = backdrop.draw(96, rng)
            picture, (found,) = composing.arrange(image, layout, [block], rng, backdrop.style)
            ys, xs = np.nonzero((np.abs(np.asarray(picture, int) - MAGENTA)).sum(2) < 60)
            assert (found.x, found.y) == pytest.approx((xs.min(), ys.min()), abs=1)
            assert (found.x + found.w, found.y + found.h) == pytest.approx((xs.max() + 1, ys.max() + 1), abs=1)
            foot = (found.y + found.h) / 96
            bands = [b for b in layout.bands if b.place == place] or [composing.Band("sky", 0, layout.horizon)]
            assert any(band.top - 0.02 <= foot <= band.bottom + 0.03 for band in bands), (backdrop.name, foot)


@pytest.mark.parametrize(
    "name", sorted(set().union(*(drawn_set(n).kinds for n in NAMES)) - set(drawn_set("driving").kinds))
)
def test_new_kinds_stay_inside_their_sprite_and_fill_it(name: str) -> None:
    """What leaves most of it empty has a box too small for its size."""
    for aspect in KINDS[name].aspect:
        for seed in range(3):
            pen = composing.Pen(60, aspect)
            KINDS[name].draw(pen, COLOURS["red"], random.Random(seed))
            ys, xs = np.nonzero(np.asarray(pen.image)[:, :, 3] > 127)
            height, width = pen.image.height, pen.image.width
            assert ys.max() - ys.min() > 0.64 * height, (aspect, seed)
            assert xs.max() - xs.min() > 0.6 * width, (aspect, seed)


def test_the_streets_have_not_changed() -> None:
    """Ten streets of seed 0, objects and pixels: what is committed was measured on these."""
    digest = hashlib.sha256()
    for number in range(10):
        image, objects = drawn_set("driving").draw(96, random.Random(f"0/train/{number}"))
        digest.update(image.tobytes())
        digest.update(json.dumps([vars(o) for o in objects]).encode())
    assert digest.hexdigest() == STREETS


def test_a_kind_of_no_place_is_refused() -> None:
    with pytest.raises(ValueError, match="fork stands nowhere in these places: meadow"):
        Placed(kinds_of(["cat", "fork"], {}), {"cat": 0.9, "fork": 0.9}, {"meadow": 1.0})
