"""The drawn streets: repeatable, exactly boxed, and described in words that are true."""

from __future__ import annotations

import dataclasses
import json
import random
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from drawn_scenes import compose as composing
from drawn_scenes.captions import OPENINGS, article, caption
from drawn_scenes.catalog import KINDS, Kind, kind
from drawn_scenes.compose import MIN_PIXELS, MIN_VISIBLE, SceneObject, compose
from drawn_scenes.generate import draw_scene, generate
from drawn_scenes.pen import COLOURS, RGB, Pen
from drawn_scenes.streets import COMMON, MAX_OBJECTS, RANKING, RARE, draw_kinds, frequencies
from for_retrieval.errors import UsageError
from for_retrieval.params import Scenes
from for_retrieval.records.records import Records

SMALL = Scenes(benchmark="driving", size=64, train=9, val=3, test=4, novel=["dog", "kite"])
ALL = sorted(KINDS)


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def scenes(count: int, size: int = 96) -> list[tuple[Image.Image, list[SceneObject]]]:
    """Street scenes as the generator draws them."""
    out = []
    for number in range(count):
        rng = random.Random(f"test/{number}")
        out.append(compose(draw_kinds(rng), size, rng))
    return out


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Records]:
    folder = tmp_path_factory.mktemp("one")
    return folder, generate(SMALL, 3, folder, 1)


def test_the_number_of_processes_changes_no_byte(generated: tuple[Path, Records], tmp_path: Path) -> None:
    folder, records = generated
    again = generate(SMALL, 3, tmp_path, 2)
    assert files(tmp_path) == files(folder)
    assert len(files(folder)) == 9 + 3 + 4 + 1
    assert again.info.digest == records.info.digest
    assert again.objects.equals(records.objects)


def test_another_seed_draws_other_scenes(generated: tuple[Path, Records], tmp_path: Path) -> None:
    folder, records = generated
    other = generate(SMALL, 4, tmp_path, 1)
    assert set(other.images["hash"]).isdisjoint(records.images["hash"])
    assert not set(files(tmp_path).values()) & set(files(folder).values())


def test_a_larger_set_keeps_the_scenes_of_a_smaller_one(generated: tuple[Path, Records], tmp_path: Path) -> None:
    larger = generate(SMALL.model_copy(update={"train": 12}), 3, tmp_path, 1)
    assert set(generated[1].images["hash"]) < set(larger.images["hash"])


def test_records_say_what_was_drawn(generated: tuple[Path, Records]) -> None:
    folder, records = generated
    assert records.images["split"].value_counts().to_dict() == {"train": 9, "test": 4, "val": 3}
    assert records.images["hash"].is_unique
    for row in records.images.itertuples():
        with Image.open(folder / "images" / row.path) as image:
            assert image.size == (row.width, row.height) == (64, 64)
    info = records.info
    assert info.novel == ["dog", "kite"]
    assert set(info.base) == set(RANKING) - {"dog", "kite"}
    assert info.colours == list(COLOURS)
    assert info.synonyms["car"] == list(KINDS["car"].synonyms)
    assert set(records.objects["category"]) <= set(RANKING)
    colours = {json.loads(text).get("colour") for text in records.objects["attributes"]}
    assert colours <= {*COLOURS, None}


def test_captions_are_kept_by_image(generated: tuple[Path, Records]) -> None:
    folder, records = generated
    captions = json.loads((folder / "captions.json").read_text(encoding="utf-8"))
    assert set(captions) == set(records.images["image_id"])
    assert all(len(text) > 3 for text in captions.values())


def test_every_image_shows_something(generated: tuple[Path, Records]) -> None:
    _, records = generated
    assert set(records.objects["image_id"]) == set(records.images["image_id"])


def test_one_scene_depends_on_its_own_number_alone(tmp_path: Path) -> None:
    one, again, other = (
        draw_scene(("train", number), name="driving", folder=tmp_path, size=64, seed=0) for number in (5, 5, 6)
    )
    assert one == again
    assert one.hash != other.hash


def test_an_unknown_novel_category_is_told_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        generate(SMALL.model_copy(update={"novel": ["dgo"]}), 0, tmp_path, 1)
    assert str(caught.value) == "data.scenes.novel: no category 'dgo' is drawn; did you mean 'dog'?"
    assert list(tmp_path.iterdir()) == []


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
    chances = list(frequencies().values())
    assert chances[0] == pytest.approx(COMMON) == 0.12
    assert chances[-1] == pytest.approx(RARE) == 0.004
    assert all(a > b for a, b in pairwise(chances))


def test_kinds_come_as_often_as_their_frequency() -> None:
    """3,000 draws: the most common kind within five standard deviations, given that no image is empty."""
    rng, count = random.Random(0), 3000
    drawn = [[k.name for k in draw_kinds(rng)] for _ in range(count)]
    assert all(1 <= len(names) <= MAX_OBJECTS for names in drawn)
    assert {len(names) for names in drawn} == set(range(1, MAX_OBJECTS + 1))
    chances = frequencies()
    not_empty = 1 - np.prod([1 - chance for chance in chances.values()])
    share = sum("car" in names for names in drawn) / count
    expected = chances["car"] / not_empty
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
