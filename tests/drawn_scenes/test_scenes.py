"""The drawn streets: exactly boxed, and described in words that are true."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from drawn_scenes import compose as composing
from drawn_scenes.captions import OPENINGS, article, caption
from drawn_scenes.catalog import KINDS, Kind, kind
from drawn_scenes.compose import MIN_PIXELS, MIN_VISIBLE, SceneObject, compose
from drawn_scenes.drawn_set import MAX_OBJECTS
from drawn_scenes.driving import CHANCES, COMMON, RANKING, RARE, draw_kinds
from drawn_scenes.pen import COLOURS, RGB, Pen

ALL = sorted(KINDS)


def scenes(count: int, size: int = 96) -> list[tuple[Image.Image, list[SceneObject]]]:
    """Street scenes as the generator draws them."""
    out = []
    for number in range(count):
        rng = random.Random(f"test/{number}")
        out.append(compose(draw_kinds(rng), size, rng))
    return out


# Boxes


def test_boxes_lie_inside_the_image() -> None:
    found = [o for _, objects in scenes(40) for o in objects]
    assert len(found) > 60
    for o in found:
        assert o.x >= 0
        assert o.y >= 0
        assert 0 < o.w <= 96 - o.x
        assert 0 < o.h <= 96 - o.y


def test_boxes_are_exactly_the_visible_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Against the map of which object owns which pixel, read row by row and column by column."""
    seen: list[tuple[np.ndarray, int, int, SceneObject | None]] = []
    annotate = composing._annotate

    def spy(owner: np.ndarray, number: int, own_pixels: int, placed: object) -> SceneObject | None:
        found = annotate(owner, number, own_pixels, placed)  # type: ignore[arg-type]
        seen.append((owner.copy(), number, own_pixels, found))
        return found

    monkeypatch.setattr(composing, "_annotate", spy)
    scenes(30)
    dropped = [entry for entry in seen if entry[3] is None]
    for owner, number, own_pixels, found in seen:
        visible = owner == number
        if found is None:
            assert visible.sum() < max(MIN_PIXELS, MIN_VISIBLE * own_pixels)
            continue
        assert visible.sum() >= max(MIN_PIXELS, MIN_VISIBLE * own_pixels)
        rows, columns = visible.any(1).nonzero()[0], visible.any(0).nonzero()[0]
        assert (found.x, found.y) == (columns[0], rows[0])
        assert (found.x + found.w, found.y + found.h) == (columns[-1] + 1, rows[-1] + 1)
    assert len(dropped) < len(seen) / 3


def flat(name: str, draw: Callable[[Pen, RGB, random.Random], None], **changes: object) -> Kind:
    """A kind for one test that hangs in the sky, where no shadow falls."""
    values: dict[str, object] = {
        "name": name,
        "draw": draw,
        "synonyms": (),
        "hypernyms": (),
        "colours": (),
        "places": ("sky",),
        "size": (1.5, 2.0),
        "aspect": (0.8, 1.4),
        "mirrored": True,
    }
    return Kind(**{**values, **changes})  # type: ignore[arg-type]


MAGENTA = (255, 0, 255)


