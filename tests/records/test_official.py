"""The published splits that come with the project."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import for_retrieval
from for_retrieval.errors import UsageError
from for_retrieval.records.readers.nuimages import WORDS
from for_retrieval.records.splits import official_split

SHIPPED = Path(for_retrieval.__file__).parent / "records" / "official"
# The 80 categories of COCO 2017, in the order of its files.
COCO = """person, bicycle, car, motorcycle, airplane, bus, train, truck, boat, traffic light, fire hydrant, stop sign,
parking meter, bench, bird, cat, dog, horse, sheep, cow, elephant, bear, zebra, giraffe, backpack, umbrella, handbag,
tie, suitcase, frisbee, skis, snowboard, sports ball, kite, baseball bat, baseball glove, skateboard, surfboard,
tennis racket, bottle, wine glass, cup, fork, knife, spoon, bowl, banana, apple, sandwich, orange, broccoli, carrot,
hot dog, pizza, donut, cake, chair, couch, potted plant, bed, dining table, toilet, tv, laptop, mouse, remote, keyboard,
cell phone, microwave, oven, toaster, sink, refrigerator, book, clock, vase, scissors, teddy bear, hair drier,
toothbrush"""
COCO_NAMES = [name.strip() for name in COCO.replace("\n", " ").split(",")]


def shipped(name: str) -> dict[str, list[str]]:
    content: dict[str, list[str]] = json.loads((SHIPPED / f"{name}.json").read_text())
    return content


def test_coco_is_divided_into_48_17_and_15() -> None:
    lists = shipped("coco-48-17")
    assert {key: len(names) for key, names in lists.items()} == {"base": 48, "novel": 17, "ignored": 15}
    assert len(COCO_NAMES) == 80
    assert sorted(name for names in lists.values() for name in names) == sorted(COCO_NAMES)


def test_the_novel_names_of_coco_are_those_of_the_method() -> None:
    base, novel = official_split("official/coco-48-17", COCO_NAMES, {})
    assert set(novel) == {
        "airplane", "bus", "cat", "dog", "cow", "elephant", "umbrella", "tie", "snowboard", "skateboard", "cup",
        "knife", "cake", "couch", "keyboard", "sink", "scissors",
    }  # fmt: skip
    assert len(base) == 48
    assert base == [name for name in COCO_NAMES if name in base], "in the order of the set"


def test_nuimages_has_all_23_once() -> None:
    lists = shipped("nuimages-15-8")
    assert sorted(lists["base"] + lists["novel"]) == sorted(entry.word for entry in WORDS.values())
    assert (len(lists["base"]), len(lists["novel"])) == (15, 8)


def test_lvis_is_divided_by_frequency() -> None:
    groups = {"rare": ["bow"], "common": ["fireplug"], "frequent": ["car"]}
    categories = ["fireplug", "bow", "car"]
    assert official_split("official/lvis-frequency", categories, groups) == (["fireplug", "car"], ["bow"])


def test_a_part_of_the_published_set_has_a_part_of_the_split() -> None:
    assert official_split("official/coco-48-17", ["dog", "unicorn", "car"], {}) == (["car"], ["dog"])


def test_a_split_of_another_set_is_told() -> None:
    said = "data.categories is 'official/coco-48-17', but none of its base categories is in this set; choose another"
    with pytest.raises(UsageError, match=said):
        official_split("official/coco-48-17", ["unicorn"], {})
    with pytest.raises(UsageError, match="none of its base categories"):
        official_split("official/lvis-frequency", ["car"], {})


@pytest.mark.parametrize("name", ["official/coco-48-71", "official/../profile", "official/"])
def test_an_unknown_split_is_told(name: str) -> None:
    with pytest.raises(UsageError, match=r"data.categories names .*, which is not a shipped split; "):
        official_split(name, COCO_NAMES, {})