@pytest.mark.parametrize("seed", range(12))
def test_boxes_are_where_the_picture_shows_the_object(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    """Against the pixels alone: how far each lies between the empty street and the object's colour."""
    monkeypatch.setattr(composing, "_light", lambda image, rng: image)  # no blur and noise over the edges

    def draw(pen: Pen, colour: RGB, rng: random.Random) -> None:
        pen.poly([(pen.w / 2, 0), (pen.w, 50), (pen.w / 2, 100), (0, 50)], MAGENTA)  # its tips are faint

    image, objects = compose([flat("balloon", draw)], 96, random.Random(seed))
    street, nothing = compose([], 96, random.Random(seed))
    assert nothing == []
    ground, green = (np.asarray(i, np.float64)[:, :, 1] for i in (street, image))
    cover = (ground - green) / ground  # 0: the street alone, 1: the object alone, which has no green
    (box,) = objects
    for threshold, grown in ((0.51, 0), (0.49, 1)):  # in between lie rounding errors
        ys, xs = np.nonzero(cover > threshold)
        inner = (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1)
        corners = (box.x, box.y, box.x + box.w, box.y + box.h)
        signs = (1, 1, -1, -1) if grown == 0 else (-1, -1, 1, 1)
        assert all(sign * corner <= sign * edge for sign, corner, edge in zip(signs, corners, inner, strict=True))


def test_what_is_behind_something_is_boxed_by_what_shows() -> None:
    owner = np.zeros((20, 30), np.uint8)
    owner[5:15, 4:24] = 1
    owner[5:15, 10:24] = 2  # the second stands in front
    placed = composing._Placed(KINDS["car"], "red", 0, 0, Image.new("RGBA", (1, 1)), True)
    assert composing._annotate(owner, 1, 100, placed) == SceneObject("car", "red", 4, 5, 6, 10)
    assert composing._annotate(owner, 2, 140, placed) == SceneObject("car", "red", 10, 5, 14, 10)
    assert composing._annotate(owner, 1, 200, placed) is None  # only 60 of its 200 pixels show
    assert composing._annotate(owner, 3, 0, placed) is None


@pytest.mark.parametrize("mirrored", [False, True])
def test_only_what_may_face_the_other_way_is_mirrored(mirrored: bool) -> None:
    def draw(pen: Pen, colour: RGB, rng: random.Random) -> None:
        pen.rect(0, 0, pen.w / 2, 100, (255, 0, 0))
        pen.rect(pen.w / 2, 0, pen.w, 100, (0, 0, 255))

    sides = []
    for seed in range(30):
        image, objects = compose([flat("sign", draw, mirrored=mirrored)], 96, random.Random(seed))
        for o in objects:
            pixels = np.asarray(image.crop((o.x, o.y, o.x + o.w, o.y + o.h)), np.float64)
            redness = (pixels[:, :, 0] - pixels[:, :, 2]).mean(0)
            sides.append(bool(redness[: o.w // 2].mean() > redness[o.w // 2 :].mean()))
    assert len(sides) > 20
    assert set(sides) == ({True, False} if mirrored else {True})


def test_the_stop_sign_can_always_be_read() -> None:
    assert not KINDS["stop sign"].mirrored


# The catalog


def test_there_are_enough_kinds_and_colours() -> None:
    assert len(KINDS) >= 48
    assert len(COLOURS) >= 10
    assert len(RANKING) == len(set(RANKING)) == 77
    assert set(RANKING) < set(ALL)


@pytest.mark.parametrize("name", ALL)
def test_every_kind_can_be_drawn_at_any_size(name: str) -> None:
    drawn = KINDS[name]
    for pixels in (6, 11, 40, 130):
        for aspect in drawn.aspect:
            for seed in range(3):
                pen = Pen(pixels, aspect)
                drawn.draw(pen, COLOURS["red"], random.Random(seed))
                size = (max(4, round(pixels * aspect)), pixels)
                solid = np.asarray(pen.image.resize(size, Image.Resampling.BOX))[:, :, 3] > 127
                assert solid.mean() > 0.03, (pixels, aspect, seed)


@pytest.mark.parametrize("name", [name for name in ALL if KINDS[name].colours])
def test_colour_shows(name: str) -> None:
    """Objects of two colours differ in a good part of their pixels."""
    pictures = []
    for colour in (KINDS[name].colours[0], KINDS[name].colours[-1]):
        pen = Pen(60, sum(KINDS[name].aspect) / 2)
        KINDS[name].draw(pen, COLOURS[colour], random.Random(1))
        pictures.append(np.asarray(pen.image).astype(int))
    differs = np.abs(pictures[0] - pictures[1]).sum(2) > 60
    assert differs.sum() > 0.15 * (pictures[0][:, :, 3] > 127).sum()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"name": "car"}, "the category 'car' is drawn twice"),
        ({"places": ("moon",)}, "unknown places or colours ['moon']"),
        ({"colours": ("rde",)}, "unknown places or colours ['rde']"),
    ],
)
def test_a_wrong_kind_is_refused(changes: dict[str, object], said: str) -> None:
    arguments = {"name": "probe", "places": ("road",), "size": (1, 1), "aspect": (1, 1), **changes}
    with pytest.raises(ValueError, match=r"twice|unknown") as caught:
        kind(**arguments)
    assert said in str(caught.value)
    assert "probe" not in KINDS


def test_frequencies_fall_from_common_to_rare() -> None:
    chances = list(CHANCES.values())
    assert chances[0] == pytest.approx(COMMON) == 0.12
    assert chances[-1] == pytest.approx(RARE) == 0.004
    assert all(a > b for a, b in pairwise(chances))


def test_kinds_come_as_often_as_their_frequency() -> None:
    """3,000 draws: the most common kind within five standard deviations, given that no image is empty."""
    rng, count = random.Random(0), 3000
    drawn = [[k.name for k in draw_kinds(rng)] for _ in range(count)]
    assert all(1 <= len(names) <= MAX_OBJECTS for names in drawn)
    assert {len(names) for names in drawn} == set(range(1, MAX_OBJECTS + 1))
    not_empty = 1 - np.prod([1 - chance for chance in CHANCES.values()])
    share = sum("car" in names for names in drawn) / count
    expected = CHANCES["car"] / not_empty
    assert share == pytest.approx(expected, abs=5 * (expected * (1 - expected) / count) ** 0.5)
    assert {name for names in drawn for name in names} == set(RANKING)


def test_a_scene_has_at_most_nine_objects() -> None:
    assert max(len(objects) for _, objects in scenes(40)) <= MAX_OBJECTS


# Captions


def phrases(text: str) -> list[str]:
    """The noun phrases of a caption, without openings and articles."""
    opening = max((o for o in OPENINGS if text.startswith(o)), key=len)
    listed = text.removeprefix(opening).replace(" and ", ", ").split(", ")
    return [phrase.removeprefix("an ").removeprefix("a ") for phrase in listed]


def words_of(o: SceneObject) -> set[str]:
    """All that may be said of an object."""
    words = (o.category, *KINDS[o.category].synonyms, *KINDS[o.category].hypernyms)
    return {*words, *(f"{o.colour} {word}" for word in words if o.colour)}


@pytest.mark.parametrize("plain", [0.0, 0.5, 1.0])
def test_captions_mention_only_what_is_there(plain: float) -> None:
    rng = random.Random(0)
    for objects in (objects for _, objects in scenes(40, 64) if objects):
        for _ in range(3):
            said = phrases(caption(objects, rng, plain=plain))
            assert set(said) <= set().union(*map(words_of, objects))
            assert len(said) == len(set(said))


def test_a_plain_caption_names_everything_that_is_there() -> None:
    objects = [SceneObject("car", "red", 0, 0, 9, 9), SceneObject("stop sign", None, 0, 0, 9, 9)]
    for seed in range(20):
        said = phrases(caption(objects, random.Random(seed)))
        assert sorted(phrase.removeprefix("red ") for phrase in said) == ["car", "stop sign"]


def test_no_more_is_said_than_asked_for() -> None:
    objects = [SceneObject(name, None, 0, 0, 9, 9) for name in RANKING[:6]]
    assert len(phrases(caption(objects, random.Random(0), most=2))) == 2
    assert caption([], random.Random(0)) == "an empty street"


@pytest.mark.parametrize(("phrase", "said"), [("red car", "a red car"), ("orange car", "an orange car")])
def test_articles(phrase: str, said: str) -> None:
    assert article(phrase) == said


def test_kinds_are_data() -> None:
    """Their fields are tuples, so that nothing drawn can change them."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        KINDS["car"].mirrored = False  # type: ignore[misc]
